//! The flow tables of the integration bridge, as pure functions.
//!
//! Each table is a file and a row of [`TABLES`]. **A network is the unit of compilation**:
//! [`compile`] turns what is known of one network into its flows, which no other network's flows
//! overlap and whose cookie carries its number. A change therefore costs what its network is
//! large, however much else the host carries. [`infrastructure`] is what belongs to no network.
//!
//! What does not live here: ports (see [`crate::binding`]), comparing with what is installed (see
//! [`crate::diff`]). The same tables for people: `docs/pipeline.md`, checked against this list.

mod admit_in;
mod admit_out;
mod advertise;
pub mod answer;
pub mod claim;
mod class;
mod classify;
mod conntrack_in;
mod conntrack_out;
pub mod cookie;
mod count_and_output;
mod count_sent;
pub mod counting;
mod egress;
mod fabric_guard;
mod fabric_senders;
mod fits;
mod forward;
mod forwarded;
pub mod gate;
mod ingress;
mod ip;
mod limit_received;
mod limit_sent;
pub mod limits;
pub mod logged;
mod neighbour_guard;
mod next_hop;
mod outside;
mod policy;
pub mod probe;
pub mod registers;
mod respond;
mod route;
mod rules;
mod spoof_guard;
mod suspension;
#[cfg(test)]
mod tests;
mod translate;
mod undeliverable;
mod view;

use openflow::{Field, Flow, Match, PortNo};

use cookie::Group;
pub use forwarded::{Forwarded, ForwardedTo, Inside};
pub use gate::Gate;
pub use outside::{Claim, Duty, Floating, Outside, Presence, WayExit, WayOut};
pub use policy::asked;
pub use rules::behind as rules_behind;
pub use view::{
    GroupView, LocalPort, Mark, NetworkView, Outsiders, Policy, Reach, RemotePort, Routing,
    StaticHop, Uplink, View, link_local, speaks_as,
};

/// One question that is asked of every frame, and what follows from the answers.
#[derive(Debug)]
pub struct Table {
    /// Its number in the switch. They leave room for tables in between.
    pub id: u8,
    /// Its name, in code and documentation.
    pub name: &'static str,
    /// What becomes of a frame that no flow of it matches.
    pub miss: Miss,
    /// The question it answers.
    pub why: &'static str,
    /// Its flows that belong to no network, apart from the miss.
    infrastructure: fn() -> Vec<Flow>,
    /// Appends its flows for one network.
    network: fn(&NetworkView, &mut Vec<Flow>),
}

/// What becomes of a frame that no flow matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It is dropped.
    Drop,
    /// The table with this number is next.
    Goto(u8),
}

/// Every table, in the order frames pass them.
pub const TABLES: &[Table] = &[
    classify::TABLE,
    fabric_guard::TABLE,
    fabric_senders::TABLE,
    spoof_guard::TABLE,
    neighbour_guard::TABLE,
    limit_sent::TABLE,
    class::TABLE,
    count_sent::TABLE,
    respond::TABLE,
    advertise::TABLE,
    conntrack_out::TABLE,
    egress::TABLE,
    admit_out::TABLE,
    route::TABLE,
    fits::TABLE,
    translate::TABLE,
    next_hop::TABLE,
    undeliverable::TABLE,
    forward::TABLE,
    conntrack_in::TABLE,
    ingress::TABLE,
    rules::TABLE,
    admit_in::TABLE,
    limit_received::TABLE,
    count_and_output::TABLE,
];

/// How `IpFrag` reads for the first of several fragments. Of those alone the switch shows ports and
/// types, and only when it is told to; where it does not they read as 0, which the guards drop.
const FIRST_FRAGMENT: u8 = 1;

/// The flows of one network, sorted by their keys.
#[must_use]
pub fn compile(network: &NetworkView) -> Vec<Flow> {
    let mut flows = Vec::with_capacity(network.flow_estimate());
    for table in TABLES {
        (table.network)(network, &mut flows);
    }
    mark(flows, Group::of(network.number))
}

/// The flows of one security group, sorted by their keys.
#[must_use]
pub fn compile_group(group: &GroupView) -> Vec<Flow> {
    mark(
        rules::compile(group),
        Group::of_security_group(group.number),
    )
}

/// Whether these flows of one network let a port of this host send.
#[must_use]
pub fn is_plugged(flows: &[Flow], port: PortNo) -> bool {
    let sent_by = |flow: &Flow| flow.matching.exact_value(Field::InPort);
    let mut counting = flows.iter().filter(|it| it.table == count_sent::TABLE.id);
    counting.any(|flow| sent_by(flow) == Some(port.0.into()))
}

/// Whether these flows of an external network make this address one of this host's.
#[must_use]
pub fn has_address(flows: &[Flow], address: std::net::IpAddr) -> bool {
    let mac = model::MacAddr::public(address).octets();
    let mac = openflow::Match::new().eth_dst(mac);
    let sent_to = |flow: &Flow| flow.matching.exact_value(Field::EthDst);
    let mut routed = flows.iter().filter(|it| it.table == route::TABLE.id);
    routed.any(|flow| sent_to(flow) == mac.exact_value(Field::EthDst))
}

/// The flows that belong to no network: what every table does on a miss, and what no frame of any
/// network may do. Sorted by their keys.
#[must_use]
pub fn infrastructure() -> Vec<Flow> {
    let flows = TABLES.iter().flat_map(|table| {
        let mut flows = (table.infrastructure)();
        flows.push(table.miss_flow());
        flows
    });
    mark(flows.collect(), Group::INFRASTRUCTURE)
}

fn mark(mut flows: Vec<Flow>, group: Group) -> Vec<Flow> {
    for flow in &mut flows {
        flow.cookie = group.cookie();
    }
    flows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
    flows
}

impl Table {
    /// A flow of this table that drops what it matches, until it is told otherwise.
    fn flow(&self, priority: u16, matching: Match) -> Flow {
        Flow::new(self.id, priority, matching)
    }

    fn miss_flow(&self) -> Flow {
        let flow = self.flow(0, Match::new());
        match self.miss {
            Miss::Drop => flow,
            Miss::Goto(table) => flow.goto(table),
        }
    }
}

/// A table without flows of its own.
fn nothing() -> Vec<Flow> {
    Vec::new()
}

/// A table whose flows are the same for every network.
fn same_for_all(_: &NetworkView, _: &mut Vec<Flow>) {}
