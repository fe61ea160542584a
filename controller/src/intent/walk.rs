//! Where the search for a free address goes on.

use std::net::IpAddr;

use imbl::OrdMap;
use model::SubnetId;

/// The address of each subnet that was taken last. The next search begins behind it, so that an
/// address that was just given back is taken again as late as can be: whoever had it may still be
/// heard of, in caches of neighbours and from an instance that ends late.
///
/// This is a hint and no part of what operators asked for, so two that differ are equal. It is not
/// stored: after a restart the search begins behind the address of the youngest port.
#[derive(Clone, Default, Debug)]
pub(super) struct Walk(OrdMap<SubnetId, IpAddr>);

impl PartialEq for Walk {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Walk {}

impl Walk {
    pub(super) fn took(&mut self, subnet: SubnetId, address: IpAddr) {
        self.0.insert(subnet, address);
    }

    pub(super) fn last(&self, subnet: SubnetId) -> Option<IpAddr> {
        self.0.get(&subnet).copied()
    }

    pub(super) fn forget(&mut self, subnet: SubnetId) {
        self.0.remove(&subnet);
    }
}
