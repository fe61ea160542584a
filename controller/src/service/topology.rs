//! The topology of the pool: one physical network for each role, described in one piece.

pub(super) mod in_use;
mod view;

use std::collections::BTreeSet;

use api::backend::Outcome;
use api::problem::FieldCode;
use api::request::{PhysicalNetworkCreate, RoleChange, TopologyChange};
use api::resource::Accepted;
use model::plan::Trial;
use model::report::ManagementPath;
use model::{HostId, PhysicalNetwork, PhysicalNetworkId, Role};

use super::after::After;
use super::faults::Faults;
use super::{endpoint, physical_network};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::Noun;
use crate::writer::Draft;

pub(super) use self::view::view;

/// What a change is decided on.
struct Change<'a> {
    intent: &'a Intent,
    observed: &'a Observed,
    after: After<'a>,
    faults: Faults,
    /// The physical networks that something was said of.
    named: BTreeSet<PhysicalNetworkId>,
}

pub(super) fn change(
    intent: &Intent,
    request: TopologyChange,
    observed: &Observed,
) -> Outcome<Draft<Accepted>> {
    let mut change = Change {
        intent,
        observed,
        after: After::unchanged(intent),
        faults: Faults::default(),
        named: BTreeSet::new(),
    };
    let seconds = request.confirm_within_seconds;
    let roles = request.roles.keys().copied().collect();
    for (role, asked) in request.roles {
        change.role(role, asked);
    }
    change.trial(&roles, seconds);
    change.after.give_endpoints();
    change.check();
    change.after.accepted(change.faults)
}

