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

/// A link to plug in.
pub(crate) struct Link {
    /// Its name.
    pub(crate) name: String,
    /// What the interface says of itself: its `external_ids`.
    pub(crate) of_interface: Value,
    /// What its port does.
    pub(crate) of_port: Value,
}

/// Plugs links into `bridge`, all or none. The switch looks at all of its ports after every transaction, so
/// that many in one cost it hardly more than one.
pub(crate) fn operations(bridge: &str, links: impl IntoIterator<Item = Link>) -> Vec<Operation> {
    let links = links.into_iter().enumerate();
    let plugged = links.flat_map(|(number, link)| {
        let (interface, port) = (format!("interface{number}"), format!("port{number}"));
        [
            Operation::insert("Interface")
                .with_uuid_name(&interface)
                .column("name", link.name.as_str())
                .column("external_ids", link.of_interface)
                .into(),
            Operation::insert("Port")
                .with_uuid_name(&port)
                .column("name", link.name.as_str())
                .column("interfaces", NamedUuid::new(interface))
                .column("external_ids", link.of_port)
                .into(),
            Operation::mutate("Bridge")
                .where_(Condition::equal("name", bridge))
                .mutation("ports", Mutator::Insert, NamedUuid::new(port))
                .into(),
        ]
    });
    plugged.collect()
}

/// Unplugs these ports. Rows that nothing refers to any more go by themselves.
pub(crate) fn removal(bridge: &str, ports: impl Iterator<Item = Uuid>) -> Operation {
    Operation::mutate("Bridge")
        .where_(Condition::equal("name", bridge))
        .mutation("ports", Mutator::Delete, Value::set(ports))
        .into()
}

/// The ports that the condition is true of; without one, all.
pub(crate) async fn ports_where(
    ovsdb: &Client,
    condition: Option<Condition>,
) -> Result<Vec<PortRow>, ::ovsdb::Error> {
    let select = Operation::select("Port").columns(["_uuid", "name"]);
    let select = condition
        .into_iter()
        .fold(select, |select, condition| select.where_(condition));
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
