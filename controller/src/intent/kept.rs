//! What is kept from being allocated: reserved addresses, and what ports may send from besides their
//! own addresses.

use std::net::IpAddr;

use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;
use model::{AddressRange, Id, MacAddr, NetworkId, Port, PortId, Reservation, ReservationId};
use uuid::Uuid;

/// Reservations and address pairs by their network, found by the addresses that they hold.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// From (network, first address): no two reservations of a network overlap.
    reservations: OrdMap<(NetworkId, IpAddr), (IpAddr, ReservationId)>,
    /// Addresses that were a port's, each by itself: one may be in a reservation, too.
    quarantined: OrdMap<(NetworkId, IpAddr), ReservationId>,
    /// Several ports may have the same pair.
    prefixes: OrdSet<(NetworkId, IpNet, PortId)>,
    macs: OrdSet<(NetworkId, MacAddr, PortId)>,
}

impl Kept {
    pub(super) fn add_reservation(&mut self, it: &Reservation) {
        let AddressRange { first, last } = it.addresses;
        if it.quarantine.is_some() {
            self.quarantined.insert((it.network_id, first), it.id);
            return;
        }
        self.reservations
            .insert((it.network_id, first), (last, it.id));
    }

    pub(super) fn remove_reservation(&mut self, it: &Reservation) {
        if it.quarantine.is_some() {
            self.quarantined
                .remove(&(it.network_id, it.addresses.first));
            return;
        }
        self.reservations
            .remove(&(it.network_id, it.addresses.first));
    }

    pub(super) fn add_port(&mut self, port: &Port) {
        for pair in &port.allowed {
            self.prefixes
                .insert((port.network_id, pair.prefix, port.id));
            if let Some(mac) = pair.mac {
                self.macs.insert((port.network_id, mac, port.id));
            }
        }
    }

    pub(super) fn remove_port(&mut self, port: &Port) {
        for pair in &port.allowed {
            self.prefixes
                .remove(&(port.network_id, pair.prefix, port.id));
            if let Some(mac) = pair.mac {
                self.macs.remove(&(port.network_id, mac, port.id));
            }
        }
    }

    /// A reservation that has an address in common with this range.
    pub(super) fn reservation(
        &self,
        network: NetworkId,
        range: AddressRange,
    ) -> Option<(AddressRange, ReservationId)> {
        // Of those that begin up to the end of the range, only the last can reach into it.
        let ((of, first), (last, id)) = self.reservations.get_prev(&(network, range.last))?;
        let kept = AddressRange::new(*first, *last).ok()?;
        (*of == network && kept.overlaps(&range)).then_some((kept, *id))
    }

    /// The quarantine of this address, if it is in one.
    pub(super) fn quarantine(&self, network: NetworkId, address: IpAddr) -> Option<ReservationId> {
        self.quarantined.get(&(network, address)).copied()
    }

    /// All quarantines.
    pub(super) fn quarantines(&self) -> impl Iterator<Item = ReservationId> + '_ {
        self.quarantined.values().copied()
    }

    /// The pairs of a network that hold this address, the largest prefix first.
    pub(super) fn holding(
        &self,
        network: NetworkId,
        address: IpAddr,
    ) -> impl Iterator<Item = (IpNet, PortId)> + '_ {
        let longest = IpNet::from(address).max_prefix_len();
        let prefixes = (0..=longest).filter_map(move |length| IpNet::new(address, length).ok());
        prefixes.flat_map(move |prefix| self.of(network, prefix.trunc()))
    }

    fn of(&self, network: NetworkId, prefix: IpNet) -> impl Iterator<Item = (IpNet, PortId)> + '_ {
        let found = self
            .prefixes
            .range((network, prefix, lowest())..=(network, prefix, highest()));
        found.map(|(_, prefix, port)| (*prefix, *port))
    }

    /// A port that may send from this Ethernet address, although it is not its own.
    pub(super) fn port_with_mac(&self, network: NetworkId, mac: MacAddr) -> Option<PortId> {
        let mut found = self
            .macs
            .range((network, mac, lowest())..=(network, mac, highest()));
        found.next().map(|(_, _, port)| *port)
    }

    /// The last of the addresses around this one that are kept for the same reason, if it is.
    pub(super) fn until(&self, network: NetworkId, address: IpAddr) -> Option<IpAddr> {
        let reserved = self.reservation(network, AddressRange::of_prefix(address.into()));
        let quarantined = || self.quarantine(network, address).map(|_| address);
        let paired = || self.holding(network, address).next();
        let paired = || paired().map(|(prefix, _)| prefix.broadcast());
        let reserved = reserved.map(|(range, _)| range.last);
        reserved.or_else(quarantined).or_else(paired)
    }
}

fn lowest() -> PortId {
    Id::from(Uuid::nil())
}

fn highest() -> PortId {
    Id::from(Uuid::max())
}
