//! Ways out of routers, and the addresses of external networks that are this host's.

use model::plan::{
    Answered, PlanKey, PlannedFloatingIp, PlannedGateway, PlannedPortForwarding, PlannedRouter,
};
use model::report::ItemFailure;

use super::check::{Claims, Refused};
use super::{Wanted, WantedFloatingIp, WantedForwarding, WantedGateway};
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
            mac_v6: gateway.mac_v6,
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
        if !port.addresses.contains(&item.inner) {
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
        claims.take(item.network_id, item.address)?;
        self.floating_ips.push(WantedFloatingIp {
            network: item.network_id,
            address: item.address,
            port: item.port_id,
            inner: item.inner,
        });
        Ok(())
    }

    pub(super) fn forwarding(
        &mut self,
        item: &PlannedPortForwarding,
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        self.check_inside(item)?;
        let same_outside =
            |it: &&WantedForwarding| (it.network, it.address) == (item.network_id, item.address);
        let mut of_address = self.forwardings.iter().filter(same_outside);
        let first = of_address.next();
        if let Some(other) = first.filter(|it| it.router != item.router_id) {
            return Err(format!("the router {} has its address", other.router));
        }
        if first.is_some_and(|it| it.answered != item.answered) {
            return Err("its address is answered for here, and by another host".to_owned());
        }
        let outside = |it: &WantedForwarding| (it.protocol, it.external_port);
        let asked = (item.protocol, item.external_port);
        if first
            .into_iter()
            .chain(of_address)
            .any(|it| outside(it) == asked)
        {
            return Err("another one has its port outside".to_owned());
        }
        if first.is_none() && item.answered == Answered::Here {
            claims.take(item.network_id, item.address.into())?;
        }
        self.forwardings.push(WantedForwarding {
            router: item.router_id,
            network: item.network_id,
            address: item.address,
            answered: item.answered,
            protocol: item.protocol,
            external_port: item.external_port,
            port: item.port_id,
            inner: item.inner,
            internal_port: item.internal_port,
            host_mac: item.host_mac,
        });
        Ok(())
    }

    /// Whether its router leads there, and its port, if it is of this host, is behind that.
    fn check_inside(&self, item: &PlannedPortForwarding) -> Result<(), Refused> {
        let router = self.routers.iter().find(|it| it.id == item.router_id);
        let leads = router.filter(|it| {
            let gateway = it.gateway.as_ref().map(|gateway| gateway.network);
            gateway == Some(item.network_id)
        });
        let router = leads.ok_or_else(|| "its router does not lead to its network".to_owned())?;
        let Some(port) = self.ports.get(&item.port_id) else {
            return match item.answered {
                Answered::Here if item.host_mac != router.mac => Ok(()),
                _ => Err(format!("its port {} is not carried out here", item.port_id)),
            };
        };
        if !router.networks.contains(&port.network) {
            return Err("its port is not behind its router".to_owned());
        }
        if !port.addresses.contains(&item.inner.into()) {
            return Err(format!("its port does not have the address {}", item.inner));
        }
        let inside = |it: &WantedForwarding| (it.port, it.inner, it.protocol, it.internal_port);
        let own = (item.port_id, item.inner, item.protocol, item.internal_port);
        if self.forwardings.iter().any(|it| inside(it) == own) {
            return Err("another one stands for the same".to_owned());
        }
        let mut floating = self.floating_ips.iter();
        match floating.any(|it| it.port == item.port_id && it.inner == item.inner) {
            true => Err(format!(
                "a floating IP stands for {} of its port",
                item.inner
            )),
            false => Ok(()),
        }
    }
}
