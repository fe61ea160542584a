//! Plugging links into a bridge, and unplugging them: rows of OVSDB.

use ::ovsdb::{Client, Condition, Mutator, NamedUuid, Operation, Value};
use uuid::Uuid;

/// The database that a switch is told by.
pub(crate) const DATABASE: &str = "Open_vSwitch";

/// A row of OVSDB's Port table, as far as unplugging needs it.
pub(crate) struct PortRow {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
}

/// Plugs the link `name` into `bridge`; what the interface and the port say of themselves follows.
pub(crate) fn operations(
    bridge: &str,
    name: &str,
    of_interface: Value,
    of_port: Value,
) -> Vec<Operation> {
    vec![
        Operation::insert("Interface")
            .with_uuid_name("interface")
            .column("name", name)
            .column("external_ids", of_interface)
            .into(),
        Operation::insert("Port")
            .with_uuid_name("port")
            .column("name", name)
            .column("interfaces", NamedUuid::new("interface"))
            .column("external_ids", of_port)
            .into(),
        Operation::mutate("Bridge")
            .where_(Condition::equal("name", bridge))
            .mutation("ports", Mutator::Insert, NamedUuid::new("port"))
            .into(),
    ]
}

/// Unplugs these ports. Rows that nothing refers to any more go by themselves.
pub(crate) fn removal(bridge: &str, ports: impl Iterator<Item = Uuid>) -> Operation {
    Operation::mutate("Bridge")
        .where_(Condition::equal("name", bridge))
        .mutation("ports", Mutator::Delete, Value::set(ports))
        .into()
}

/// The ports that the condition is true of.
pub(crate) async fn ports_where(
    ovsdb: &Client,
    condition: Condition,
) -> Result<Vec<PortRow>, ::ovsdb::Error> {
    let select = Operation::select("Port")
        .where_(condition)
        .columns(["_uuid", "name"]);
    let outcomes = ovsdb.transact(DATABASE, vec![select.into()]).await?;
    let rows = outcomes.iter().flat_map(|outcome| outcome.rows());
    let ports = rows.filter_map(|row| {
        Some(PortRow {
            uuid: row.get("_uuid")?.as_uuid()?,
            name: row.get("name")?.as_str()?.to_owned(),
        })
    });
    Ok(ports.collect())
}
