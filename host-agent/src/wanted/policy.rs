//! Security groups, and who is in those that rules name. A host knows every port of the networks that
//! it has, and so every member that its own ports can meet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::plan::{PlannedAddressGroup, PlannedPort, PlannedRemotePort, PlannedSecurityGroup};
use model::{
    AddressGroupId, MacAddr, NetworkId, NetworkNumber, Remote, SecurityGroupId, SecurityGroupNumber,
};

use super::Wanted;
use crate::pipeline::{GroupView, speaks_as};

/// What items before this one say of groups.
#[derive(Default)]
pub(super) struct Groups {
    numbers: BTreeMap<SecurityGroupNumber, SecurityGroupId>,
    groups: BTreeMap<SecurityGroupId, PlannedSecurityGroup>,
    addresses: BTreeMap<AddressGroupId, Vec<IpNet>>,
    /// The addresses of each group's ports, by network.
    members: BTreeMap<(SecurityGroupId, NetworkId), Vec<IpAddr>>,
    /// The networks where this host has ports of a group.
    here: BTreeMap<SecurityGroupId, BTreeSet<NetworkId>>,
}

impl Groups {
    pub(super) fn addresses(&mut self, item: &PlannedAddressGroup) {
        self.addresses.insert(item.id, item.prefixes.clone());
    }

    pub(super) fn group(&mut self, item: &PlannedSecurityGroup) -> Result<(), String> {
        if let Some(other) = self.numbers.insert(item.number, item.id) {
            self.numbers.insert(item.number, other);
            return Err(format!(
                "its number {} is that of security group {other}",
                item.number
            ));
        }
        self.groups.insert(item.id, item.clone());
        Ok(())
    }

    pub(super) fn local(&mut self, item: &PlannedPort) {
        for group in &item.security_group_ids {
            self.here.entry(*group).or_default().insert(item.network_id);
        }
        // One that waits here is a member by what it is elsewhere.
        if item.standby.is_none() {
            let place = (item.network_id, item.mac);
            self.member(&item.security_group_ids, place, &item.addresses);
        }
    }

    pub(super) fn remote(&mut self, item: &PlannedRemotePort) {
        let place = (item.network_id, item.mac);
        self.member(&item.security_group_ids, place, &item.addresses);
    }

    fn member(
        &mut self,
        groups: &[SecurityGroupId],
        (network, mac): (NetworkId, MacAddr),
        addresses: &[IpAddr],
    ) {
        for group in groups {
            let members = self.members.entry((*group, network)).or_default();
            members.extend(speaks_as(addresses, mac));
        }
    }

    /// The groups as the pipeline needs to know them.
    pub(super) fn views(self, wanted: &Wanted) -> BTreeMap<SecurityGroupId, Arc<GroupView>> {
        let view = |group| Arc::new(self.view(group, wanted));
        self.groups.iter().map(|(id, it)| (*id, view(it))).collect()
    }

    fn view(&self, group: &PlannedSecurityGroup, wanted: &Wanted) -> GroupView {
        let mut view = GroupView {
            number: group.number,
            tracking: group.tracking,
            rules: group.rules.clone(),
            members: BTreeMap::new(),
            prefixes: BTreeMap::new(),
        };
        for rule in &group.rules {
            match rule.allows.remote {
                Remote::Any | Remote::Prefix(_) => {}
                Remote::Group(remote) => {
                    let members = || self.members_of(remote, group.id, wanted);
                    view.members.entry(remote).or_insert_with(members);
                }
                Remote::AddressGroup(remote) => {
                    let prefixes = self.addresses.get(&remote).cloned();
                    view.prefixes.insert(remote, prefixes.unwrap_or_default());
                }
            }
        }
        view
    }

    /// Who is in `remote`, of those that ports of `group` on this host can meet: in their own networks,
    /// and in those that a router joins to them.
    fn members_of(
        &self,
        remote: SecurityGroupId,
        group: SecurityGroupId,
        wanted: &Wanted,
    ) -> Vec<(NetworkNumber, IpAddr)> {
        let here = self.here.get(&group).into_iter().flatten();
        let known = here.filter_map(|id| Some((*id, wanted.networks.get(id)?.number)));
        let members = known.flat_map(|(id, number)| {
            let members = joined_to(id, wanted).into_iter();
            let members = members.filter_map(move |id| self.members.get(&(remote, id)));
            members.flatten().map(move |address| (number, *address))
        });
        members.collect()
    }
}

/// A network with those that a router joins to it.
fn joined_to(network: NetworkId, wanted: &Wanted) -> Vec<NetworkId> {
    let mut routers = wanted.routers.iter();
    let router = routers.find(|router| router.networks.contains(&network));
    router.map_or_else(|| vec![network], |router| router.networks.clone())
}
