//! Operations on Open vSwitch's tables, gathered into one transaction.

use std::collections::BTreeSet;

use model::PhysicalNetworkId;
use model::plan::PlanKey;
use model::report::ItemFailure;
use ovsdb::{Condition, Mutator, NamedUuid, Operation, Uuid, Value};

use super::Topology;
use crate::observe::OWNER;

/// A transaction in the making.
pub(super) struct Edit {
    root: Uuid,
    topology: Topology,
    named: usize,
}

/// A bridge to be made.
pub(super) struct NewBridge<'a> {
    pub(super) name: &'a str,
    pub(super) fail_mode: &'a str,
    pub(super) datapath_type: &'a str,
}

/// A port to be made, with its one interface.
pub(super) struct NewPort<'a> {
    pub(super) name: &'a str,
    /// The interface's type.
    pub(super) kind: &'a str,
    /// The other end of a patch.
    pub(super) peer: Option<&'a str>,
    /// The VLANs it carries: none said means all, so a patch always says.
    pub(super) trunks: Option<&'a BTreeSet<i64>>,
}

/// A bridge that is there, or is made by the same transaction.
#[derive(Clone)]
pub(super) enum BridgeRow {
    There(Uuid),
    New(String),
}

impl Edit {
    pub(super) fn new(root: Uuid) -> Self {
        Self {
            root,
            topology: Topology::default(),
            named: 0,
        }
    }

    pub(super) fn finish(self) -> Topology {
        self.topology
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topology.operations.is_empty()
    }

    /// An item that cannot be carried out.
    pub(super) fn fail(&mut self, key: PlanKey, reason: String) {
        self.topology.failures.push(ItemFailure { key, reason });
    }

    /// The patch port that leads to a physical network.
    pub(super) fn patch(&mut self, network: PhysicalNetworkId, port: String) {
        self.topology.patches.insert(network, port);
    }

    pub(super) fn push(&mut self, operation: impl Into<Operation>) {
        self.topology.operations.push(operation.into());
    }

    /// A name for a row of this transaction.
    pub(super) fn row_name(&mut self) -> String {
        self.named += 1;
        format!("row{}", self.named)
    }

    /// Sets columns of a row, if there are any.
    pub(super) fn update(&mut self, table: &str, row: Uuid, columns: Vec<(&str, Value)>) {
        if columns.is_empty() {
            return;
        }
        let update = Operation::update(table).where_(Condition::equal("_uuid", row));
        let update = columns
            .into_iter()
            .fold(update, |update, (name, value)| update.column(name, value));
        self.push(update);
    }

    /// Sets one entry of a map, whatever it was.
    pub(super) fn set_entry(
        &mut self,
        table: &str,
        row: Uuid,
        column: &str,
        (key, value): (&str, &str),
    ) {
        let set = Operation::mutate(table)
            .where_(Condition::equal("_uuid", row))
            .mutation(column, Mutator::Delete, Value::set([key]))
            .mutation(column, Mutator::Insert, Value::map([(key, value)]));
        self.push(set);
    }

    /// Makes a bridge with its own port.
    pub(super) fn add_bridge(&mut self, new: NewBridge) -> BridgeRow {
        let port = self.insert_port(&NewPort {
            name: new.name,
            kind: "internal",
            peer: None,
            trunks: None,
        });
        let bridge = self.row_name();
        let insert = Operation::insert("Bridge")
            .with_uuid_name(bridge.as_str())
            .column("name", new.name)
            .column("fail_mode", new.fail_mode)
            .column("datapath_type", new.datapath_type)
            .column("other_config", Value::map([("disable-in-band", "true")]))
            .column("external_ids", Value::map([OWNER]))
            .column("ports", NamedUuid::new(port));
        self.push(insert);
        let list = Operation::mutate("Open_vSwitch")
            .where_(Condition::equal("_uuid", self.root))
            .mutation("bridges", Mutator::Insert, NamedUuid::new(bridge.as_str()));
        self.push(list);
        BridgeRow::New(bridge)
    }

    /// Removes a bridge, and with it everything on it.
    pub(super) fn remove_bridge(&mut self, bridge: Uuid) {
        let unlist = Operation::mutate("Open_vSwitch")
            .where_(Condition::equal("_uuid", self.root))
            .mutation("bridges", Mutator::Delete, Value::set([bridge]));
        self.push(unlist);
    }

    /// Makes a port on a bridge.
    pub(super) fn add_port(&mut self, bridge: &BridgeRow, new: &NewPort) {
        let port = NamedUuid::new(self.insert_port(new));
        let condition = match bridge {
            BridgeRow::There(row) => Condition::equal("_uuid", *row),
            BridgeRow::New(name) => Condition::equal("_uuid", NamedUuid::new(name.as_str())),
        };
        let list = Operation::mutate("Bridge").where_(condition);
        self.push(list.mutation("ports", Mutator::Insert, port));
    }

    /// Removes a port from a bridge.
    pub(super) fn remove_port(&mut self, bridge: Uuid, port: Uuid) {
        let unlist = Operation::mutate("Bridge")
            .where_(Condition::equal("_uuid", bridge))
            .mutation("ports", Mutator::Delete, Value::set([port]));
        self.push(unlist);
    }

    fn insert_port(&mut self, new: &NewPort) -> String {
        let (interface, port) = (self.row_name(), self.row_name());
        let mut insert = Operation::insert("Interface")
            .with_uuid_name(interface.as_str())
            .column("name", new.name)
            .column("type", new.kind);
        if let Some(peer) = new.peer {
            insert = insert.column("options", Value::map([("peer", peer)]));
        }
        self.push(insert);
        let mut insert = Operation::insert("Port")
            .with_uuid_name(port.as_str())
            .column("name", new.name)
            .column("external_ids", Value::map([OWNER]))
            .column("interfaces", NamedUuid::new(interface));
        if let Some(trunks) = new.trunks {
            insert = insert
                .column("vlan_mode", "trunk")
                .column("trunks", Value::set(trunks.iter().copied()));
        }
        self.push(insert);
        port
    }
}