impl Change<'_> {
    /// What becomes of one role.
    fn role(&mut self, role: Role, asked: Option<RoleChange>) {
        let before = match self.of_role(role) {
            Ok(before) => before,
            Err(message) => {
                let field = role.to_string();
                return self.faults.add(&field, FieldCode::Inconsistent, message);
            }
        };
        match (before, asked) {
            (None, None) => {}
            (Some(before), None) => self.remove(&before),
            (None, Some(asked)) => self.make(role, asked),
            (Some(before), Some(asked)) => self.alter(before, asked),
        }
    }

    /// The physical network that a role means: the only one there is, or the one called so.
    fn of_role(&self, role: Role) -> Result<Option<PhysicalNetwork>, String> {
        let all = self.intent.physical_networks.values();
        let mut all: Vec<_> = all.filter(|it| it.role == role).collect();
        if all.len() > 1 {
            all.retain(|it| it.name.as_str() == role.to_string());
            if all.is_empty() {
                return Err(format!(
                    "the pool has several physical networks for {role} and none is called {role}; \
                     see physical-network-list"
                ));
            }
        }
        Ok(all.first().map(|it| (***it).clone()))
    }

    fn remove(&mut self, network: &PhysicalNetwork) {
        let carried = self.intent.networks_carried(network.id).count();
        if carried > 0 {
            let message = format!(
                "{} still carries {carried} networks; delete them first",
                network.name
            );
            let field = network.role.to_string();
            return self.faults.add(&field, FieldCode::Inconsistent, message);
        }
        self.after.remove(network.id);
    }

    fn make(&mut self, role: Role, asked: RoleChange) {
        let Some(uplink) = asked.uplink else {
            let message = "is missing; expected what carries it, such as eth1 or eth1+eth2/lacp";
            let field = format!("{role}.uplink");
            return self.faults.add(&field, FieldCode::Required, message);
        };
        let Ok(name) = role.to_string().parse() else {
            return; // The names of roles are names.
        };
        self.faults
            .unique_name(self.intent, None, Noun::PhysicalNetwork, &name);
        let made = physical_network::made(PhysicalNetworkCreate {
            name,
            role,
            uplink,
            vlans: asked.vlans.after(None),
            native_vlan: asked.native_vlan,
            mtu: asked.mtu,
            endpoints: asked.endpoints.after(None),
        });
        self.named.insert(made.id);
        self.after.networks.insert(made.id, made);
    }

    fn alter(&mut self, before: PhysicalNetwork, asked: RoleChange) {
        let now = PhysicalNetwork {
            uplink: asked.uplink.unwrap_or_else(|| before.uplink.clone()),
            vlans: asked.vlans.after(before.vlans.clone()),
            native_vlan: asked.native_vlan.unwrap_or(before.native_vlan),
            mtu: asked.mtu.unwrap_or(before.mtu),
            endpoints: asked.endpoints.after(before.endpoints),
            ..before.clone()
        };
        for (field, message) in in_use::faults(self.intent, &before, &now) {
            let field = format!("{}.{field}", now.role);
            self.faults.add(&field, FieldCode::Inconsistent, message);
        }
        // What was said again is not looked at again: a NIC may be missing on a host by now.
        if now != before {
            self.named.insert(now.id);
        }
        self.after.networks.insert(now.id, now);
    }

    /// How a change of management is tried; asked for again after a host took it back, it is tried
    /// again.
    fn trial(&mut self, roles: &BTreeSet<Role>, seconds: Option<u32>) {
        let all = self.after.networks.values();
        let management = all
            .filter(|it| it.role == Role::Management)
            .min_by_key(|it| it.id);
        let Some(mut management) = management.cloned() else {
            if seconds.is_some() {
                let message = "expected none: the pool has no management to reach hosts by";
                let field = "confirm_within_seconds";
                self.faults.add(field, FieldCode::Inconsistent, message);
            }
            return;
        };
        management.trial = trial(management.trial, seconds);
        let before = self.intent.physical_networks.get(&management.id);
        let again = roles.contains(&Role::Management)
            && before.is_some_and(|before| **before == management)
            && self.was_reverted(management.id);
        if again {
            management.trial = Some(next_attempt(management.trial));
        }
        self.after.networks.insert(management.id, management);
    }

    /// Whether a host that is as the pool on management took the change back.
    fn was_reverted(&self, management: PhysicalNetworkId) -> bool {
        self.intent.hosts.values().any(|host| {
            let mut exceptions = host.uplinks.iter();
            exceptions.all(|it| it.physical_network_id != management)
                && has_reverted(self.observed, host.id)
        })
    }

    fn check(&mut self) {
        for id in &self.named {
            let Some(network) = self.after.networks.get(id) else {
                continue;
            };
            let before = self.intent.physical_networks.get(id);
            if before.map(|it| it.native_vlan) != Some(network.native_vlan)
                && let Some(message) = in_use::native_fault(self.intent, network)
            {
                let field = format!("{}.native_vlan", network.role);
                self.faults.add(&field, FieldCode::Inconsistent, message);
            }
            if before.and_then(|it| it.endpoints) == network.endpoints {
                continue;
            }
            let networks = &self.after.networks;
            for (code, message) in endpoint::faults(self.intent, networks, network) {
                let field = format!("{}.endpoints", network.role);
                self.faults.add(&field, code, message);
            }
        }
        for fault in self.after.faults(self.named.clone(), self.observed) {
            let network = self.after.networks.get(&fault.network);
            let role = network.map_or(String::new(), |it| it.role.to_string());
            let field = format!("{role}.{}", fault.field);
            self.faults.add(&field, fault.code, fault.message);
        }
    }
}

/// How a change is tried, with the seconds that were asked for now.
pub(super) fn trial(before: Option<Trial>, seconds: Option<u32>) -> Option<Trial> {
    let Some(confirm_within_seconds) = seconds else {
        return before;
    };
    Some(Trial {
        confirm_within_seconds,
        ..before.unwrap_or_default()
    })
}

/// The same once more.
pub(super) fn next_attempt(before: Option<Trial>) -> Trial {
    let before = before.unwrap_or_default();
    Trial {
        attempt: before.attempt.wrapping_add(1),
        ..before
    }
}

/// Whether the host took back the last change of the way to its controller.
pub(super) fn has_reverted(observed: &Observed, host: HostId) -> bool {
    let seen = observed.host(host);
    seen.is_some_and(|it| matches!(it.status.management_path, ManagementPath::Reverted { .. }))
}
