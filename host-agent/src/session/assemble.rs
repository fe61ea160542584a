//! From the parts of a plan, as they travel, to a whole plan: what is taken and what is refused.

use std::collections::BTreeMap;

use model::plan::{Generation, HostPlan, PlanChange};

/// The most items a plan may have. A real host has some thousands.
const MAX_PLAN_ITEMS: usize = 500_000;

/// Puts the parts of one plan together.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// The next part is the first one of its plan.
    #[default]
    Fresh,
    /// Parts that came so far.
    Gathering {
        base: Option<Generation>,
        plan: HostPlan,
    },
    /// The rest of a refused plan is passed over.
    Skipping,
}

/// What came of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assembled {
    /// More parts must come first.
    Partial,
    /// This is the plan from now on.
    Plan(HostPlan),
    /// The plan is the one already held.
    Known,
    /// The plan will not be carried out, for this reason.
    Refused(String),
}

impl Assembler {
    /// Takes the next part, given the plan that is held now.
    pub(super) fn take(&mut self, held: Option<&HostPlan>, part: PlanChange) -> Assembled {
        let more = part.more;
        let outcome = match std::mem::take(&mut self.stage) {
            Stage::Skipping => Ok(None),
            Stage::Fresh => start(held, &part).and_then(|plan| extend(part.base, plan, part)),
            Stage::Gathering { base, plan } => {
                proceed(base, &plan, &part).and_then(|()| extend(base, plan, part))
            }
        };
        let assembled = match outcome {
            Ok(Some((base, plan))) if more => {
                self.stage = Stage::Gathering { base, plan };
                return Assembled::Partial;
            }
            Ok(Some((_, plan))) => finish(held, plan),
            Ok(None) => Assembled::Partial,
            Err(reason) => Assembled::Refused(reason),
        };
        if more {
            self.stage = Stage::Skipping;
        }
        assembled
    }
}

type Gathered = Option<(Option<Generation>, HostPlan)>;

/// What the first part of a plan builds on.
fn start(held: Option<&HostPlan>, part: &PlanChange) -> Result<HostPlan, String> {
    let held_generation = held.map(|plan| plan.generation);
    let items = match part.base {
        None => BTreeMap::new(),
        Some(base) if Some(base) == held_generation && part.generation > base => {
            held.map(|plan| plan.items.clone()).unwrap_or_default()
        }
        Some(base) => {
            let held = held_generation.map_or("none".to_owned(), |held| held.to_string());
            return Err(format!(
                "a difference from generation {base} to {} does not fit the plan held here: {held}",
                part.generation
            ));
        }
    };
    match held_generation {
        Some(held) if part.generation < held => Err(format!(
            "generation {} is older than {held}, which is carried out here",
            part.generation
        )),
        _ => Ok(HostPlan {
            generation: part.generation,
            items,
        }),
    }
}

/// A later part must belong to what came before it.
fn proceed(base: Option<Generation>, plan: &HostPlan, part: &PlanChange) -> Result<(), String> {
    if part.generation == plan.generation && part.base == base {
        return Ok(());
    }
    Err(format!(
        "a part of generation {} came between parts of generation {}",
        part.generation, plan.generation
    ))
}

fn extend(
    base: Option<Generation>,
    mut plan: HostPlan,
    part: PlanChange,
) -> Result<Gathered, String> {
    for key in &part.remove {
        // What is not there was never held: then the difference starts from another plan.
        plan.items
            .remove(key)
            .ok_or_else(|| format!("{key} is to be removed but is not in the plan"))?;
    }
    for item in part.upsert {
        plan.items.insert(item.key(), item);
    }
    if plan.items.len() > MAX_PLAN_ITEMS {
        return Err(format!("a plan of more than {MAX_PLAN_ITEMS} items"));
    }
    Ok(Some((base, plan)))
}

/// A generation names one plan for ever.
fn finish(held: Option<&HostPlan>, plan: HostPlan) -> Assembled {
    match held {
        Some(held) if *held == plan => Assembled::Known,
        Some(held) if held.generation == plan.generation => Assembled::Refused(format!(
            "generation {} is already known here as a different plan",
            plan.generation
        )),
        _ => Assembled::Plan(plan),
    }
}

#[cfg(test)]
mod tests {
    use model::plan::{PlanItem, PlanKey, PlannedRemotePort};
    use model::{HostId, MacAddr, NetworkId, PortId};
    use uuid::Uuid;

    use super::*;

