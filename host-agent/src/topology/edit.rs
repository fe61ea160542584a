//! Operations on Open vSwitch's tables, gathered into one transaction.

use std::collections::BTreeSet;

use model::plan::PlanKey;
use model::report::ItemFailure;
use ovsdb::{Condition, Mutator, NamedUuid, Operation, Uuid, Value};

use super::Topology;
use crate::observe::OWNER;
use crate::wanted::Exit;

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
    /// What reaches the bridge's own port, and so the host.
    pub(super) own_port: Carries<'a>,
}

/// Which frames a port carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carries<'a> {
    /// All, whatever their tags.
    Anything,
    /// Those with one of these tags. To Open vSwitch, none of them would mean all.
    Only(&'a BTreeSet<i64>),
    /// Those without a tag.
    Untagged,
    /// None.
    Nothing,
}

/// The VLAN id that no frame may have (IEEE 802.1Q-2018 §9.6): a port must be in some VLAN.
pub(super) const NO_VLAN: i64 = 4095;

impl Carries<'_> {
    /// The columns of its row that say so.
    pub(super) fn columns(self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Anything => Vec::new(),
            Self::Only(vlans) => vec![
                ("vlan_mode", "trunk".into()),
                ("tag", Value::empty_set()),
                ("trunks", Value::set(vlans.iter().copied())),
            ],
            Self::Nothing => vec![
                ("vlan_mode", "trunk".into()),
                ("tag", Value::empty_set()),
                ("trunks", Value::set([NO_VLAN])),
            ],
            // VLAN 0 is what Open vSwitch calls frames without a tag.
            Self::Untagged => vec![("vlan_mode", "access".into()), ("tag", 0.into())],
        }
    }
}

/// A port to be made, with its one interface.
pub(super) struct NewPort<'a> {
    pub(super) name: &'a str,
    /// The interface's type.
    pub(super) kind: &'a str,
    /// The interface's options: the other end of a patch, for one.
    pub(super) options: &'a [(&'a str, &'a str)],
    /// How it asks the other end for signs of life; nothing if it does not.
    pub(super) bfd: &'a [(&'a str, &'a str)],
    /// The VLANs it carries.
    pub(super) carries: Carries<'a>,
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

    /// The port that is a way out.
    pub(super) fn exit(&mut self, exit: Exit, port: String) {
        self.topology.exits.insert(exit, port);
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
            options: &[],
            bfd: &[],
            carries: new.own_port,
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

    /// Changes how an interface asks the other end for signs of life.
    pub(super) fn set_bfd(&mut self, interface: &str, bfd: &[(&str, &str)]) {
        let update = Operation::update("Interface").where_(Condition::equal("name", interface));
        self.push(update.column("bfd", Value::map(bfd.iter().copied())));
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
        if !new.options.is_empty() {
            insert = insert.column("options", Value::map(new.options.iter().copied()));
        }
        if !new.bfd.is_empty() {
            insert = insert.column("bfd", Value::map(new.bfd.iter().copied()));
        }
        self.push(insert);
        let mut insert = Operation::insert("Port")
            .with_uuid_name(port.as_str())
            .column("name", new.name)
            .column("external_ids", Value::map([OWNER]))
            .column("interfaces", NamedUuid::new(interface));
        for (column, value) in new.carries.columns() {
            insert = insert.column(column, value);
        }
        self.push(insert);
        port
    }
}
