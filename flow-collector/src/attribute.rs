//! Whose sample is it: datagram's source address -> host, host and ifIndex -> VIF.
//!
//! Whom its frame is for, and what the bill calls it, says [`Peers`].
//!
//! The addresses *inside* a datagram or a sampled frame are never asked: those are the words of an
//! agent and of a tenant. Only whom a frame is for rests on them. What the inventory does not know belongs to nobody and is not billed.

mod peers;

use std::net::IpAddr;
use std::sync::Arc;

use model::{HostId, Inventory, InventoryHost, InventoryVif, NetworkId};
use rustc_hash::FxHashMap;

pub use peers::{Peer, Peers};

/// The inventory, arranged to be asked.
#[derive(Debug, Default)]
pub struct Attribution {
    senders: FxHashMap<HostId, Sender>,
    by_address: FxHashMap<IpAddr, HostId>,
}

/// A host that sends datagrams.
#[derive(Debug)]
pub struct Sender {
    /// Which host.
    pub host: HostId,
    vifs: FxHashMap<u32, InventoryVif>,
    peers: FxHashMap<NetworkId, Arc<Peers>>,
}

impl Attribution {
    /// Who sent a datagram that came from this address.
    #[must_use]
    pub fn sender(&self, source: IpAddr) -> Option<&Sender> {
        let host = self.by_address.get(&source.to_canonical())?;
        self.senders.get(host)
    }

    /// A host that has proven who it is.
    #[must_use]
    pub fn proven(&self, host: HostId) -> Option<&Sender> {
        self.senders.get(&host)
    }
}

impl Sender {
    /// What is behind the interface with this ifIndex.
    #[must_use]
    pub fn vif(&self, if_index: u32) -> Option<&InventoryVif> {
        self.vifs.get(&if_index)
    }

    /// Where frames of a network may go, if that is known.
    #[must_use]
    pub fn peers(&self, network: NetworkId) -> Option<&Peers> {
        self.peers.get(&network).map(|it| &**it)
    }
}

impl From<&Inventory> for Attribution {
    fn from(inventory: &Inventory) -> Self {
        let mut by_address: FxHashMap<IpAddr, Vec<&InventoryHost>> = FxHashMap::default();
        for host in &inventory.hosts {
            let address = host.address.to_canonical();
            by_address.entry(address).or_default().push(host);
        }
        let by_address = by_address.into_iter();
        let by_address = by_address.filter_map(|(at, hosts)| Some((at, only(&hosts)?.id)));
        let peers = peers::of(inventory);
        let senders = inventory.hosts.iter();
        let senders = senders.map(|host| (host.id, Sender::of(host, &peers)));
        Self {
            senders: senders.collect(),
            by_address: by_address.collect(),
        }
    }
}

/// The one host that datagrams can be of. When two hosts with VIFs are behind one address, an ifIndex
/// would be a guess, and nobody pays for a guess.
fn only<'i>(hosts: &[&'i InventoryHost]) -> Option<&'i InventoryHost> {
    let mut with_vifs = hosts.iter().filter(|host| !host.vifs.is_empty());
    match (with_vifs.next(), with_vifs.next()) {
        (Some(host), None) => Some(host),
        (None, _) => hosts.first().copied(),
        (Some(_), Some(_)) => None,
    }
}

impl Sender {
    fn of(host: &InventoryHost, peers: &FxHashMap<NetworkId, Arc<Peers>>) -> Self {
        let mut newest_last: Vec<&InventoryVif> = host.vifs.iter().collect();
        newest_last.sort_by_key(|vif| vif.since);
        let vifs = newest_last
            .into_iter()
            .map(|vif| (vif.ifindex, vif.clone()));
        let networks = host.vifs.iter().map(|vif| vif.network_id);
        let theirs = networks.filter_map(|id| Some((id, peers.get(&id)?.clone())));
        Self {
            host: host.id,
            peers: theirs.collect(),
            vifs: vifs.collect(),
        }
    }
}
