//! Which rules a flow of a group says, for whoever asks what let a packet through.

use model::RuleId;
use openflow::{Action, Field, Flow};

use super::remote::Numbers;
use super::{Compiling, GroupView};

/// The rules of a group that by themselves would be reason enough for this flow to let a packet through;
/// where the flow stands for a conjunction, with `clauses` fulfilled. Several rules may say the same.
#[must_use]
pub fn behind(group: &GroupView, flow: &Flow, clauses: &[&Flow]) -> Vec<RuleId> {
    let numbers = Numbers::of(group);
    let conjunction = flow.matching.exact_value(Field::ConjId);
    // Who is at the other end does not tell rules apart that share a conjunction.
    let nobody = GroupView {
        rules: Vec::new(),
        members: Default::default(),
        prefixes: Default::default(),
        ..group.clone()
    };
    let says = |said: &Flow| match conjunction {
        None => is_alike(said, flow),
        Some(id) => {
            let part = |action: &Action| matches!(action, Action::Conjunction { id: own, .. } if u128::from(*own) == id);
            let of_it = said.instructions.apply.iter().any(part);
            of_it && clauses.iter().any(|clause| is_alike(said, clause))
        }
    };
    let rules = group.rules.iter().filter(|rule| {
        let mut alone = Compiling::new(&nobody, &numbers);
        alone.rule(rule);
        alone.flows().iter().any(says)
    });
    rules.map(|rule| rule.id).collect()
}

fn is_alike(one: &Flow, other: &Flow) -> bool {
    (one.priority, &one.matching) == (other.priority, &other.matching)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{Rule, SecurityGroupId, Tracking};
    use serde_json::json;

    use super::*;
    use crate::pipeline::rules::compile;

    fn rule(form: serde_json::Value) -> Rule {
        let mut form = form;
        form["id"] = json!(RuleId::generate());
        form["direction"] = json!("ingress");
        serde_json::from_value(form).unwrap()
    }

    fn group(rules: Vec<Rule>, other: SecurityGroupId) -> GroupView {
        let member = (7.try_into().unwrap(), "10.0.0.7".parse().unwrap());
        GroupView {
            number: 3.try_into().unwrap(),
            tracking: Tracking::Stateful,
            rules,
            members: BTreeMap::from([(other, vec![member])]),
            prefixes: BTreeMap::new(),
        }
    }

    fn says(flow: &Flow, clause: bool) -> bool {
        let mut actions = flow.instructions.apply.iter();
        actions.any(|it| matches!(it, Action::Conjunction { .. })) == clause
    }

    #[test]
    fn a_flow_of_its_own_names_its_rule_and_others_that_say_the_same() {
        let other = SecurityGroupId::generate();
        let rules = vec![
            rule(json!({"protocol": "tcp", "ports": "80"})),
            rule(json!({"protocol": "tcp", "ports": "80-81"})),
            rule(json!({"protocol": "tcp", "ports": "443", "remote_cidr": "10.0.0.0/8"})),
        ];
        let group = group(rules, other);
        let ids: Vec<RuleId> = group.rules.iter().map(|it| it.id).collect();
        let flows = compile(&group);
        let named: Vec<Vec<RuleId>> = flows.iter().map(|it| behind(&group, it, &[])).collect();
        assert!(named.iter().all(|it| !it.is_empty()), "{named:?}");
        for id in ids {
            assert!(named.iter().any(|it| it == &[id]), "{id} has none");
        }
    }

    #[test]
    fn a_conjunction_names_just_the_rules_whose_clause_is_fulfilled() {
        let other = SecurityGroupId::generate();
        let remote = |protocol: &str, ports: &str| {
            rule(json!({"protocol": protocol, "ports": ports, "remote_group_id": other}))
        };
        let rules = vec![
            remote("tcp", "80"),
            remote("tcp", "443"),
            remote("udp", "80"),
        ];
        let group = group(rules, other);
        let flows = compile(&group);
        let complete = flows.iter().find(|it| says(it, false)).unwrap();
        let clauses: Vec<&Flow> = flows.iter().filter(|it| says(it, true)).collect();
        let mut one_each = clauses.iter().map(|it| behind(&group, complete, &[it]));
        assert!(one_each.any(|it| it == [group.rules[1].id]));
        let all = behind(&group, complete, &clauses);
        assert_eq!(all, group.rules.iter().map(|it| it.id).collect::<Vec<_>>());
        assert_eq!(behind(&group, complete, &[]), []);
    }
}
