//! Changes of a database for monitors to follow.

use ovsdb::{
    Client, Condition, MonitorRequest, Mutator, NamedUuid, Operation, OperationResult, Replica,
    Uuid, Value,
};

use crate::server::DB;

/// Makes the root row and a bridge without ports.
pub(crate) async fn begin(client: &Client) -> Uuid {
    let operations = vec![
        Operation::insert("Bridge")
            .with_uuid_name("bridge")
            .column("name", "br0")
            .into(),
        Operation::insert("Open_vSwitch")
            .column("bridges", NamedUuid::new("bridge"))
            .into(),
    ];
    let results = transact(client, operations).await;
    results[0].uuid().unwrap()
}

/// What adds a port with its interface to the bridge.
pub(crate) fn add_port(name: &str) -> Vec<Operation> {
    let port = format!("port_{}", name.replace('-', "_"));
    let interface = format!("if_{}", name.replace('-', "_"));
    vec![
        Operation::insert("Interface")
            .with_uuid_name(interface.as_str())
            .column("name", name)
            .column("external_ids", Value::map([("iface-id", name)]))
            .into(),
        Operation::insert("Port")
            .with_uuid_name(port.as_str())
            .column("name", name)
            .column("interfaces", NamedUuid::new(interface))
            .into(),
        Operation::mutate("Bridge")
            .where_(Condition::equal("name", "br0"))
            .mutation("ports", Mutator::Insert, NamedUuid::new(port))
            .into(),
    ]
}

/// What takes a port from the bridge; the server collects the rows.
pub(crate) fn remove_port(port: Uuid) -> Operation {
    Operation::mutate("Bridge")
        .where_(Condition::equal("name", "br0"))
        .mutation("ports", Mutator::Delete, port)
        .into()
}

pub(crate) async fn transact(client: &Client, operations: Vec<Operation>) -> Vec<OperationResult> {
    client.transact(DB, operations).await.unwrap()
}

/// The tables that these tests change, whole.
pub(crate) fn everything() -> MonitorRequest {
    [
        "Open_vSwitch",
        "Bridge",
        "Port",
        "Interface",
        "QoS",
        "Queue",
    ]
    .into_iter()
    .fold(MonitorRequest::new(), MonitorRequest::all_columns)
}

/// What a client that has just connected sees.
pub(crate) async fn fresh(client: &Client, request: MonitorRequest) -> Replica {
    let monitor = client.monitor(DB, request).await.unwrap();
    Replica::clone(&monitor.snapshot())
}
