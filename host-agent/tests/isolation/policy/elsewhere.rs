//! What went wrong with rules elsewhere, whatever the rules; and which of them is named as the one that let
//! a packet through.

use host_agent::pipeline::cookie::Group;
use host_agent::pipeline::rules_behind;
use openflow::table::Hop;

use super::*;

/// The table that asks rules.
const RULES: u8 = 52;

/// A rule that lets everything through, in every group.
fn open(scene: &Scene) -> Scene {
    let everything = ["ingress", "egress"].map(|way| format!(r#"{{"direction":"{way}"}}"#));
    let mut open = scene.clone();
    for rules in &mut open.groups {
        rules.extend(
            [90, 91]
                .into_iter()
                .zip(&everything)
                .map(|(n, json)| rule(n, json)),
        );
    }
    open
}

/// By plain reading, the rules that let something begin with a member, or a member begin it.
fn reading(
    scene: &Scene,
    (member, other): (u8, u8),
    direction: Direction,
    said: &Said,
) -> Vec<model::RuleId> {
    let groups = &scene.members[usize::from(member) - 1];
    let rules = groups.iter().flat_map(|group| &scene.groups[*group]);
    let lets = rules.filter(|rule| scene.rule_lets(rule, direction, other, said));
    lets.map(|rule| rule.id).collect()
}

/// The rules that a look into the table of rules names.
fn named(wanted: &Wanted, hop: &Hop<'_>) -> Vec<model::RuleId> {
    let flow = hop
        .flow
        .filter(|flow| hop.table == RULES && flow.priority > 0);
    let found = flow.and_then(|flow| {
        let number = Group::from_cookie(flow.cookie)?.security_group()?;
        let mut groups = wanted.security_groups.values();
        let group = groups.find(|group| group.number == number)?;
        Some(rules_behind(group, flow, &hop.clauses))
    });
    found.unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// As in CVE-2025-52889 and CVE-2025-52890, where rules that let something through came before the
    /// filter of addresses: whatever rules say, nobody speaks as somebody else.
    #[test]
    fn rules_that_switch_the_guard_against_spoofing_off(
        scene in scenes(),
        said in sayings(),
        as_whom in prop_oneof![Just(2u8), Just(ELSEWHERE)],
    ) {
        let tables = Tables::new(open(&scene).flows());
        for to in [2, ELSEWHERE, FOREIGN] {
            let whole = said.frame(as_whom, to).bytes();
            let mut address_alone = whole.clone();
            address_alone[6..12].copy_from_slice(&mac(1).octets());
            let mut mac_alone = said.frame(1, to).bytes();
            mac_alone[6..12].copy_from_slice(&mac(as_whom).octets());
            for forged in [whole, address_alone, mac_alone] {
                let packet = Packet::new(PortNo(1), forged);
                let outcome = tables.evaluate(packet, &mut Connections::default());
                prop_assert_eq!(outcome.failure, None);
                prop_assert_eq!(outcome.outputs, vec![]);
            }
        }
    }

    /// What is said to have let a packet through is a rule that by itself does, by a plain reading of it.
    #[test]
    fn the_rule_that_is_named_is_one_that_lets_it_through(scene in scenes(), said in sayings()) {
        let wanted = Wanted::new(&scene.plan());
        let tables = Tables::new(scene.flows());
        for (from, to) in PAIRS {
            let frame = said.frame(from, to);
            let packet = match from == ELSEWHERE {
                true => Packet::new(PATCH, frame.tagged(0x8100, VLAN).bytes()),
                false => Packet::new(PortNo(from.into()), frame.bytes()),
            };
            let outcome = tables.evaluate(packet, &mut Connections::default());
            let mut direction = None;
            for hop in &outcome.path {
                direction = hop.flow.and_then(pipeline::asked).or(direction);
                let named = named(&wanted, hop);
                let Some(direction) = direction.filter(|_| hop.table == RULES) else {
                    continue;
                };
                let ends = match direction {
                    Direction::Egress => (from, to),
                    Direction::Ingress => (to, from),
                };
                let reading = reading(&scene, ends, direction, &said);
                let lets = hop.flow.is_some_and(|flow| flow.priority > 0);
                prop_assert_eq!(named.is_empty(), !lets, "{:?}", hop.flow);
                let unread = named.iter().find(|id| !reading.contains(id));
                prop_assert_eq!(unread, None, "{:?} {:?}", ends, said);
            }
        }
    }
}