    fn item(n: u8) -> PlanItem {
        PlanItem::RemotePort(PlannedRemotePort {
            id: id(n),
            network_id: NetworkId::from(Uuid::from_u128(1)),
            mac: MacAddr::local(n.into()),
            addresses: Vec::new(),
            virtual_macs: Vec::new(),
            spoof_guard: model::SpoofGuard::On,
            hostname: None,
            security_group_ids: Vec::new(),
            host_id: HostId::from(Uuid::from_u128(2)),
            endpoint: None,
        })
    }

    fn id(n: u8) -> PortId {
        PortId::from(Uuid::from_u128(n.into()))
    }

    fn part(generation: u64, base: Option<u64>, upsert: &[u8], more: bool) -> PlanChange {
        PlanChange {
            generation: Generation(generation),
            base: base.map(Generation),
            upsert: upsert.iter().copied().map(item).collect(),
            remove: Vec::new(),
            more,
        }
    }

    fn plan(generation: u64, items: &[u8]) -> HostPlan {
        let items = items.iter().copied().map(item);
        HostPlan {
            generation: Generation(generation),
            items: items.map(|item| (item.key(), item)).collect(),
        }
    }

    fn refused(assembled: &Assembled) -> bool {
        matches!(assembled, Assembled::Refused(_))
    }

    #[test]
    fn a_whole_plan_in_parts_takes_effect_with_the_last_part() {
        let mut assembler = Assembler::default();
        assert_eq!(
            assembler.take(None, part(3, None, &[1], true)),
            Assembled::Partial
        );
        assert_eq!(
            assembler.take(None, part(3, None, &[2], false)),
            Assembled::Plan(plan(3, &[1, 2]))
        );
    }

    #[test]
    fn a_difference_changes_just_what_it_names() {
        let held = plan(3, &[1, 2]);
        let mut change = part(4, Some(3), &[5], false);
        change.remove = vec![PlanKey::RemotePort(id(1))];
        assert_eq!(
            Assembler::default().take(Some(&held), change),
            Assembled::Plan(plan(4, &[2, 5]))
        );
    }

    #[test]
    fn an_older_generation_is_refused() {
        let held = plan(3, &[1]);
        let whole = Assembler::default().take(Some(&held), part(2, None, &[1], false));
        assert!(refused(&whole));
        let difference = Assembler::default().take(Some(&held), part(2, Some(3), &[9], false));
        assert!(refused(&difference));
    }

    #[test]
    fn a_changed_plan_under_a_known_generation_is_refused_and_the_same_one_is_known() {
        let held = plan(3, &[1]);
        let mut assembler = Assembler::default();
        assert!(refused(
            &assembler.take(Some(&held), part(3, None, &[1, 2], false))
        ));
        assert!(refused(
            &assembler.take(Some(&held), part(3, Some(3), &[2], false))
        ));
        assert_eq!(
            assembler.take(Some(&held), part(3, None, &[1], false)),
            Assembled::Known
        );
    }

    #[test]
    fn a_difference_to_a_plan_that_is_not_held_is_refused() {
        assert!(refused(
            &Assembler::default().take(None, part(4, Some(3), &[1], false))
        ));
        let held = plan(3, &[1]);
        assert!(refused(
            &Assembler::default().take(Some(&held), part(5, Some(4), &[1], false))
        ));
        let mut change = part(4, Some(3), &[], false);
        change.remove = vec![PlanKey::RemotePort(id(9))];
        assert!(refused(&Assembler::default().take(Some(&held), change)));
    }

    #[test]
    fn the_rest_of_a_refused_plan_is_passed_over_and_the_next_one_is_taken() {
        let held = plan(3, &[1]);
        let mut assembler = Assembler::default();
        assert!(refused(
            &assembler.take(Some(&held), part(2, None, &[1], true))
        ));
        assert_eq!(
            assembler.take(Some(&held), part(2, None, &[2], true)),
            Assembled::Partial
        );
        assert_eq!(
            assembler.take(Some(&held), part(2, None, &[3], false)),
            Assembled::Partial
        );
        assert_eq!(
            assembler.take(Some(&held), part(4, None, &[3], false)),
            Assembled::Plan(plan(4, &[3]))
        );
    }

    #[test]
    fn parts_of_two_plans_cannot_be_mixed() {
        let mut assembler = Assembler::default();
        assembler.take(None, part(3, None, &[1], true));
        assert!(refused(&assembler.take(None, part(4, None, &[2], false))));
    }
}
