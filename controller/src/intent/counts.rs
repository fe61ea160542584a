//! How much each tenant has of what quotas bound, kept with every write: nobody counts when it is asked.

use imbl::OrdMap;
use model::{Quantity, TenantId};

use super::Intent;
use crate::object::Object;

/// How much each tenant has: there is no entry without anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(OrdMap<(TenantId, Quantity), u64>);

impl Counts {
    pub(super) fn add(&mut self, object: &Object) {
        for (place, count) in counted(object) {
            *self.0.entry(place).or_default() += count;
        }
    }

    pub(super) fn remove(&mut self, object: &Object) {
        for (place, count) in counted(object) {
            match self.0.get(&place).copied() {
                Some(held) if held > count => _ = self.0.insert(place, held - count),
                _ => _ = self.0.remove(&place),
            }
        }
    }
}

impl Intent {
    /// How much the tenant has of it.
    #[must_use]
    pub fn count_of(&self, tenant: TenantId, quantity: Quantity) -> u64 {
        let count = self.counts.0.get(&(tenant, quantity));
        count.copied().unwrap_or_default()
    }
}

/// What an object counts as: of what, and how much. Quarantines are the controller's, not the tenant's wish.
pub(crate) fn counted(object: &Object) -> impl Iterator<Item = ((TenantId, Quantity), u64)> {
    let tenant = object.tenant_id();
    let quantity = match object {
        Object::Network(_) => Some(Quantity::Networks),
        Object::Subnet(_) => Some(Quantity::Subnets),
        Object::Reservation(it) if it.quarantine.is_none() => Some(Quantity::Reservations),
        Object::Port(_) => Some(Quantity::Ports),
        Object::Instance(_) => Some(Quantity::Instances),
        Object::Router(_) => Some(Quantity::Routers),
        Object::FloatingIp(_) => Some(Quantity::FloatingIps),
        Object::PortForwarding(_) => Some(Quantity::PortForwardings),
        Object::SecurityGroup(_) => Some(Quantity::SecurityGroups),
        Object::AddressGroup(_) => Some(Quantity::AddressGroups),
        Object::AccessToken(_) => Some(Quantity::Tokens),
        // A router has one way out at most, and caps are the provider's.
        Object::Tenant(_)
        | Object::PhysicalNetwork(_)
        | Object::Host(_)
        | Object::Reservation(_)
        | Object::Gateway(_)
        | Object::Cap(_) => None,
    };
    let rules = match object {
        Object::SecurityGroup(it) => it.rules.len() as u64,
        _ => 0,
    };
    let own = tenant.zip(quantity).map(|place| (place, 1));
    let within = tenant.filter(|_| rules > 0);
    let within = within.map(|tenant| ((tenant, Quantity::SecurityGroupRules), rules));
    own.into_iter().chain(within)
}
