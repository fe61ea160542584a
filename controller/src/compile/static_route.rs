//! Static routes of a router, resolved: by which network they go, and to whom there.

use std::net::IpAddr;

use model::plan::PlannedRoute;
use model::{Port, Router};

use crate::intent::Intent;

/// The routes whose next hop is on a network of the router. Where nobody has it, or several might,
/// there is no address to send to, and packets are refused.
pub(super) fn planned(intent: &Intent, router: &Router) -> Vec<PlannedRoute> {
    let networks = &router.network_ids;
    let routes = router.routes.iter().filter_map(|route| {
        let on = |id: &&_| intent.subnet_with(**id, route.via).is_some();
        let network_id = *networks.iter().find(on)?;
        let macs = intent.macs_with(network_id, route.via);
        Some(PlannedRoute {
            prefix: route.prefix,
            network_id,
            mac: macs.first().filter(|_| macs.len() == 1).copied(),
        })
    });
    routes.collect()
}

/// Whether a port has this address, or may send from it.
pub(super) fn has(port: &Port, address: IpAddr) -> bool {
    let mut pairs = port.allowed.iter();
    port.addresses.contains(&address) || pairs.any(|pair| pair.prefix.contains(&address))
}
