//! What is known of addresses: whose they are, what is kept, and which is next.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::{
    AddressRange, MacAddr, NetworkId, Port, PortId, Quarantine, Reservation, ReservationId, Subnet,
};

use super::{Intent, free, within};

impl Intent {
    /// The address that the subnet would allocate: the next free one after the one that was taken
    /// last, from the lowest on when there is none up to the end.
    #[must_use]
    pub fn next_free_address(&self, subnet: &Subnet) -> Option<IpAddr> {
        let onwards = self.walk.last(subnet.id).and_then(free::after);
        let onwards = onwards.and_then(|from| self.free_from(subnet, from));
        onwards.or_else(|| self.free_from(subnet, subnet.cidr.network()))
    }

    /// The lowest from here on that is neither in use nor kept.
    fn free_from(&self, subnet: &Subnet, mut from: IpAddr) -> Option<IpAddr> {
        loop {
            let free = self.free.next(subnet.id, from)?;
            match self.kept.until(subnet.network_id, free) {
                Some(last) => from = free::after(last)?,
                None => return Some(free),
            }
        }
    }

    /// The reservation that has an address in common with this range.
    #[must_use]
    pub fn reservation_of(&self, network: NetworkId, range: AddressRange) -> Option<ReservationId> {
        self.kept.reservation(network, range).map(|(_, id)| id)
    }

    /// Whether, and why, an address may still be in use by whoever had it.
    #[must_use]
    pub fn quarantine_of(&self, network: NetworkId, address: IpAddr) -> Option<&Quarantine> {
        let id = self.kept.quarantine(network, address)?;
        self.reservations.get(&id)?.quarantine.as_ref()
    }

    /// Every quarantine there is.
    pub(crate) fn quarantines(&self) -> impl Iterator<Item = &Arc<Reservation>> {
        let ids = self.kept.quarantines();
        ids.filter_map(|id| self.reservations.get(&id))
    }

    /// The address pairs of a network that hold this address, each with its port.
    pub fn pairs_holding(
        &self,
        network: NetworkId,
        address: IpAddr,
    ) -> impl Iterator<Item = (IpNet, PortId)> + '_ {
        self.kept.holding(network, address)
    }

    /// A port that may send from this Ethernet address, although it is not its own.
    #[must_use]
    pub fn port_with_virtual_mac(&self, network: NetworkId, mac: MacAddr) -> Option<PortId> {
        self.kept.port_with_mac(network, mac)
    }

    /// The ports of a network that have an address in this range, with that address.
    pub fn addresses_in(
        &self,
        network: NetworkId,
        range: AddressRange,
    ) -> impl Iterator<Item = (IpAddr, PortId)> + '_ {
        let within = self
            .addresses
            .range((network, range.first)..=(network, range.last));
        within.map(|((_, address), port)| (*address, *port))
    }

    /// The reservations of a network, by id.
    pub fn reservations_in(&self, network: NetworkId) -> impl Iterator<Item = ReservationId> + '_ {
        let pairs = self.reservations_by_network.range(within(network));
        pairs.map(|(_, id)| *id)
    }

    /// The port of a network that has this address.
    #[must_use]
    pub fn port_with_address(&self, network: NetworkId, address: IpAddr) -> Option<PortId> {
        self.addresses.get(&(network, address)).copied()
    }

    /// Where a frame for this address of a network would go: to the port that has it, or to whoever
    /// has the longest pair that holds it, by its Ethernet address. Several where nobody knows which.
    #[must_use]
    pub fn macs_with(&self, network: NetworkId, address: IpAddr) -> BTreeSet<MacAddr> {
        if let Some(port) = self.port_with_address(network, address) {
            let port = self.ports.get(&port);
            return port.map(|port| port.mac).into_iter().collect();
        }
        let holding: Vec<_> = self.pairs_holding(network, address).collect();
        let longest = holding.iter().map(|(prefix, _)| prefix.prefix_len()).max();
        let nearest = holding.iter();
        let nearest = nearest.filter(|(prefix, _)| Some(prefix.prefix_len()) == longest);
        let ports = nearest.filter_map(|(prefix, id)| Some((prefix, self.ports.get(id)?)));
        let macs = ports.flat_map(|(prefix, port)| {
            let pairs = port.allowed.iter().filter(move |it| it.prefix == *prefix);
            pairs.map(move |pair| pair.mac.unwrap_or(port.mac))
        });
        macs.collect()
    }

    /// A port that has an address of this subnet.
    #[must_use]
    pub fn port_in(&self, subnet: &Subnet) -> Option<PortId> {
        let whole = AddressRange::of_prefix(subnet.cidr);
        let mut within = self.addresses_in(subnet.network_id, whole);
        within.next().map(|(_, port)| port)
    }

    /// Notes which addresses a port takes that it did not have.
    pub(super) fn step(&mut self, port: &Port) {
        for address in &port.addresses {
            let had = self.addresses.get(&(port.network_id, *address)) == Some(&port.id);
            let subnet = self.subnet_with(port.network_id, *address);
            if let Some(id) = subnet.filter(|_| !had).map(|it| it.id) {
                self.walk.took(id, *address);
            }
        }
    }
}
