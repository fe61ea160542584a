//! What follows from a change by itself, whoever asked for it: it is written with the change.

use std::collections::BTreeSet;

use model::{GatewayId, PortId};

use super::{cap, floating_ip, gateway, port_forwarding};
use crate::intent::Intent;
use crate::object::{Key, Write};

/// The writes of a change with what follows from them: the caps of a port go with it, a floating IP stands
/// for nothing when its port loses the address, nothing is forwarded to it any more, and a router has an
/// address outside on each host where it is.
pub(crate) fn with(before: &Intent, mut writes: Vec<Write>) -> Vec<Write> {
    writes.extend(cap::of_ports_gone(before, &writes));
    if before.gateways.is_empty() && before.floating_ips.is_empty() {
        return writes;
    }
    let written: Vec<Key> = writes.iter().map(Write::key).collect();
    let concerned = |key: &Key| matches!(key, Key::Port(_) | Key::Router(_));
    if !written.iter().any(concerned) {
        return writes;
    }
    let mut after = before.clone();
    after.apply(before.revision, &writes);
    let ports = written.iter().filter_map(|key| match key {
        Key::Port(id) => Some(*id),
        _ => None,
    });
    let ports: BTreeSet<PortId> = ports.collect();
    for port in &ports {
        let unbound = floating_ip::unbound(&after, *port);
        follow(&mut after, unbound, &mut writes);
        let orphaned = port_forwarding::orphaned(&after, *port);
        follow(&mut after, orphaned, &mut writes);
    }
    for id in gateways(before, &after, &written) {
        let settled = gateway::settled(&after, id).into_iter().collect();
        follow(&mut after, settled, &mut writes);
    }
    writes
}

fn follow(after: &mut Intent, more: Vec<Write>, writes: &mut Vec<Write>) {
    after.apply(after.revision, &more);
    writes.extend(more);
}

/// The gateways whose routers may be on other hosts now.
fn gateways(before: &Intent, after: &Intent, written: &[Key]) -> BTreeSet<GatewayId> {
    let mut found = BTreeSet::new();
    for intent in [before, after] {
        let of = written.iter().filter_map(|key| match key {
            Key::Port(id) => intent.way_out_of(intent.ports.get(id)?.network_id),
            Key::Router(id) => intent.gateway_of(*id),
            _ => None,
        });
        found.extend(of.map(|gateway| gateway.id));
    }
    found
}
