//! Ways out of routers, and the addresses of external networks that are this host's.

use model::plan::{PlanKey, PlannedFloatingIp, PlannedGateway, PlannedRouter};
use model::report::ItemFailure;

use super::check::{Claims, Refused};
use super::{Wanted, WantedFloatingIp, WantedGateway};
use crate::pipeline::{Outsiders, Reach};

impl Wanted {
    /// A way out that cannot be carried out leaves its router without one, and that is reported.
    pub(super) fn gateway(
        &mut self,
        item: &PlannedRouter,
        claims: &mut Claims,
    ) -> Option<WantedGateway> {
        let gateway = item.gateway.as_ref()?;
        let checked = self.check_gateway(gateway, claims);
        let refused = |reason| {
            self.failures.push(ItemFailure {
                key: PlanKey::Router(item.id),
                reason: format!("it has no way out: {reason}"),
            });
        };
        checked.map_err(refused).ok()
    }

    fn check_gateway(
        &self,
        gateway: &PlannedGateway,
        claims: &mut Claims,
    ) -> Result<WantedGateway, Refused> {
        let id = gateway.network_id;
        let network = self.networks.get(&id);
        let network =
            network.ok_or_else(|| format!("its external network {id} is not carried out here"))?;
        if network.outsiders == Outsiders::None || network.reach != Reach::Everybody {
            return Err(format!(
                "the network {id} is not external, or isolated as well"
            ));
        }
        if let Some(address) = gateway.snat {
            claims.take(id, address.into())?;
        }
        Ok(WantedGateway {
            network: id,
            mac: gateway.mac,
            snat: gateway.snat,
            hosts: gateway.hosts.clone(),
            pool: gateway.pool.clone(),
        })
    }

    pub(super) fn floating_ip(
        &mut self,
        item: &PlannedFloatingIp,
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        let port = self.ports.get(&item.port_id);
        let port =
            port.ok_or_else(|| format!("its port {} is not carried out here", item.port_id))?;
        if !port.addresses.contains(&item.inner.into()) {
            return Err(format!("its port does not have the address {}", item.inner));
        }
        let mut routers = self.routers.iter();
        let leads = routers.any(|it| {
            let gateway = it.gateway.as_ref().map(|gateway| gateway.network);
            it.networks.contains(&port.network) && gateway == Some(item.network_id)
        });
        if !leads {
            return Err("no router leads from its port to its network".to_owned());
        }
        let mut others = self.floating_ips.iter();
        if others.any(|it| it.port == item.port_id && it.inner == item.inner) {
            return Err(format!("another one stands for {} of its port", item.inner));
        }
        claims.take(item.network_id, item.address.into())?;
        self.floating_ips.push(WantedFloatingIp {
            network: item.network_id,
            address: item.address,
            port: item.port_id,
            inner: item.inner,
        });
        Ok(())
    }
}
