//! What OVSDB says this host's switch is: the part of it that the agent decides on. Pure.

use std::collections::{BTreeMap, BTreeSet};

use compute::ovsdb::ObservedVif;
use ipnet::IpNet;
use ovsdb::{MonitorRequest, Replica, Row, Uuid, Value};

/// The database of Open vSwitch.
pub const DATABASE: &str = "Open_vSwitch";

/// The bridge whose flows are ours.
pub const INTEGRATION_BRIDGE: &str = "br-int";

/// Rows with this entry in `external_ids` are ours; all others we never remove.
pub const OWNER: (&str, &str) = ("bulkhead-owner", "agent");

/// The `external_ids` key of an interface whose flows are in place; its value is a generation.
pub const ACTIVE: &str = "bulkhead-active";

/// The `external_ids` key of a bridge that lists the endpoints that its link may have from us. It is
/// written before an address is set and shortened after one is removed, so none is ever forgotten.
pub const ENDPOINTS: &str = "bulkhead-endpoints";

/// The columns that [`Observed::new`] reads, by table. Statistics are not among them: they change
/// every few seconds, and each change would be a wake-up.
const COLUMNS: &[(&str, &[&str])] = &[
    ("Open_vSwitch", &["bridges"]),
    (
        "Bridge",
        &[
            "name",
            "ports",
            "fail_mode",
            "datapath_type",
            "protocols",
            "other_config",
            "mcast_snooping_enable",
            "external_ids",
            "sflow",
        ],
    ),
    (
        "Port",
        &[
            "name",
            "interfaces",
            "vlan_mode",
            "tag",
            "trunks",
            "external_ids",
        ],
    ),
    (
        "Interface",
        &[
            "name",
            "type",
            "options",
            "ofport",
            "error",
            "bfd",
            "bfd_status",
        ],
    ),
    (
        "sFlow",
        &[
            "agent",
            "targets",
            "sampling",
            "header",
            "polling",
            "external_ids",
        ],
    ),
];

/// What the agent has to hear of.
#[must_use]
pub fn monitor_request() -> MonitorRequest {
    let mut tables = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (table, columns) in COLUMNS.iter().chain(compute::ovsdb::COLUMNS) {
        tables.entry(table).or_default().extend(*columns);
    }
    let empty = MonitorRequest::new();
    tables.into_iter().fold(empty, |request, (table, columns)| {
        request.table(table, columns)
    })
}

/// A host's switch.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The row that lists the bridges.
    pub root: Option<Uuid>,
    /// Every bridge by its name.
    pub bridges: BTreeMap<String, Bridge>,
    /// Every interface on the integration bridge, by name.
    pub vifs: Vec<ObservedVif>,
}

/// A bridge.
#[derive(Clone, Debug, Default)]
pub struct Bridge {
    /// Its row.
    pub row: Uuid,
    /// Whether it is marked as ours.
    pub ours: bool,
    /// `secure`, `standalone`, or not said, which means standalone.
    pub fail_mode: Option<String>,
    /// `netdev`, `system`, …; empty means `system`.
    pub datapath_type: String,
    /// The OpenFlow versions it speaks; none said means all.
    pub protocols: Vec<String>,
    /// Whether it is kept from guessing flows for a controller's sake.
    pub in_band_disabled: bool,
    /// Whether it listens to IGMP.
    pub multicast_snooping: bool,
    /// How it samples.
    pub sflow: Option<Sflow>,
    /// The endpoints that we may have given its link, as [`ENDPOINTS`] has them.
    pub endpoints: BTreeSet<IpNet>,
    /// Its ports by name.
    pub ports: BTreeMap<String, BridgePort>,
}

/// A port of a bridge: in OVSDB one or, bonded, several interfaces.
#[derive(Clone, Debug, Default)]
pub struct BridgePort {
    /// Its row.
    pub row: Uuid,
    /// Whether it is marked as ours.
    pub ours: bool,
    /// How it treats VLAN tags.
    pub vlan_mode: Option<String>,
    /// Its access VLAN.
    pub tag: Option<i64>,
    /// The VLANs it carries; none said means all.
    pub trunks: BTreeSet<i64>,
    /// The type of its only interface.
    pub kind: String,
    /// The options of its only interface: the other end of a patch, for one.
    pub options: BTreeMap<String, String>,
    /// How its only interface asks the other end for signs of life.
    pub bfd: BTreeMap<String, String>,
    /// What came of asking: the interface's `bfd_status`.
    pub bfd_status: BTreeMap<String, String>,
    /// Its number in the switch, once the switch has taken it.
    pub ofport: Option<u32>,
    /// What the switch says is wrong with it.
    pub error: Option<String>,
}

/// A row of the sFlow table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sflow {
    /// Its row.
    pub row: Uuid,
    /// Whether it is marked as ours.
    pub ours: bool,
    /// Its settings.
    pub settings: SflowSettings,
}

/// How a bridge samples. Any change of these restarts the switch's sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SflowSettings {
    /// The interface whose address names the host.
    pub agent: Option<String>,
    /// Where datagrams go.
    pub targets: BTreeSet<String>,
    /// One packet in so many is sampled.
    pub sampling: Option<i64>,
    /// Bytes of each sampled packet that are sent.
    pub header: Option<i64>,
    /// Seconds between two counter samples of a port.
    pub polling: Option<i64>,
}

