//! Ports of addresses outside: which host answers for the address, and what it and others are told.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::plan::{Answered, PlanKey, PlannedPortForwarding};
use model::{
    FloatingIpId, Gateway, HostId, MacAddr, Port, PortForwarding, PortForwardingId, PortId,
};

use super::Touched;
use crate::intent::Intent;

/// What is forwarded to, while there is a way.
struct Target<'a> {
    port: &'a Port,
    host: HostId,
    gateway: &'a Gateway,
}

fn target<'a>(intent: &'a Intent, forwarding: &PortForwarding) -> Option<Target<'a>> {
    let floating = intent.floating_ips.get(&forwarding.floating_ip_id)?;
    let port = intent.ports.get(&forwarding.port_id)?;
    let gateway = intent.way_out_of(port.network_id)?;
    (gateway.network_id == floating.network_id).then_some(Target {
        port,
        host: port.host_id?,
        gateway,
    })
}

/// The host that answers for an address: where the port of its oldest forwarding is, of those that are
/// anywhere. So it stays where it is while others come and go.
fn home(intent: &Intent, floating: FloatingIpId) -> Option<HostId> {
    let mut forwardings = intent.port_forwardings_of(floating);
    forwardings.find_map(|it| Some(target(intent, it)?.host))
}

/// The forwardings that a host needs because it has this port: those to it, and all of the addresses that
/// it answers for.
pub(in crate::compile) fn forwardings_with(
    intent: &Intent,
    host: HostId,
    port: PortId,
) -> BTreeSet<PlanKey> {
    let own = intent.port_forwardings_at(port);
    let all = own.flat_map(|own| {
        let answered = home(intent, own.floating_ip_id) == Some(host);
        let others = answered.then(|| intent.port_forwardings_of(own.floating_ip_id));
        let others = others.into_iter().flatten().map(|it| it.id);
        others.chain([own.id])
    });
    let planned = all.filter(|id| port_forwarding(intent, host, *id).is_some());
    planned.map(PlanKey::PortForwarding).collect()
}

pub(in crate::compile) fn port_forwarding(
    intent: &Intent,
    host: HostId,
    id: PortForwardingId,
) -> Option<PlannedPortForwarding> {
    let forwarding = intent.port_forwardings.get(&id)?;
    let floating = intent.floating_ips.get(&forwarding.floating_ip_id)?;
    let IpAddr::V4(address) = floating.address else {
        return None;
    };
    let target = target(intent, forwarding)?;
    let answered = match home(intent, floating.id) == Some(host) {
        true => Answered::Here,
        false => Answered::Elsewhere,
    };
    if target.host != host && answered == Answered::Elsewhere {
        return None;
    }
    Some(PlannedPortForwarding {
        id,
        router_id: target.gateway.router_id,
        network_id: floating.network_id,
        address,
        answered,
        protocol: forwarding.protocol,
        external_port: forwarding.external_port,
        port_id: target.port.id,
        inner: forwarding.port_address,
        internal_port: forwarding.internal_port,
        host_mac: MacAddr::router(target.host),
    })
}

impl Touched<'_> {
    /// Where it leads, and all of its address should another host answer for that.
    pub(in crate::compile) fn port_forwarding(&mut self, id: PortForwardingId) {
        let intents = [self.before, self.after];
        let versions = intents.map(|it| it.port_forwardings.get(&id));
        let floating = versions.into_iter().flatten().next();
        let Some(floating) = floating.map(|it| it.floating_ip_id) else {
            return;
        };
        let homes = intents.map(|it| home(it, floating));
        if homes[0] != homes[1] {
            self.forwardings_of(floating);
            return;
        }
        let targets = intents.map(|it| {
            let forwarding = it.port_forwardings.get(&id)?;
            Some(target(it, forwarding)?.host)
        });
        let hosts = homes.into_iter().chain(targets).flatten();
        let items = hosts.map(|host| (host, PlanKey::PortForwarding(id)));
        self.items.extend(items);
    }

    /// All of an address, on every host that has to do with it.
    pub(in crate::compile) fn forwardings_of(&mut self, floating: FloatingIpId) {
        let intents = [self.before, self.after];
        let homes: BTreeSet<HostId> = intents
            .into_iter()
            .filter_map(|it| home(it, floating))
            .collect();
        for intent in intents {
            for forwarding in intent.port_forwardings_of(floating) {
                let place = target(intent, forwarding).map(|it| it.host);
                let hosts = homes.iter().copied().chain(place);
                let key = PlanKey::PortForwarding(forwarding.id);
                self.items.extend(hosts.map(|host| (host, key)));
            }
        }
    }

    pub(in crate::compile) fn port_forwardings_at(&mut self, port: PortId) {
        for intent in [self.before, self.after] {
            for forwarding in intent.port_forwardings_at(port) {
                self.port_forwarding(forwarding.id);
            }
        }
    }
}
