//! What each network has to do with translated addresses: which routers lead to the outside, and which
//! of the addresses there are this host's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use model::plan::Answered;
use model::{NetworkId, RouterId};
use openflow::PortNo;

use super::{Binding, Translators, without_ports};
use crate::gateways::Outlet;
use crate::pipeline::{
    Duty, Floating, Forwarded, ForwardedTo, Inside, NetworkView, Presence, WayExit, WayOut,
};
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
    translators: Translators<'_>,
    uplinks: &BTreeMap<Exit, PortNo>,
    views: &mut BTreeMap<NetworkId, NetworkView>,
) {
    let zone = translators.zones.routers.get(&router.id);
    let (Some(gateway), Some(zone)) = (&router.gateway, zone) else {
        return;
    };
    let Some(external) = wanted.networks.get(&gateway.network) else {
        return;
    };
    let answered = answered(router, wanted);
    if !router.is_needed(views) && answered.is_empty() {
        return;
    }
    let Outlet { exit, duty } = match gateway.hosts.is_empty() {
        true => Outlet::default(),
        // Until it is known who lives, nobody is sent to.
        false => translators
            .outlets
            .get(&router.id)
            .copied()
            .unwrap_or(Outlet {
                exit: WayExit::Nobody,
                duty: Duty::None,
            }),
    };
    let snat = gateway.snat;
    let snat = snat.filter(|_| matches!(exit, WayExit::Own | WayExit::ForAll(_)));
    let floating = floating(router, gateway, wanted, binding);
    let forwarded = forwarded(router, wanted, binding);
    for id in &router.networks {
        if let Some(view) = views.get_mut(id) {
            let own = floating.iter().filter(|it| it.network == view.number);
            let here = forwarded.iter().filter(|it| it.is_behind(view.number));
            view.outside.way = Some(WayOut {
                network: external.number,
                mac: gateway.mac,
                mac_v6: gateway.mac_v6,
                zone: *zone,
                snat,
                exit,
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
        snat,
        duty,
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

impl WantedRouter {
    /// Whether this host has anything to do for it: for its ports here, or as a gateway host.
    pub(super) fn is_needed(&self, views: &BTreeMap<NetworkId, NetworkView>) -> bool {
        let hosts = self.gateway.iter().flat_map(|it| &it.hosts);
        let mut hosts = hosts.map(|it| it.mac);
        self.networks.iter().any(|id| views.contains_key(id)) || hosts.any(|it| it == self.mac)
    }
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
            let port = wanted.ports.get(&it.port);
            let target = match port.filter(|port| port.standby.is_none()) {
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
