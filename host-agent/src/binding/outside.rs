//! What each network has to do with translated addresses: which routers lead to the outside, and which
//! of the addresses there are this host's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use model::plan::PlanKey;
use model::{MacAddr, NetworkId, NetworkNumber, RouterId};
use openflow::PortNo;

use super::{Binding, Translators, without_ports};
use crate::gateways::Outlet;
use crate::pipeline::{Duty, Floating, NetworkView, Presence, View, WayExit, WayOut};
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
    if !router.is_needed(views) {
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
    for id in &router.networks {
        if let Some(view) = views.get_mut(id) {
            let own = floating.iter().filter(|it| it.network == view.number);
            view.outside.way = Some(WayOut {
                network: external.number,
                mac: gateway.mac,
                zone: *zone,
                snat,
                exit,
                floating: own.copied().collect(),
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

/// An address of an external network that this host answers for, and how it is reached.
pub type Announced = BTreeMap<(NetworkNumber, Ipv4Addr), (PortNo, MacAddr)>;

/// The addresses that machines outside are to learn are here.
#[must_use]
pub fn announced(views: &BTreeMap<PlanKey, View>) -> Announced {
    let networks = views.values().filter_map(|view| match view {
        View::Network(view) => Some(view),
        View::SecurityGroup(_) => None,
    });
    let reached = networks.filter_map(|view| Some((view, view.uplink?)));
    let addresses = reached.flat_map(|(view, uplink)| {
        let addresses = view.outside.addresses();
        addresses.map(move |address| {
            let place = (uplink.port, MacAddr::public(address));
            ((view.number, address), place)
        })
    });
    addresses.collect()
}
