//! What hosts are told of security groups: those of their own ports, and what the rules of those
//! name. Who is in a group they know from the ports of their networks.

use std::collections::BTreeSet;

use model::plan::{PlanKey, PlannedAddressGroup, PlannedSecurityGroup};
use model::{AddressGroupId, HostId, Port, Remote, SecurityGroupId};

use super::Touched;
use crate::intent::Intent;

/// The keys of what a host must know because of a group.
pub(super) fn keys_of(
    intent: &Intent,
    group: SecurityGroupId,
) -> impl Iterator<Item = PlanKey> + '_ {
    let rules = intent.security_groups.get(&group).into_iter();
    let rules = rules.flat_map(|group| &group.rules);
    let named = rules.filter_map(|rule| match rule.allows.remote {
        Remote::AddressGroup(id) => Some(PlanKey::AddressGroup(id)),
        Remote::Any | Remote::Prefix(_) | Remote::Group(_) => None,
    });
    std::iter::once(PlanKey::SecurityGroup(group)).chain(named)
}

pub(super) fn security_group(
    intent: &Intent,
    host: HostId,
    id: SecurityGroupId,
) -> Option<PlannedSecurityGroup> {
    if !intent.has_group(id, host) {
        return None;
    }
    let group = intent.security_groups.get(&id)?;
    Some(PlannedSecurityGroup {
        id,
        number: group.number,
        tracking: group.tracking,
        rules: group.rules.clone(),
    })
}

pub(super) fn address_group(
    intent: &Intent,
    host: HostId,
    id: AddressGroupId,
) -> Option<PlannedAddressGroup> {
    let mut naming = intent.naming_addresses(id);
    if !naming.any(|group| intent.has_group(group, host)) {
        return None;
    }
    let group = intent.address_groups.get(&id)?;
    Some(PlannedAddressGroup {
        id,
        prefixes: group.prefixes.clone(),
    })
}

impl Touched<'_> {
    /// What the group says concerns the hosts of its own ports.
    pub(super) fn security_group(&mut self, id: SecurityGroupId) {
        let hosts: BTreeSet<HostId> = [self.before, self.after]
            .into_iter()
            .flat_map(|intent| intent.hosts_of_group(id))
            .collect();
        for host in hosts {
            self.group_on(id, host);
        }
    }

    pub(super) fn address_group(&mut self, id: AddressGroupId) {
        for intent in [self.before, self.after] {
            let hosts = intent.naming_addresses(id);
            let hosts = hosts.flat_map(|group| intent.hosts_of_group(group));
            let items = hosts.map(|host| (host, PlanKey::AddressGroup(id)));
            self.items.extend(items);
        }
    }

    /// With its first port of a group a host needs the group; without one, it does not.
    pub(super) fn groups_of(&mut self, port: &Port) {
        for host in port.hosts() {
            for group in &port.security_group_ids {
                if self.before.has_group(*group, host) != self.after.has_group(*group, host) {
                    self.group_on(*group, host);
                }
            }
        }
    }

    fn group_on(&mut self, id: SecurityGroupId, host: HostId) {
        for intent in [self.before, self.after] {
            let items = keys_of(intent, id).map(|key| (host, key));
            self.items.extend(items);
        }
    }
}
