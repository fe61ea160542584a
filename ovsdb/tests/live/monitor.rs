//! Replicas that follow the server.

use std::sync::Arc;

use futures::FutureExt;
use ovsdb::{Condition, ConnectionState, Error, MonitorRequest, Operation, Replica, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::change::{add_port, begin, everything, fresh, remove_port, transact};
use crate::server::{DB, Server};

fn names(replica: &Replica, table: &str) -> Vec<String> {
    let rows = replica.table(table).iter();
    let mut names: Vec<_> = rows
        .map(|(_, row)| row.get("name").unwrap().as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn when_a_transaction_is_answered_the_replica_already_shows_it() {
    let server = Server::start();
    let client = server.connect().await;
    let mut monitor = client.monitor(DB, everything()).await.unwrap();
    assert!(monitor.snapshot().table("Bridge").is_empty());
    assert_eq!(*monitor.connection().borrow(), ConnectionState::Connected);

    begin(&client).await;
    for n in 0..20 {
        transact(&client, add_port(&format!("vif{n}"))).await;
        let replica = monitor.snapshot();
        assert_eq!(replica.table("Port").len(), n + 1);
        monitor.changed().now_or_never().expect("woken").unwrap();
        assert!(monitor.changed().now_or_never().is_none(), "woken once");
    }
    let replica = monitor.snapshot();
    let (_, interface) = replica.table("Interface").find("name", "vif7").unwrap();
    let external_ids = interface.get("external_ids").unwrap();
    assert_eq!(external_ids.map_get("iface-id"), Some("vif7"));
    assert_eq!(interface.get("nonsense"), None);
    let ofport = interface.get("ofport").unwrap();
    assert!(ofport.is_empty(), "defaults that updates omit are there");
    let (_, bridge) = replica.table("Bridge").iter().next().unwrap();
    assert_eq!(bridge.get("ports").unwrap().uuids().count(), 20);
}

#[tokio::test]
async fn an_update_leaves_other_rows_the_very_same() {
    let server = Server::start();
    let client = server.connect().await;
    let monitor = client.monitor(DB, everything()).await.unwrap();
    begin(&client).await;
    transact(&client, add_port("vif0")).await;
    let before = monitor.snapshot();
    transact(&client, add_port("vif1")).await;
    let after = monitor.snapshot();
    let (uuid, port) = before.table("Port").find("name", "vif0").unwrap();
    assert!(Arc::ptr_eq(port, after.table("Port").get(uuid).unwrap()));
    assert_eq!(before.table("Port").len(), 1, "snapshots do not change");
}

#[tokio::test]
async fn conditions_choose_rows_and_changes_move_rows_in_and_out() {
    let server = Server::start();
    let client = server.connect().await;
    begin(&client).await;
    for name in ["a", "b", "c"] {
        transact(&client, add_port(name)).await;
    }
    let any = [Condition::equal("tag", 5), Condition::equal("name", "c")];
    let request = MonitorRequest::new().table_where("Port", ["name", "tag"], any);
    let monitor = client.monitor(DB, request).await.unwrap();
    assert_eq!(names(&monitor.snapshot(), "Port"), ["c"]);
    let tag = |value: Value| {
        let update = Operation::update("Port").where_(Condition::equal("name", "a"));
        vec![update.column("tag", value).into()]
    };
    transact(&client, tag(5.into())).await;
    assert_eq!(names(&monitor.snapshot(), "Port"), ["a", "c"]);
    transact(&client, tag(Value::empty_set())).await;
    assert_eq!(names(&monitor.snapshot(), "Port"), ["c"]);
}

#[tokio::test]
async fn only_the_columns_asked_for_are_there() {
    let server = Server::start();
    let client = server.connect().await;
    begin(&client).await;
    let request = MonitorRequest::new().table("Bridge", ["name", "_version"]);
    let monitor = client.monitor(DB, request).await.unwrap();
    let replica = monitor.snapshot();
    let (_, row) = replica.table("Bridge").iter().next().unwrap();
    let columns: Vec<_> = row.iter().map(|(name, _)| name).collect();
    assert_eq!(columns, ["_version", "name"]);
    assert!(row.get("_version").unwrap().as_uuid().is_some());
}

#[tokio::test]
async fn what_the_schema_lacks_is_refused_by_name() {
    let server = Server::start();
    let client = server.connect().await;
    let table = MonitorRequest::new().all_columns("Nonsense");
    let refused = client.monitor(DB, table).await;
    assert!(matches!(refused, Err(Error::UnknownTable { table }) if table == "Nonsense"));
    let column = MonitorRequest::new().table("Port", ["name", "nonsense"]);
    let refused = client.monitor(DB, column).await;
    assert!(matches!(refused, Err(Error::UnknownColumn { column, .. }) if column == "nonsense"));
    let refused = client.monitor("nothing", everything()).await;
    assert!(matches!(refused, Err(Error::Refused { error, .. }) if error == "unknown database"));
}

#[tokio::test]
async fn a_dropped_monitor_is_cancelled_and_the_client_goes_on() {
    let server = Server::start();
    let client = server.connect().await;
    let bridge = begin(&client).await;
    for n in 0..50 {
        let monitor = client.monitor(DB, everything()).await.unwrap();
        assert!(monitor.snapshot().table("Bridge").get(bridge).is_some());
        drop(monitor);
        transact(&client, add_port(&format!("vif{n}"))).await;
    }
}

#[tokio::test]
async fn a_monitor_outlives_the_client_handles() {
    let server = Server::start();
    let other = server.connect().await;
    let client = server.connect().await;
    let mut monitor = client.monitor(DB, everything()).await.unwrap();
    drop(client);
    begin(&other).await;
    monitor.changed().await.unwrap();
    assert_eq!(names(&monitor.snapshot(), "Bridge"), ["br0"]);
}

/// Something that changes rows in ways that differ in their updates.
#[derive(Clone, Debug)]
enum Step {
    AddPort(u8),
    RemovePort(u8),
    Tag(u8, Option<u16>),
    Trunks(u8, Vec<u16>),
    Ids(u8, Vec<(u8, u8)>),
    Statistics(u8, Vec<(u8, i64)>),
    Config(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let port = 0..6_u8;
    let ids = prop::collection::vec((0..5_u8, 0..3_u8), 0..5);
    let numbers = prop::collection::vec((0..5_u8, any::<i64>()), 0..5);
    prop_oneof![
        3 => port.clone().prop_map(Step::AddPort),
        1 => port.clone().prop_map(Step::RemovePort),
        2 => (port.clone(), prop::option::of(0..4096_u16)).prop_map(|(p, t)| Step::Tag(p, t)),
        3 => (port.clone(), prop::collection::vec(0..9_u16, 0..9))
            .prop_map(|(p, t)| Step::Trunks(p, t)),
        3 => (port.clone(), ids).prop_map(|(p, ids)| Step::Ids(p, ids)),
        2 => (port, numbers).prop_map(|(p, numbers)| Step::Statistics(p, numbers)),
        1 => any::<i64>().prop_map(Step::Config),
    ]
}

fn operations(step: Step, replica: &Replica) -> Vec<Operation> {
    let name = |port: u8| format!("vif{port}");
    let port_of = |port: u8| replica.table("Port").find("name", name(port));
    let named = |port: u8| Condition::equal("name", name(port));
    let update = |table: &str, port: u8, column: &str, value: Value| {
        let update = Operation::update(table).where_(named(port));
        vec![update.column(column, value).into()]
    };
    match step {
        Step::AddPort(port) if port_of(port).is_none() => add_port(&name(port)),
        Step::RemovePort(port) | Step::AddPort(port) => {
            let found = port_of(port);
            found
                .map(|(uuid, _)| remove_port(uuid))
                .into_iter()
                .collect()
        }
        Step::Tag(port, tag) => update("Port", port, "tag", Value::set(tag)),
        Step::Trunks(port, trunks) => update("Port", port, "trunks", Value::set(trunks)),
        Step::Ids(port, ids) => {
            let ids = ids
                .into_iter()
                .map(|(k, v)| (format!("key{k}"), v.to_string()));
            update("Interface", port, "external_ids", Value::map(ids))
        }
        Step::Statistics(port, numbers) => {
            let numbers = numbers.into_iter().map(|(k, v)| (format!("n{k}"), v));
            update("Interface", port, "statistics", Value::map(numbers))
        }
        Step::Config(number) => vec![
            Operation::update("Open_vSwitch")
                .column("next_cfg", number)
                .into(),
        ],
    }
}

#[test]
fn after_random_changes_the_replica_equals_a_fresh_dump() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start();
    let (client, monitor) = runtime.block_on(async {
        let client = server.connect().await;
        let monitor = client.monitor(DB, everything()).await.unwrap();
        begin(&client).await;
        (client, monitor)
    });
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let transactions = prop::collection::vec(step(), 1..30);
    let run = TestRunner::new(config).run(&transactions, |steps| {
        runtime.block_on(async {
            for step in steps {
                let operations = operations(step, &monitor.snapshot());
                transact(&client, operations).await;
            }
            let dump = fresh(&client, everything()).await;
            prop_assert_eq!(&*monitor.snapshot(), &dump);
            Ok(())
        })
    });
    run.unwrap();
}
