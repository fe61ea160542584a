//! Security groups and address groups: who is in which, and which names which.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use model::{
    AddressGroup, AddressGroupId, HostId, Port, PortId, Remote, SecurityGroup, SecurityGroupId,
    TenantId,
};

use super::{Intent, within};

/// What is needed to find groups without looking at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    security_groups_by_tenant: OrdSet<(TenantId, SecurityGroupId)>,
    address_groups_by_tenant: OrdSet<(TenantId, AddressGroupId)>,
    ports: OrdSet<(SecurityGroupId, PortId)>,
    /// How many ports of the group are bound to the host: there is no entry without one.
    hosts: OrdMap<(SecurityGroupId, HostId), usize>,
    /// The groups whose rules name the first as their remote end.
    named: OrdSet<(SecurityGroupId, SecurityGroupId)>,
    naming_addresses: OrdSet<(AddressGroupId, SecurityGroupId)>,
}

/// Everything that can be looked up without a search.
impl Intent {
    /// The security groups of a tenant, by id.
    pub fn security_groups_of(
        &self,
        tenant: TenantId,
    ) -> impl Iterator<Item = SecurityGroupId> + '_ {
        let pairs = self.groups.security_groups_by_tenant.range(within(tenant));
        pairs.map(|(_, id)| *id)
    }

    /// The address groups of a tenant, by id.
    pub fn address_groups_of(&self, tenant: TenantId) -> impl Iterator<Item = AddressGroupId> + '_ {
        let pairs = self.groups.address_groups_by_tenant.range(within(tenant));
        pairs.map(|(_, id)| *id)
    }

    /// The ports in a security group, by id.
    pub fn ports_in(&self, group: SecurityGroupId) -> impl Iterator<Item = PortId> + '_ {
        self.groups.ports.range(within(group)).map(|(_, id)| *id)
    }

    /// The hosts that have a port of the security group.
    pub fn hosts_of_group(&self, group: SecurityGroupId) -> impl Iterator<Item = HostId> + '_ {
        let pairs = self.groups.hosts.range(within(group));
        pairs.map(|((_, host), _)| *host)
    }

    /// Whether the host has a port of the security group.
    #[must_use]
    pub fn has_group(&self, group: SecurityGroupId, host: HostId) -> bool {
        self.groups.hosts.contains_key(&(group, host))
    }

    /// The security groups whose rules name this one as their remote end.
    pub fn naming(&self, group: SecurityGroupId) -> impl Iterator<Item = SecurityGroupId> + '_ {
        self.groups.named.range(within(group)).map(|(_, id)| *id)
    }

    /// The security groups whose rules name this address group as their remote end.
    pub fn naming_addresses(
        &self,
        group: AddressGroupId,
    ) -> impl Iterator<Item = SecurityGroupId> + '_ {
        let pairs = self.groups.naming_addresses.range(within(group));
        pairs.map(|(_, id)| *id)
    }
}

/// How it changes.
impl Intent {
    pub(super) fn put_security_group(&mut self, it: Arc<SecurityGroup>) {
        self.last_security_group_number = self.last_security_group_number.max(it.number.get());
        let groups = &mut self.groups;
        groups
            .security_groups_by_tenant
            .insert((it.tenant_id, it.id));
        for rule in &it.rules {
            match rule.allows.remote {
                Remote::Group(remote) => _ = groups.named.insert((remote, it.id)),
                Remote::AddressGroup(remote) => {
                    groups.naming_addresses.insert((remote, it.id));
                }
                Remote::Any | Remote::Prefix(_) => {}
            }
        }
        self.security_groups.insert(it.id, it);
    }

    pub(super) fn delete_security_group(&mut self, it: &SecurityGroup) {
        let groups = &mut self.groups;
        groups
            .security_groups_by_tenant
            .remove(&(it.tenant_id, it.id));
        for rule in &it.rules {
            match rule.allows.remote {
                Remote::Group(remote) => _ = groups.named.remove(&(remote, it.id)),
                Remote::AddressGroup(remote) => {
                    groups.naming_addresses.remove(&(remote, it.id));
                }
                Remote::Any | Remote::Prefix(_) => {}
            }
        }
        self.security_groups.remove(&it.id);
    }

    pub(super) fn put_address_group(&mut self, it: Arc<AddressGroup>) {
        let place = (it.tenant_id, it.id);
        self.groups.address_groups_by_tenant.insert(place);
        self.address_groups.insert(it.id, it);
    }

    pub(super) fn delete_address_group(&mut self, it: &AddressGroup) {
        let place = (it.tenant_id, it.id);
        self.groups.address_groups_by_tenant.remove(&place);
        self.address_groups.remove(&it.id);
    }
}

impl Groups {
    pub(super) fn join(&mut self, port: &Port) {
        for group in &port.security_group_ids {
            self.ports.insert((*group, port.id));
            for host in port.hosts() {
                *self.hosts.entry((*group, host)).or_default() += 1;
            }
        }
    }

    pub(super) fn leave(&mut self, port: &Port) {
        for group in &port.security_group_ids {
            self.ports.remove(&(*group, port.id));
            for place in port.hosts().map(|host| (*group, host)) {
                match self.hosts.get(&place).copied() {
                    Some(count) if count > 1 => _ = self.hosts.insert(place, count - 1),
                    _ => _ = self.hosts.remove(&place),
                }
            }
        }
    }
}
