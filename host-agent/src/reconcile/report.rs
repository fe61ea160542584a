//! What came of a pass, as it is reported, and as hypervisors read it in OVSDB. Pure.

use std::iter;

use compute::ovsdb::ObservedVif;
use model::plan::{Generation, PlanKey};
use model::report::{RuleHits, Vif};
use model::{DriverFound, PortId, PortState};
use ovsdb::{Condition, Mutator, Operation, Value};

use super::flows::Way;
use super::{Link, Reconciler};
use crate::binding::{Binding, Dark, foreign_vifs, port_id};
use crate::observe::{ACTIVE, Observed};
use crate::status::Status;
use crate::topology::Topology;
use crate::tunnels::tunnels;
use crate::wanted::Wanted;

/// The state of an interface with what goes with it.
type State = (PortState, Option<String>, Option<Generation>);

impl Reconciler {
    /// The status after a pass, but for the realized generation.
    pub(super) fn describe(
        &self,
        observed: &Observed,
        wanted: &Wanted,
        topology: &Topology,
        binding: &Binding,
    ) -> Status {
        // Before `behind`: whoever borrows twice at a time waits for a writer who waits for him.
        let drivers = self.drivers();
        let behind = &self.channels.guests.borrow().behind;
        let vifs = foreign_vifs(observed).map(|vif| {
            let (state, reason, generation) = self.state(vif, wanted, binding);
            let spoke = port_id(vif).and_then(|id| self.spoke(id, wanted));
            let vif = Vif {
                interface: vif.interface.clone(),
                iface_id: vif.iface_id.clone().unwrap_or_default(),
                port_id: port_id(vif),
                ifindex: vif.ifindex,
                state,
                reason,
                generation,
                spoke,
                guest: behind.get(&vif.interface).cloned(),
            };
            (vif.interface.clone(), vif)
        });
        let failures = wanted.failures.iter().chain(&topology.failures).cloned();
        Status {
            realized: self.status.realized,
            failures: failures.chain(self.carried.failures()).collect(),
            vifs: vifs.collect(),
            instances: self.channels.instances.borrow().clone(),
            drivers,
            nics: self.nics.clone(),
            management_path: self.uplinks.management_path(),
            tunnels: tunnels(observed, wanted),
            rule_hits: self.rule_hits(),
        }
    }

    fn drivers(&self) -> Vec<DriverFound> {
        let running = self.channels.instances.borrow();
        let built_in = DriverFound {
            name: "netns".to_owned(),
            version: None,
            guests: running.values().filter(|it| it.running).count(),
            reason: None,
        };
        let watched = self.channels.guests.borrow();
        let found = watched.drivers.iter().cloned();
        [built_in].into_iter().chain(found).collect()
    }

    fn rule_hits(&self) -> Vec<RuleHits> {
        let Link::Up(switch) = &self.link else {
            return Vec::new();
        };
        let hits = switch.rule_hits().iter();
        hits.map(|(rule_id, traffic)| RuleHits {
            rule_id: *rule_id,
            traffic: *traffic,
        })
        .collect()
    }

    /// Since when a port waits, if a frame came from behind it in that time; a trunk speaks for all on it.
    fn spoke(&self, id: PortId, wanted: &Wanted) -> Option<Generation> {
        let heard = self.channels.heard.borrow();
        let sub_ports = wanted.sub_ports.get(&id).into_iter().flatten();
        let mut spoken = iter::once(&id).chain(sub_ports).filter_map(|id| {
            let since = wanted.ports.get(id)?.standby?;
            (heard.get(id) == Some(&since)).then_some(since)
        });
        spoken.next()
    }

    fn state(&self, vif: &ObservedVif, wanted: &Wanted, binding: &Binding) -> State {
        let building = |reason: &str| (PortState::Building, Some(reason.to_owned()), None);
        match binding.dark.get(&vif.interface) {
            Some(Dark::Refused(reason)) => return (PortState::Down, Some(reason.clone()), None),
            Some(Dark::NotYet(reason)) => return building(reason),
            None => {}
        }
        let id = port_id(vif).filter(|id| binding.carriers.contains_key(id));
        let Some(id) = id else {
            return building("Open vSwitch does not answer");
        };
        // A trunk is active with all of its sub-ports.
        let sub_ports = wanted.sub_ports.get(&id).into_iter().flatten();
        let ports = iter::once(&id)
            .chain(sub_ports)
            .filter_map(|id| wanted.ports.get(id));
        let (mut newest, mut waits) = (None, None);
        for port in ports {
            let groups = &port.security_group_ids;
            let parts = groups.iter().map(|id| PlanKey::SecurityGroup(*id));
            let mut parts = parts.chain([PlanKey::Network(port.network)]);
            if let Some(reason) = parts.find_map(|part| self.carried.refusal(part)) {
                return building(reason);
            }
            let confirmed = self.carried.confirmed(port.network);
            match confirmed.filter(|_| self.carried.has_groups(groups)) {
                Some(_) if port.standby.is_some() => waits = waits.max(port.standby),
                Some((generation, Way::Out)) => newest = newest.max(Some(generation)),
                Some((_, Way::OnlyHere)) => {
                    return building("its network has no way to other hosts yet");
                }
                None => return building("its flows are not confirmed yet"),
            }
        }
        if waits.is_some() {
            let reason = "it migrates, and is not lit here".to_owned();
            return (PortState::Standby, Some(reason), waits);
        }
        (PortState::Active, None, newest)
    }
}

/// Tells hypervisors which interfaces became active, and which are no longer. One that stays active
/// keeps its mark: every change of the database costs the switch a pass of its own.
pub(super) fn marks(observed: &Observed, status: &Status) -> Vec<Operation> {
    let marks = foreign_vifs(observed).filter_map(|vif| {
        let reported = status.vifs.get(&vif.interface)?;
        let row = Operation::mutate("Interface").where_(Condition::equal("_uuid", vif.row));
        match (reported.state, vif.active, reported.generation) {
            (PortState::Active, None, Some(generation)) => {
                let mark = Value::map([(ACTIVE, generation.to_string())]);
                Some(row.mutation("external_ids", Mutator::Insert, mark))
            }
            (PortState::Down | PortState::Standby, Some(_), _) => {
                Some(row.mutation("external_ids", Mutator::Delete, Value::set([ACTIVE])))
            }
            _ => None,
        }
    });
    marks.map(Operation::from).collect()
}
