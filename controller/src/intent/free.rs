//! Which addresses the subnets can still give out.

use std::net::IpAddr;

use imbl::OrdMap;
use model::{Subnet, SubnetId};

/// The free addresses of all subnets, as ranges that neither touch nor overlap: the next free one
/// costs the same however many are in use.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct FreeAddresses {
    /// From (subnet, first address) to last address.
    ranges: OrdMap<(SubnetId, IpAddr), IpAddr>,
}

impl FreeAddresses {
    /// All of the subnet's pools are free, except for its gateway.
    pub(super) fn add_subnet(&mut self, subnet: &Subnet) {
        for pool in &subnet.pools {
            self.ranges.insert((subnet.id, pool.first), pool.last);
        }
        self.take(subnet, subnet.gateway);
    }

    /// Nothing of the subnet can be given out any more.
    pub(super) fn remove_subnet(&mut self, subnet: &Subnet) {
        let (first, last) = (subnet.cidr.network(), subnet.cidr.broadcast());
        let firsts: Vec<IpAddr> = self
            .ranges
            .range((subnet.id, first)..=(subnet.id, last))
            .map(|((_, first), _)| *first)
            .collect();
        for first in firsts {
            self.ranges.remove(&(subnet.id, first));
        }
    }

    /// The lowest free address that is not below `from`.
    pub(super) fn next(&self, subnet: SubnetId, from: IpAddr) -> Option<IpAddr> {
        let before = self.range_before(subnet, from);
        if before.is_some_and(|(_, last)| last >= from) {
            return Some(from);
        }
        let ((id, first), _) = self.ranges.get_next(&(subnet, from))?;
        (*id == subnet).then_some(*first)
    }

    /// The address is in use now.
    pub(super) fn take(&mut self, subnet: &Subnet, address: IpAddr) {
        let Some((first, last)) = self.range_before(subnet.id, address) else {
            return;
        };
        if last < address {
            return;
        }
        self.ranges.remove(&(subnet.id, first));
        if let Some(before) = neighbour(address, Side::Before).filter(|_| first < address) {
            self.ranges.insert((subnet.id, first), before);
        }
        if let Some(after) = neighbour(address, Side::After).filter(|_| address < last) {
            self.ranges.insert((subnet.id, after), last);
        }
    }

    /// The address is in use no more. Outside the pool, and for the gateway, nothing changes.
    pub(super) fn give_back(&mut self, subnet: &Subnet, address: IpAddr) {
        if !subnet.allocates(address) || address == subnet.gateway {
            return;
        }
        let (mut first, mut last) = (address, address);
        if let Some((range_first, range_last)) = self.range_before(subnet.id, address) {
            if range_last >= address {
                return;
            }
            if neighbour(range_last, Side::After) == Some(address) {
                first = range_first;
            }
        }
        let next = neighbour(address, Side::After);
        if let Some(next) = next.filter(|next| subnet.allocates(*next))
            && let Some(range_last) = self.ranges.remove(&(subnet.id, next))
        {
            last = range_last;
        }
        self.ranges.insert((subnet.id, first), last);
    }

    /// The range that starts at `address` or nearest before it.
    fn range_before(&self, subnet: SubnetId, address: IpAddr) -> Option<(IpAddr, IpAddr)> {
        let ((id, first), last) = self.ranges.get_prev(&(subnet, address))?;
        (*id == subnet).then_some((*first, *last))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

/// The address that comes after this one, in its family.
pub(super) fn after(address: IpAddr) -> Option<IpAddr> {
    neighbour(address, Side::After)
}

/// The next address of the same family on that side.
fn neighbour(address: IpAddr, side: Side) -> Option<IpAddr> {
    match (address, side) {
        (IpAddr::V4(it), Side::Before) => Some(IpAddr::V4(it.to_bits().checked_sub(1)?.into())),
        (IpAddr::V4(it), Side::After) => Some(IpAddr::V4(it.to_bits().checked_add(1)?.into())),
        (IpAddr::V6(it), Side::Before) => Some(IpAddr::V6(it.to_bits().checked_sub(1)?.into())),
        (IpAddr::V6(it), Side::After) => Some(IpAddr::V6(it.to_bits().checked_add(1)?.into())),
    }
}

#[cfg(test)]
mod tests;
