//! What makes an item fit to be carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use model::plan::{
    PlannedNetwork, PlannedPhysicalNetwork, PlannedPort, PlannedRemotePort, PlannedSubnet,
};
use model::{MacAddr, NetworkId, NetworkNumber, PhysicalNetwork, Role, Segment};

use super::{Wanted, WantedNetwork, WantedPhysicalNetwork, WantedPort};
use crate::pipeline::{Outsiders, Reach, RemotePort};

/// Why an item is not carried out.
pub(super) type Refused = String;

/// What items before this one hold, and no other may.
#[derive(Default)]
pub(super) struct Claims {
    numbers: BTreeMap<NetworkNumber, NetworkId>,
    segments: BTreeMap<Segment, NetworkId>,
    macs: BTreeSet<(NetworkId, MacAddr)>,
    addresses: BTreeSet<(NetworkId, IpAddr)>,
}

impl Claims {
    /// The gateways of a network's subnets. A prefix of one address has no other for its gateway
    /// than its port's.
    pub(super) fn unclaimed_gateways(
        &self,
        network: NetworkId,
        subnets: &[PlannedSubnet],
    ) -> Arc<[IpAddr]> {
        let gateways = subnets.iter().map(|subnet| subnet.gateway);
        let unclaimed = gateways.filter(|it| !self.addresses.contains(&(network, *it)));
        let unique: BTreeSet<IpAddr> = unclaimed.collect();
        unique.into_iter().collect()
    }
}

impl Wanted {
    pub(super) fn physical_network(
        &mut self,
        item: &PlannedPhysicalNetwork,
    ) -> Result<(), Refused> {
        // Management must not be reachable from any VIF: it gets no bridge and no patch of ours.
        if item.role == Role::Management {
            return Ok(());
        }
        let name = item.name.as_str();
        if !is_interface_name(name) {
            return Err(format!("br-{name} cannot be the name of a bridge"));
        }
        let mut others = self.physical_networks.values();
        if let Some(other) = others.find(|other| other.name == name || other.nic == item.nic) {
            return Err(format!(
                "its name or NIC is already that of the physical network {}",
                other.name
            ));
        }
        let wanted = WantedPhysicalNetwork {
            name: name.to_owned(),
            role: item.role,
            nic: item.nic.clone(),
            mtu: item.mtu,
            endpoint: item.endpoint,
        };
        self.physical_networks.insert(item.id, wanted);
        Ok(())
    }

    pub(super) fn network(
        &mut self,
        item: &PlannedNetwork,
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        self.carrier(&item.segment)?;
        if item.sharing.external && item.segment.tunnel().is_some() {
            return Err("it is an overlay, which no physical machine can be on".to_owned());
        }
        if let Some(other) = claims.numbers.get(&item.number) {
            return Err(format!(
                "its number {} is that of network {other}",
                item.number
            ));
        }
        if let Some(other) = claims.segments.get(&item.segment) {
            let mark = match (item.segment.vlan(), item.segment.tunnel()) {
                (_, Some((_, vni))) => format!("VNI {vni}"),
                (Some(vlan), None) => format!("VLAN {vlan}"),
                (None, None) => "physical network without a tag".to_owned(),
            };
            return Err(format!("its {mark} is that of network {other}"));
        }
        claims.numbers.insert(item.number, item.id);
        claims.segments.insert(item.segment, item.id);
        let network = WantedNetwork {
            number: item.number,
            segment: item.segment,
            remotes: Arc::default(),
            mtu: item.mtu,
            subnets: item.subnets.clone(),
            gateways: Arc::default(),
            outsiders: outsiders(item),
            reach: reach(item),
            routing: None,
        };
        self.networks.insert(item.id, network);
        Ok(())
    }

