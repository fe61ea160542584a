//! What each network has to do with translated addresses: which routers lead to the outside, and which
//! of the addresses there are this host's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use model::plan::Answered;
use model::{NetworkId, RouterId};
use openflow::PortNo;

use super::{Binding, without_ports};
use crate::pipeline::{Floating, Forwarded, ForwardedTo, Inside, NetworkView, Presence, WayOut};
use crate::wanted::{Exit, Wanted, WantedGateway, WantedRouter};

/// The routers that translate addresses.
pub fn translating(wanted: &Wanted) -> impl Iterator<Item = RouterId> + '_ {
    let routers = wanted.routers.iter();
    let translating = routers.filter(|router| router.gateway.is_some());
    translating.map(|router| router.id)
}

/// Gives the networks of a router that is here their way out. Without a zone it has none: its
/// connections would be anybody's.
pub(super) fn add(
    router: &WantedRouter,
    (wanted, binding): (&Wanted, &Binding),
    zones: &BTreeMap<RouterId, u16>,
    uplinks: &BTreeMap<Exit, PortNo>,
    views: &mut BTreeMap<NetworkId, NetworkView>,
) {
    let (Some(gateway), Some(zone)) = (&router.gateway, zones.get(&router.id)) else {
        return;
    };
    let Some(external) = wanted.networks.get(&gateway.network) else {
        return;
    };
    let answered = answered(router, wanted);
    let is_here = router.networks.iter().any(|id| views.contains_key(id));
    if !is_here && answered.is_empty() {
        return;
    }
    let floating = floating(router, gateway, wanted, binding);
    let forwarded = forwarded(router, wanted, binding);
    for id in &router.networks {
        if let Some(view) = views.get_mut(id) {
            let own = floating.iter().filter(|it| it.network == view.number);
            let here = forwarded.iter().filter(|it| it.is_behind(view.number));
            view.outside.way = Some(WayOut {
                network: external.number,
                mac: gateway.mac,
                zone: *zone,
                snat: gateway.snat,
                floating: own.copied().collect(),
                forwarded: here.copied().collect(),
                answered: answered.clone(),
                pool: gateway.pool.clone(),
            });
        }
    }
    let networks = router.networks.iter();
    let networks = networks.filter_map(|id| wanted.networks.get(id));
    let routes = networks.flat_map(|network| {
        let subnets = network.subnets.iter();
        subnets.map(|subnet| (subnet.cidr, network.number))
    });
    let presence = Presence {
        zone: *zone,
        snat: gateway.snat,
        floating,
        forwarded,
        answered,
        mac: router.mac,
        routes: routes.collect(),
        pool: gateway.pool.clone(),
    };
    let view = views.entry(gateway.network);
    let view = view.or_insert_with(|| without_ports(external, uplinks));
    view.outside.routers.push(presence);
}

/// The floating IPs of this router's ports that are plugged here.
fn floating(
    router: &WantedRouter,
    gateway: &WantedGateway,
    wanted: &Wanted,
    binding: &Binding,
) -> Vec<Floating> {
    let all = wanted.floating_ips.iter();
    let here =
        all.filter(|it| it.network == gateway.network && binding.carriers.contains_key(&it.port));
    let mut floating: Vec<Floating> = here
        .filter_map(|it| {
            let port = wanted.ports.get(&it.port)?;
            let network = wanted.networks.get(&port.network)?;
            router.networks.contains(&port.network).then_some(Floating {
                address: it.address,
                inner: it.inner,
                network: network.number,
            })
        })
        .collect();
    floating.sort_unstable();
    floating
}

/// The addresses behind this router that this host answers for, whether or not its own ports are plugged.
fn answered(router: &WantedRouter, wanted: &Wanted) -> Vec<Ipv4Addr> {
    let all = wanted.forwardings.iter();
    let here = all.filter(|it| it.router == router.id && it.answered == Answered::Here);
    let here: BTreeSet<Ipv4Addr> = here.map(|it| it.address).collect();
    here.into_iter().collect()
}

/// What is forwarded to this router's ports that are plugged here, or from here to those of other hosts.
fn forwarded(router: &WantedRouter, wanted: &Wanted, binding: &Binding) -> Vec<Forwarded> {
    let all = wanted
        .forwardings
        .iter()
        .filter(|it| it.router == router.id);
    let mut forwarded: Vec<Forwarded> = all
        .filter_map(|it| {
            let target = match wanted.ports.get(&it.port) {
                None => ForwardedTo::Elsewhere(it.host_mac),
                Some(port) => {
                    binding.carriers.get(&it.port)?;
                    ForwardedTo::Here(Inside {
                        address: it.inner,
                        port: it.internal_port,
                        network: wanted.networks.get(&port.network)?.number,
                    })
                }
            };
            Some(Forwarded {
                address: it.address,
                protocol: it.protocol,
                port: it.external_port,
                target,
            })
        })
        .collect();
    forwarded.sort_unstable();
    forwarded
}