impl Observed {
    /// Reads a replica of the tables that [`monitor_request`] names.
    #[must_use]
    pub fn new(replica: &Replica) -> Self {
        let bridges = replica.table("Bridge").iter().map(|(uuid, row)| {
            let name = text(row, "name").unwrap_or_default();
            (name, bridge(replica, uuid, row))
        });
        Self {
            root: replica
                .table("Open_vSwitch")
                .iter()
                .next()
                .map(|(uuid, _)| uuid),
            bridges: bridges.collect(),
            vifs: compute::ovsdb::vifs(replica, INTEGRATION_BRIDGE),
        }
    }

    /// The integration bridge.
    #[must_use]
    pub fn integration(&self) -> Option<&Bridge> {
        self.bridges.get(INTEGRATION_BRIDGE)
    }

    /// The bridge that has a port of this name.
    #[must_use]
    pub fn holder(&self, port: &str) -> Option<&str> {
        let mut bridges = self.bridges.iter();
        let found = bridges.find(|(_, bridge)| bridge.ports.contains_key(port));
        found.map(|(name, _)| name.as_str())
    }
}

fn bridge(replica: &Replica, uuid: Uuid, row: &Row) -> Bridge {
    let ports = references(row, "ports").filter_map(|uuid| {
        let row = replica.table("Port").get(uuid)?;
        Some((text(row, "name")?, port(replica, uuid, row)))
    });
    let sflow = references(row, "sflow").next();
    let in_band = row
        .get("other_config")
        .and_then(|map| map.map_get("disable-in-band"));
    let snooping = row.get("mcast_snooping_enable").and_then(Value::as_bool);
    Bridge {
        row: uuid,
        ours: is_ours(row),
        fail_mode: text(row, "fail_mode"),
        datapath_type: text(row, "datapath_type").unwrap_or_default(),
        protocols: strings(row, "protocols").collect(),
        in_band_disabled: in_band == Some("true"),
        multicast_snooping: snooping.unwrap_or(false),
        sflow: sflow.and_then(|uuid| sflow_row(replica, uuid)),
        endpoints: endpoints(row),
        ports: ports.collect(),
    }
}

fn port(replica: &Replica, uuid: Uuid, row: &Row) -> BridgePort {
    let mut interfaces = references(row, "interfaces");
    let interface = interfaces
        .next()
        .and_then(|uuid| replica.table("Interface").get(uuid));
    let interface_text = |column| interface.and_then(|row| text(row, column));
    let map = |column| {
        let value = interface.and_then(|row| row.get(column));
        value.map(entries).unwrap_or_default()
    };
    let ofport = interface.and_then(|row| number(row, "ofport"));
    BridgePort {
        row: uuid,
        ours: is_ours(row),
        vlan_mode: text(row, "vlan_mode"),
        tag: number(row, "tag"),
        trunks: row
            .get("trunks")
            .into_iter()
            .flat_map(Value::integers)
            .collect(),
        kind: interface_text("type").unwrap_or_default(),
        options: map("options"),
        bfd: map("bfd"),
        bfd_status: map("bfd_status"),
        // Negative: the switch could not take it.
        ofport: ofport
            .and_then(|port| u32::try_from(port).ok())
            .filter(|port| *port != 0),
        error: interface_text("error"),
    }
}

fn sflow_row(replica: &Replica, uuid: Uuid) -> Option<Sflow> {
    let row = replica.table("sFlow").get(uuid)?;
    let settings = SflowSettings {
        agent: text(row, "agent"),
        targets: strings(row, "targets").collect(),
        sampling: number(row, "sampling"),
        header: number(row, "header"),
        polling: number(row, "polling"),
    };
    Some(Sflow {
        row: uuid,
        ours: is_ours(row),
        settings,
    })
}

fn endpoints(row: &Row) -> BTreeSet<IpNet> {
    let ids = row.get("external_ids");
    let listed = ids.and_then(|ids| ids.map_get(ENDPOINTS));
    let listed = listed.unwrap_or_default().split(',');
    listed.filter_map(|text| text.parse().ok()).collect()
}

fn is_ours(row: &Row) -> bool {
    let (key, value) = OWNER;
    let ids = row.get("external_ids");
    ids.and_then(|ids| ids.map_get(key)) == Some(value)
}

fn text(row: &Row, column: &str) -> Option<String> {
    row.get(column)?.as_str().map(str::to_owned)
}

fn number(row: &Row, column: &str) -> Option<i64> {
    row.get(column)?.as_i64()
}

fn strings<'a>(row: &'a Row, column: &str) -> impl Iterator<Item = String> + 'a {
    let value = row.get(column);
    value
        .into_iter()
        .flat_map(Value::strings)
        .map(str::to_owned)
}

fn entries(map: &Value) -> BTreeMap<String, String> {
    let entries = map.string_entries();
    entries
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn references<'a>(row: &'a Row, column: &str) -> impl Iterator<Item = Uuid> + 'a {
    row.get(column).into_iter().flat_map(Value::uuids)
}
