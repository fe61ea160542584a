//! Whom a frame of a VIF is for, and what the bill calls it, by its destination.
//!
//! It says nothing of who pays: that is the VIF's tenant, whatever its frames say. A destination is only
//! looked for where the VIF's frames can go: in its network, and in those that a router of its tenant
//! joins to it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::{Inventory, InventoryNetwork, MacAddr, NetworkId, PortId, TrafficClass};
use rustc_hash::FxHashMap;
use sflow::Frame;

/// Whom a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A port that it can reach.
    Port(PortId),
    /// An address that the pool gave out, of whomever.
    Pool,
    /// Beyond the pool.
    Outside,
    /// All of the network, or some of it.
    Everybody,
    /// Nobody that is known: the gateway itself, or who has gone since.
    Unknown,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(id) => id.fmt(f),
            Self::Pool => f.write_str("pool"),
            Self::Outside => f.write_str("outside"),
            Self::Everybody => f.write_str("everybody"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Where frames of a network may go.
#[derive(Debug)]
pub struct Peers {
    class: TrafficClass,
    gateway: MacAddr,
    leads_out: bool,
    pool: Vec<IpNet>,
    ports: Arc<Ports>,
    joined: Vec<(IpNet, Arc<Ports>)>,
}

/// The ports of a network.
#[derive(Debug, Default)]
struct Ports {
    by_mac: FxHashMap<[u8; 6], PortId>,
    by_address: FxHashMap<IpAddr, PortId>,
}

/// What is known of every network.
pub(super) fn of(inventory: &Inventory) -> FxHashMap<NetworkId, Arc<Peers>> {
    let networks = inventory.networks.iter();
    let ports: FxHashMap<_, _> = networks
        .map(|network| (network.id, Arc::new(Ports::of(network))))
        .collect();
    let networks = inventory.networks.iter();
    networks
        .map(|network| (network.id, Arc::new(Peers::of(network, &ports))))
        .collect()
}

impl Ports {
    fn of(network: &InventoryNetwork) -> Self {
        let mut ports = Self::default();
        for port in &network.ports {
            ports.by_mac.insert(port.mac.octets(), port.id);
            let addresses = port.addresses.iter();
            ports
                .by_address
                .extend(addresses.map(|address| (*address, port.id)));
        }
        ports
    }
}

impl Peers {
    fn of(network: &InventoryNetwork, ports: &FxHashMap<NetworkId, Arc<Ports>>) -> Self {
        let joined = network.joined.iter();
        let joined = joined.map(|(prefix, of)| (*prefix, ports.get(of).cloned()));
        Self {
            class: network.class,
            gateway: network.gateway,
            leads_out: network.leads_out,
            pool: network.pool.clone(),
            ports: ports.get(&network.id).cloned().unwrap_or_default(),
            joined: joined
                .map(|(prefix, of)| (prefix, of.unwrap_or_default()))
                .collect(),
        }
    }

    /// What the bill calls a frame, and whom it is for.
    pub(crate) fn destination(&self, frame: &Frame) -> (TrafficClass, Peer) {
        if frame.destination[0] & 1 == 1 {
            return (self.class, Peer::Everybody);
        }
        let address = frame.packet.map(|packet| packet.destination);
        let beyond = address.filter(|_| frame.destination == self.gateway.octets());
        if let Some(address) = beyond {
            return self.routed(address);
        }
        let port = self.ports.by_mac.get(&frame.destination);
        let nobody = match self.class {
            TrafficClass::Public => Peer::Outside,
            _ => Peer::Unknown,
        };
        (self.class, port.map_or(nobody, |port| Peer::Port(*port)))
    }

    /// By the gateway to an address: as the pipeline calls it.
    fn routed(&self, address: IpAddr) -> (TrafficClass, Peer) {
        let mut joined = self.joined.iter();
        if let Some((_, ports)) = joined.find(|(prefix, _)| prefix.contains(&address)) {
            let port = ports.by_address.get(&address);
            let peer = port.map_or(Peer::Unknown, |port| Peer::Port(*port));
            return (self.class, peer);
        }
        // IPv6 gets out where there are floating IPs of it.
        let has_pool = self.pool.iter().any(|it| it.addr().is_ipv6());
        if !self.leads_out || address.is_ipv6() && !has_pool {
            return (self.class, Peer::Unknown);
        }
        match self.pool.iter().any(|prefix| prefix.contains(&address)) {
            true => (TrafficClass::PoolInternal, Peer::Pool),
            false => (TrafficClass::Public, Peer::Outside),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::InventoryPort;
    use sflow::Packet;

    use super::*;

    const GATEWAY: [u8; 6] = [0x0a, 0xbd, 0, 0, 0, 1];
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

    fn mac(octets: [u8; 6]) -> MacAddr {
        octets.try_into().unwrap()
    }

    fn port(address_of: [u8; 6], address: &str) -> InventoryPort {
        InventoryPort {
            id: PortId::generate(),
            mac: mac(address_of),
            addresses: vec![address.parse().unwrap()],
        }
    }

    fn frame(destination: [u8; 6], address: &str) -> Frame {
        Frame {
            destination,
            ethertype: 0x0800,
            packet: Some(Packet {
                source: [10, 0, 0, 1].into(),
                destination: address.parse().unwrap(),
                protocol: 6,
                ports: None,
                place: None,
            }),
        }
    }

    /// A network with a way out, another that is joined to it, and a stranger's.
    fn networks() -> [InventoryNetwork; 3] {
        let network = |prefix: &str, ports| InventoryNetwork {
            id: NetworkId::generate(),
            class: TrafficClass::TenantInternal,
            gateway: mac(GATEWAY),
            leads_out: true,
            joined: vec![(prefix.parse().unwrap(), NetworkId::generate())],
            pool: vec!["203.0.113.0/28".parse().unwrap()],
            ports,
        };
        let mut own = network("10.0.0.0/24", vec![port(MAC, "10.0.0.7")]);
        let joined = network("10.0.1.0/24", vec![port(MAC, "10.0.1.7")]);
        let foreign = network("10.0.2.0/24", vec![port([2, 0, 0, 0, 0, 9], "10.0.2.7")]);
        own.joined = vec![("10.0.1.0/24".parse().unwrap(), joined.id)];
        [own, joined, foreign]
    }

    #[test]
    fn a_destination_is_looked_for_only_where_frames_can_go() {
        let networks = networks();
        let [own, joined, foreign] = &networks;
        let ids = [own, joined, foreign].map(|network| network.ports[0].id);
        let inventory = Inventory {
            networks: networks.to_vec(),
            ..Inventory::default()
        };
        let peers = of(&inventory);
        let told = |frame| peers[&own.id].destination(&frame);
        let (internal, pool, public) = (
            TrafficClass::TenantInternal,
            TrafficClass::PoolInternal,
            TrafficClass::Public,
        );
        // In the network the Ethernet address counts, whatever the packet says.
        assert_eq!(told(frame(MAC, "10.0.2.7")), (internal, Peer::Port(ids[0])));
        assert_eq!(
            told(frame([2, 0, 0, 0, 0, 9], "10.0.2.7")),
            (internal, Peer::Unknown)
        );
        assert_eq!(
            told(frame([0xff; 6], "10.0.0.7")),
            (internal, Peer::Everybody)
        );
        assert_eq!(
            told(frame(GATEWAY, "10.0.1.7")),
            (internal, Peer::Port(ids[1]))
        );
        assert_eq!(told(frame(GATEWAY, "203.0.113.5")), (pool, Peer::Pool));
        // Another tenant's inner address is the outside.
        assert_eq!(told(frame(GATEWAY, "10.0.2.7")), (public, Peer::Outside));
    }
}
