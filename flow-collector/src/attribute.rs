//! Whose sample is it: datagram's source address -> host, host and ifIndex -> VIF.
//!
//! Whom its frame is for, and what the bill calls it, says [`Peers`].
//!
//! The addresses *inside* a datagram or a sampled frame are never asked: those are the words of an
//! agent and of a tenant. Only whom a frame is for rests on them. What the inventory does not know belongs to nobody and is not billed.

mod peers;

use std::cmp::Reverse;
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
    inventory: Arc<Inventory>,
    /// Its place in the inventory.
    place: usize,
    /// The places of its VIFs there, in the order of their ifIndex: few, and there are many hosts.
    vifs: Box<[usize]>,
    /// By network, in order.
    peers: Box<[(NetworkId, Arc<Peers>)]>,
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
        let vifs = &self.inventory.hosts.get(self.place)?.vifs;
        let at = self
            .vifs
            .binary_search_by_key(&if_index, |at| vifs[*at].ifindex);
        vifs.get(self.vifs[at.ok()?])
    }

    /// Where frames of a network may go, if that is known.
    #[must_use]
    pub fn peers(&self, network: NetworkId) -> Option<&Peers> {
        let at = self.peers.binary_search_by_key(&network, |(of, _)| *of);
        self.peers.get(at.ok()?).map(|(_, peers)| &**peers)
    }
}

impl From<&Inventory> for Attribution {
    fn from(inventory: &Inventory) -> Self {
        Self::from(Arc::new(inventory.clone()))
    }
}

impl From<Arc<Inventory>> for Attribution {
    fn from(inventory: Arc<Inventory>) -> Self {
        let mut by_address: FxHashMap<IpAddr, Vec<&InventoryHost>> = FxHashMap::default();
        for host in &inventory.hosts {
            let address = host.address.to_canonical();
            by_address.entry(address).or_default().push(host);
        }
        let by_address = by_address.into_iter();
        let by_address = by_address.filter_map(|(at, hosts)| Some((at, only(&hosts)?.id)));
        let peers = peers::of(&inventory);
        let senders = inventory.hosts.iter().enumerate();
        let senders = senders.map(|(at, host)| (host.id, Sender::of(&inventory, at, &peers)));
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
    fn of(
        inventory: &Arc<Inventory>,
        place: usize,
        peers: &FxHashMap<NetworkId, Arc<Peers>>,
    ) -> Self {
        let host = &inventory.hosts[place];
        let mut vifs: Vec<usize> = (0..host.vifs.len()).rev().collect();
        // Where two have an ifIndex, the newer one has it.
        vifs.sort_by_key(|at| (host.vifs[*at].ifindex, Reverse(host.vifs[*at].since)));
        vifs.dedup_by_key(|at| host.vifs[*at].ifindex);
        let mut networks: Vec<NetworkId> = host.vifs.iter().map(|vif| vif.network_id).collect();
        networks.sort_unstable();
        networks.dedup();
        let theirs = networks.into_iter();
        let theirs = theirs.filter_map(|id| Some((id, peers.get(&id)?.clone())));
        Self {
            host: host.id,
            inventory: inventory.clone(),
            place,
            vifs: vifs.into(),
            peers: theirs.collect(),
        }
    }
}
