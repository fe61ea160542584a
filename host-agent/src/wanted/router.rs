//! Which networks each router joins.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::plan::PlannedRouter;
use model::{NetworkId, NetworkNumber};

use super::check::{Claims, Refused};
use super::{Wanted, WantedNetwork, WantedRouter};
use crate::pipeline::{Outsiders, Reach, Routing, StaticHop};

impl Wanted {
    /// A router is carried out with all of its networks, or not at all.
    pub(super) fn router(
        &mut self,
        item: &PlannedRouter,
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        for id in &item.network_ids {
            let network = self.networks.get(id);
            let network =
                network.ok_or_else(|| format!("its network {id} is not carried out here"))?;
            if network.outsiders != Outsiders::None || network.reach != Reach::Everybody {
                return Err(format!("its network {id} is not its tenant's alone"));
            }
            if self.routers.iter().any(|it| it.networks.contains(id)) {
                return Err(format!("another router joins its network {id}"));
            }
        }
        let gateway = self.gateway(item, claims);
        self.routers.push(WantedRouter {
            id: item.id,
            networks: item.network_ids.clone(),
            mac: item.mac,
            endpoints: item.endpoints.clone().into(),
            routes: self.static_routes(item)?,
            gateway,
        });
        Ok(())
    }

    /// Static routes lead into the router's own networks only, past none of their subnets.
    fn static_routes(&self, item: &PlannedRouter) -> Result<Vec<StaticHop>, Refused> {
        let networks = item.network_ids.iter();
        let own: Vec<&WantedNetwork> = networks.filter_map(|id| self.networks.get(id)).collect();
        let mut hops = Vec::new();
        for route in &item.routes {
            let prefix = route.prefix;
            let network = self.networks.get(&route.network_id);
            let network = network.filter(|_| item.network_ids.contains(&route.network_id));
            let network = network
                .ok_or_else(|| format!("its route to {prefix} leads into no network of it"))?;
            let mut subnets = own.iter().flat_map(|it| &it.subnets);
            if subnets.any(|subnet| subnet.cidr.contains(&prefix)) {
                return Err(format!(
                    "its route to {prefix} is to addresses of its own networks"
                ));
            }
            hops.push(StaticHop {
                prefix,
                network: network.number,
                mac: route.mac,
            });
        }
        Ok(hops)
    }

    /// Tells the networks of each router of each other.
    pub(super) fn join(&mut self) {
        for router in std::mem::take(&mut self.routers) {
            let routing = self.routing(&router);
            for id in &router.networks {
                if let Some(network) = self.networks.get_mut(id) {
                    network.routing = Some(routing.clone());
                }
            }
            self.routers.push(router);
        }
    }

    /// Of two networks with one prefix, which no honest plan has, the first has it.
    fn routing(&self, router: &WantedRouter) -> Routing {
        let mut addresses = BTreeSet::<IpAddr>::new();
        let mut routes = BTreeMap::<IpNet, NetworkNumber>::new();
        let mut sizes = BTreeMap::<NetworkNumber, u16>::new();
        let networks = router.networks.iter();
        for network in networks.filter_map(|id: &NetworkId| self.networks.get(id)) {
            addresses.extend(network.gateways.iter());
            sizes.insert(network.number, network.mtu);
            for subnet in &network.subnets {
                routes.entry(subnet.cidr).or_insert(network.number);
            }
        }
        Routing {
            mac: router.mac,
            addresses: addresses.into_iter().collect(),
            routes: routes.into_iter().collect(),
            statics: router.routes.clone().into(),
            sizes: Arc::new(sizes),
            endpoints: Arc::clone(&router.endpoints),
        }
    }
}
