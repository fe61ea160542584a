//! VIFs as any hypervisor announces them: an interface on the integration bridge whose
//! `external_ids:iface-id` names a port (Open vSwitch, "Integration Guide for Centralized Control").

use ::ovsdb::{Replica, Row};
use uuid::Uuid;

/// An interface on the integration bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedVif {
    /// Its row in OVSDB's Interface table.
    pub row: Uuid,
    /// Its name, unique on the host.
    pub interface: String,
    /// The port it names: `external_ids:iface-id`, or XenServer's `xs-vif-uuid`.
    pub iface_id: Option<String>,
    /// Its OpenFlow port number, once the switch has taken it.
    pub ofport: Option<u32>,
    /// Its number in the host's kernel.
    pub ifindex: Option<u32>,
    /// Its Open vSwitch type: empty for a system interface, else `internal`, `patch`, …
    pub kind: String,
    /// Whether the link behind it is gone, though the switch keeps its number: whoever made it ended
    /// without unplugging it.
    pub is_gone: bool,
    /// What the switch says is wrong with it.
    pub error: Option<String>,
    /// The generation it was last marked active with: `external_ids:bulkhead-active`.
    pub active: Option<u64>,
}

/// The columns of OVSDB that [`vifs`] reads, by table.
pub const COLUMNS: &[(&str, &[&str])] = &[
    ("Bridge", &["name", "ports"]),
    ("Port", &["name", "interfaces"]),
    (
        "Interface",
        &[
            "name",
            "type",
            "external_ids",
            "ofport",
            "ifindex",
            "mac_in_use",
            "error",
        ],
    ),
];

/// Every interface on `bridge`, by name. An interface whose `ofport` is negative is not in the
/// switch, and is shown without one.
#[must_use]
pub fn vifs(replica: &Replica, bridge: &str) -> Vec<ObservedVif> {
    let mut found: Vec<ObservedVif> = interfaces(replica, bridge)
        .map(|(uuid, row)| vif(uuid, row))
        .collect();
    found.sort_by(|a, b| a.interface.cmp(&b.interface));
    found
}

/// A guest that whoever plugged an interface of its names there: `external_ids:xs-vm-uuid`, as
/// XenServer, XCP-ng and our own hotplug script for `xl` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedGuest {
    /// The interface's name.
    pub interface: String,
    /// The guest.
    pub uuid: Uuid,
    /// Its name: `external_ids:xen-vm-name`.
    pub name: Option<String>,
}

/// The guests that interfaces on `bridge` name, by interface.
#[must_use]
pub fn announced_guests(replica: &Replica, bridge: &str) -> Vec<AnnouncedGuest> {
    let mut found: Vec<AnnouncedGuest> = interfaces(replica, bridge)
        .filter_map(|(_, row)| {
            Some(AnnouncedGuest {
                interface: text(row, "name")?.to_owned(),
                uuid: external_id(row, "xs-vm-uuid")?.parse().ok()?,
                name: external_id(row, "xen-vm-name").map(str::to_owned),
            })
        })
        .collect();
    found.sort_by(|a, b| a.interface.cmp(&b.interface));
    found
}

fn interfaces<'a>(replica: &'a Replica, bridge: &str) -> impl Iterator<Item = (Uuid, &'a Row)> {
    let bridges = replica.table("Bridge").iter();
    let ports = bridges
        .filter(move |(_, row)| text(row, "name") == Some(bridge))
        .flat_map(|(_, row)| references(row, "ports"));
    let rows = ports.filter_map(|port| replica.table("Port").get(port));
    let interfaces = rows.flat_map(|row| references(row, "interfaces"));
    interfaces.filter_map(|uuid| Some((uuid, &**replica.table("Interface").get(uuid)?)))
}

fn external_id<'a>(row: &'a Row, key: &str) -> Option<&'a str> {
    row.get("external_ids")?.map_get(key)
}

fn vif(uuid: Uuid, row: &Row) -> ObservedVif {
    let external_id = |key| external_id(row, key);
    let number = |column| {
        let value = row.get(column).and_then(::ovsdb::Value::as_i64);
        value.and_then(|value| u32::try_from(value).ok())
    };
    ObservedVif {
        row: uuid,
        interface: text(row, "name").unwrap_or_default().to_owned(),
        iface_id: external_id("iface-id")
            .or_else(|| external_id("xs-vif-uuid"))
            .map(str::to_owned),
        ofport: number("ofport").filter(|port| *port != 0),
        ifindex: number("ifindex").filter(|index| *index != 0),
        // Every link has an address, and the switch notices when that of a link is no more. Its number in
        // the kernel says less: one that only pretends has none.
        is_gone: number("ofport").is_some() && text(row, "mac_in_use").is_none(),
        kind: text(row, "type").unwrap_or_default().to_owned(),
        error: text(row, "error").map(str::to_owned),
        active: external_id("bulkhead-active").and_then(|text| text.parse().ok()),
    }
}

fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column)?.as_str()
}

fn references(row: &Row, column: &str) -> Vec<Uuid> {
    let value = row.get(column);
    value.map_or_else(Vec::new, |value| value.uuids().collect())
}