    /// Whether a segment can be carried here at all.
    fn carrier(&self, segment: &Segment) -> Result<(), Refused> {
        let id = segment.physical_network_id();
        let carrier = self
            .physical_networks
            .get(&id)
            .ok_or_else(|| format!("the physical network {id} carries no tenant networks here"))?;
        if segment.tunnel().is_some() && carrier.endpoint.is_none() {
            return Err(format!(
                "this host has no endpoint of overlays on {}",
                carrier.name
            ));
        }
        let flat = matches!(segment, Segment::Flat { .. });
        if flat && carrier.endpoint.is_some() {
            return Err(format!(
                "what {} carries without a tag is the endpoints of overlays",
                carrier.name
            ));
        }
        Ok(())
    }

    pub(super) fn port(&mut self, item: &PlannedPort, claims: &mut Claims) -> Result<(), Refused> {
        self.claim(item.network_id, item.mac, &item.addresses, claims)?;
        let port = WantedPort {
            network: item.network_id,
            mac: item.mac,
            addresses: item.addresses.clone().into(),
            hostname: item.hostname.clone(),
            security_group_ids: item.security_group_ids.clone(),
            on_trunk: item.on_trunk,
        };
        self.ports.insert(item.id, port);
        Ok(())
    }

    pub(super) fn remote_port(
        &self,
        item: &PlannedRemotePort,
        claims: &mut Claims,
    ) -> Result<RemotePort, Refused> {
        let endpoint = self.endpoint(item)?;
        self.claim(item.network_id, item.mac, &item.addresses, claims)?;
        Ok(RemotePort {
            mac: item.mac,
            addresses: item.addresses.clone().into(),
            endpoint,
        })
    }

    /// Where the host of a port is reached, if its network is an overlay: from here, and not here.
    fn endpoint(&self, item: &PlannedRemotePort) -> Result<Option<IpAddr>, Refused> {
        let network = self.networks.get(&item.network_id);
        let Some(network) = network.filter(|it| it.segment.tunnel().is_some()) else {
            return Ok(None);
        };
        let carrier = network.segment.physical_network_id();
        let carrier = self.physical_networks.get(&carrier);
        let own = carrier
            .and_then(|carrier| carrier.endpoint)
            .map(|it| it.addr());
        let usable =
            |it: &IpAddr| own.is_some_and(|own| own != *it && own.is_ipv4() == it.is_ipv4());
        match item.endpoint.filter(usable) {
            Some(endpoint) => Ok(Some(endpoint)),
            None => Err("its host has no endpoint of overlays that this host could reach".into()),
        }
    }

    /// Takes the addresses of a port, unless another port of its network has one of them.
    fn claim(
        &self,
        network: NetworkId,
        mac: MacAddr,
        addresses: &[IpAddr],
        claims: &mut Claims,
    ) -> Result<(), Refused> {
        if !self.networks.contains_key(&network) {
            return Err(format!("its network {network} is not carried out here"));
        }
        if claims.macs.contains(&(network, mac)) {
            return Err(taken(mac));
        }
        let mut others = addresses.iter();
        if let Some(address) = others.find(|it| claims.addresses.contains(&(network, **it))) {
            return Err(taken(address));
        }
        claims.macs.insert((network, mac));
        let addresses = addresses.iter().map(|address| (network, *address));
        claims.addresses.extend(addresses);
        Ok(())
    }
}

fn outsiders(item: &PlannedNetwork) -> Outsiders {
    let mut v4 = item.subnets.iter().filter(|it| it.cidr.addr().is_ipv4());
    let ours = v4.clone().any(|subnet| subnet.handout.dhcp);
    match item.sharing.external {
        false => Outsiders::None,
        true if !ours && v4.next().is_some() => Outsiders::DhcpServer,
        true => Outsiders::Machines,
    }
}

fn reach(item: &PlannedNetwork) -> Reach {
    match item.sharing.isolated {
        false => Reach::Everybody,
        true => Reach::Gateway(item.sharing.gateway_macs.clone().into()),
    }
}

fn taken(address: impl std::fmt::Display) -> Refused {
    format!("its address {address} is that of another port of its network")
}

/// Whether a bridge `br-<name>` and its patch ports can be named after this.
fn is_interface_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= PhysicalNetwork::NAME_MAX_CHARS && name.bytes().all(allowed) && name != "int"
}
