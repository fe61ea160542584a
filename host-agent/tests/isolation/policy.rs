//! Security groups: whatever their rules, a packet passes just when a plain reading of them lets it.
//!
//! The tables are made from a plan, as on a host, and asked by the evaluator; the reading is a loop
//! over all rules, and knows neither prefixes of port ranges nor conjunctions nor tables.

mod elsewhere;
mod said;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use host_agent::binding::{self, Binding, Carrier, Translators, ZonesInUse};
use host_agent::pipeline::{self, View};
use host_agent::wanted::{Exit, Wanted};
use ipnet::IpNet;
use model::plan::{
    Generation, HostPlan, PlanItem, PlanKey, PlannedAddressGroup, PlannedNetwork,
    PlannedPhysicalNetwork, PlannedPort, PlannedRemotePort, PlannedSecurityGroup,
};
use model::{
    Direction, Family, MacAddr, PortRange, ProtocolName, Remote, Role, Rule, RuleForm, Segment,
    Sharing, Tracking,
};
use openflow::table::{Connections, Packet, Tables};
use openflow::{Flow, PortNo};
use proptest::prelude::*;
use uuid::Uuid;

use said::Said;

const PATCH: PortNo = PortNo(500);
const VLAN: u16 = 100;

/// Two ports here, one elsewhere, and one of another network with the address of the first.
const HERE: [u8; 2] = [1, 2];
const ELSEWHERE: u8 = 3;
const FOREIGN: u8 = 4;

/// A pool of three groups and an address group, and who is in which.
#[derive(Clone, Debug)]
struct Scene {
    tracking: Tracking,
    groups: Vec<Vec<Rule>>,
    prefixes: Vec<IpNet>,
    /// Which groups each of the three members of the network is in.
    members: [Vec<usize>; 3],
}

fn uuid(kind: u128, n: impl TryInto<u128>) -> Uuid {
    Uuid::from_u128(kind << 64 | n.try_into().unwrap_or_default())
}

fn v4(member: u8) -> Ipv4Addr {
    [10, 0, 0, member].into()
}

fn v6(member: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, member.into())
}

fn mac(member: u8) -> MacAddr {
    MacAddr::local(member.into())
}

impl Scene {
    fn plan(&self) -> HostPlan {
        let groups = self.groups.iter().zip(1u32..).map(|(rules, number)| {
            PlanItem::SecurityGroup(PlannedSecurityGroup {
                id: uuid(7, number - 1).into(),
                number: number.try_into().unwrap(),
                tracking: self.tracking,
                rules: rules.clone(),
            })
        });
        let items = [
            PlanItem::PhysicalNetwork(PlannedPhysicalNetwork {
                id: uuid(1, 1u8).into(),
                name: "vm".parse().unwrap(),
                role: Role::Private,
                uplink: "eth1".parse().unwrap(),
                vlans: None,
                mtu: 1500,
                endpoint: None,
                address: None,
            }),
            network(1, VLAN),
            network(2, VLAN + 1),
            PlanItem::AddressGroup(PlannedAddressGroup {
                id: uuid(8, 0u8).into(),
                prefixes: self.prefixes.clone(),
            }),
            self.port(1, HERE[0]),
            self.port(1, HERE[1]),
            self.remote(),
            self.port(2, FOREIGN),
        ];
        let items = items.into_iter().chain(groups);
        HostPlan {
            generation: Generation(1),
            items: items.map(|it| (it.key(), it)).collect(),
        }
    }

    fn ids(&self, member: u8) -> Vec<model::SecurityGroupId> {
        // Whoever is in another network is in every group, and none the nearer for it.
        let all: Vec<usize> = (0..self.groups.len()).collect();
        let groups = self.members.get(usize::from(member) - 1).unwrap_or(&all);
        groups.iter().map(|n| uuid(7, *n).into()).collect()
    }

    fn port(&self, network: u8, member: u8) -> PlanItem {
        // The foreign port has the addresses of the remote one.
        let address = if member == FOREIGN { ELSEWHERE } else { member };
        PlanItem::Port(PlannedPort {
            id: uuid(3, member).into(),
            network_id: uuid(2, network).into(),
            mac: mac(member),
            addresses: vec![v4(address).into(), v6(address).into()],
            allowed: Vec::new(),
            spoof_guard: model::SpoofGuard::On,
            limits: model::Limits::default(),
            hostname: None,
            on_trunk: None,
            standby: None,
            security_group_ids: self.ids(member),
        })
    }

    fn remote(&self) -> PlanItem {
        PlanItem::RemotePort(PlannedRemotePort {
            id: uuid(3, ELSEWHERE).into(),
            network_id: uuid(2, 1u8).into(),
            mac: mac(ELSEWHERE),
            addresses: vec![v4(ELSEWHERE).into(), v6(ELSEWHERE).into()],
            virtual_macs: Vec::new(),
            spoof_guard: model::SpoofGuard::On,
            hostname: None,
            security_group_ids: self.ids(ELSEWHERE),
            host_id: uuid(9, 9u8).into(),
            endpoint: None,
        })
    }

    fn flows(&self) -> Vec<Flow> {
        let wanted = Wanted::new(&self.plan());
        assert_eq!(wanted.failures, []);
        let members = HERE.into_iter().chain([FOREIGN]);
        let carriers = members.clone().map(|member| {
            let carrier = Carrier {
                interface: format!("vif{member}"),
                port: PortNo(member.into()),
                ifindex: None,
            };
            (uuid(3, member).into(), carrier)
        });
        let binding = Binding {
            carriers: carriers.collect(),
            dark: BTreeMap::new(),
        };
        let uplinks = [(Exit::Patch(uuid(1, 1u8).into()), PATCH)].into();
        let zones = members.map(|member| (uuid(3, member).into(), member.into()));
        let zones = ZonesInUse {
            ports: &zones.collect(),
            routers: &BTreeMap::new(),
        };
        let translators = Translators {
            zones,
            outlets: &BTreeMap::new(),
        };
        let views: BTreeMap<PlanKey, View> =
            binding::all_views(&wanted, &binding, &uplinks, translators);
        let flows = views.values().flat_map(View::compile);
        pipeline::infrastructure()
            .into_iter()
            .chain(flows)
            .collect()
    }

    /// A plain reading: may `from` begin this with `to`, as far as `member`'s rules go?
    fn lets(&self, member: u8, direction: Direction, other: u8, said: &Said) -> bool {
        let groups = &self.members[usize::from(member) - 1];
        let mut rules = groups.iter().flat_map(|group| &self.groups[*group]);
        rules.any(|rule| self.rule_lets(rule, direction, other, said))
    }

    fn rule_lets(&self, rule: &Rule, direction: Direction, other: u8, said: &Said) -> bool {
        let form = RuleForm::from(rule.allows.clone());
        let family = if said.v6 { Family::Ipv6 } else { Family::Ipv4 };
        let address: IpAddr = match said.v6 {
            true => v6(other).into(),
            false => v4(other).into(),
        };
        let remote = match rule.allows.remote {
            Remote::Any => true,
            Remote::Prefix(prefix) => prefix.contains(&address),
            Remote::Group(id) => self.ids(other).contains(&id),
            Remote::AddressGroup(_) => self.prefixes.iter().any(|it| it.contains(&address)),
        };
        let spoken = match (form.protocol, said.protocol) {
            (ProtocolName::Any, _) => true,
            (ProtocolName::Tcp, 6) | (ProtocolName::Udp, 17) => form
                .ports
                .is_none_or(|ports| (ports.first()..=ports.last()).contains(&said.to)),
            (ProtocolName::Icmp, 1) | (ProtocolName::Icmpv6, 58) => {
                // The type is an echo's; the code is 0.
                let kind = form.icmp_type.is_none_or(|kind| kind == said.echo());
                kind && form.icmp_code.is_none_or(|code| code == 0)
            }
            (ProtocolName::Other(number), spoken) => number == spoken,
            _ => false,
        };
        let direction = form.direction == direction;
        direction && form.family.is_none_or(|it| it == family) && remote && spoken
    }
}

fn network(n: u8, vlan: u16) -> PlanItem {
    PlanItem::Network(PlannedNetwork {
        id: uuid(2, n).into(),
        tenant_id: uuid(5, 1u8).into(),
        number: u32::from(n).try_into().unwrap(),
        segment: Segment::Vlan {
            physical_network_id: uuid(1, 1u8).into(),
            vlan: vlan.try_into().unwrap(),
        },
        mtu: 1500,
        sharing: Sharing::default(),
        subnets: Vec::new(),
    })
}

/// Sends a packet from a member to another; whether it came out there.
fn passes(tables: &Tables, known: &mut Connections, (from, to): (u8, u8), said: Said) -> bool {
    let frame = said.frame(from, to);
    let packet = match from == ELSEWHERE {
        true => Packet::new(PATCH, frame.tagged(0x8100, VLAN).bytes()),
        false => Packet::new(PortNo(from.into()), frame.bytes()),
    };
    let outcome = tables.evaluate(packet, known);
    assert_eq!(outcome.failure, None);
    let expected = match to == ELSEWHERE {
        true => PATCH,
        false => PortNo(to.into()),
    };
    assert!(outcome.outputs.len() <= 1);
    assert!(outcome.outputs.iter().all(|it| it.port == expected));
    !outcome.outputs.is_empty()
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let ports = prop_oneof![
        Just(None),
        (75u16..90, 0u16..9).prop_map(|(first, more)| PortRange::new(first, first + more).ok()),
        any::<(u16, u16)>().prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).ok()),
    ];
    let protocol = prop_oneof![
        Just("any"),
        Just("tcp"),
        Just("udp"),
        Just("icmp"),
        Just("icmpv6"),
        Just("47")
    ];
    let remote = (0u8..5, 0u8..3, 0u8..33);
    let icmp = proptest::option::of(prop_oneof![Just(8u8), Just(128), Just(13)]);
    let family = proptest::option::of(prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)]);
    let rule = (
        any::<bool>(),
        protocol,
        ports,
        remote,
        icmp,
        family,
        any::<bool>(),
    );
    let rule = rule.prop_map(|(ingress, protocol, ports, remote, kind, family, logged)| {
        let direction = if ingress {
            Direction::Ingress
        } else {
            Direction::Egress
        };
        let (sort, n, length) = remote;
        let named = |wanted: u8| sort == wanted;
        let prefix = || IpNet::new(v4(n + 1).into(), length).unwrap().trunc();
        let form = RuleForm {
            family,
            protocol: protocol.parse().unwrap(),
            ports: ports.filter(|_| protocol == "tcp" || protocol == "udp"),
            icmp_type: kind.filter(|_| protocol.starts_with("icmp")),
            remote_cidr: named(1).then(prefix),
            remote_group_id: named(2).then(|| uuid(7, n).into()),
            remote_address_group_id: named(3).then(|| uuid(8, 0u8).into()),
            logged,
            ..RuleForm::new(direction)
        };
        // Those whose parts do not fit are tried without a family of their own, or not at all.
        let whole = form.check();
        whole
            .or_else(|_| {
                RuleForm {
                    family: None,
                    ..form
                }
                .check()
            })
            .ok()
    });
    proptest::collection::vec(rule, 0..6).prop_map(|rules| {
        let rules = rules.into_iter().flatten();
        rules
            .zip(0u8..)
            .map(|(allows, n)| Rule {
                id: uuid(6, n).into(),
                allows,
            })
            .collect()
    })
}

fn scenes() -> impl Strategy<Value = Scene> {
    let members = || proptest::collection::btree_set(0usize..3, 0..3);
    let prefix = prop_oneof![
        (1u8..4).prop_map(|n| IpNet::from(IpAddr::from(v4(n)))),
        (1u8..4).prop_map(|n| IpNet::from(IpAddr::from(v6(n)))),
        Just("10.0.0.0/30".parse().unwrap()),
        Just("192.0.2.0/24".parse().unwrap()),
    ];
    let prefixes = proptest::collection::btree_set(prefix, 0..3);
    let tracking = prop_oneof![3 => Just(Tracking::Stateful), 1 => Just(Tracking::Stateless)];
    let groups = proptest::collection::vec(rules(), 3);
    let parts = (tracking, groups, prefixes, members(), members(), members());
    parts.prop_map(|(tracking, groups, prefixes, one, two, three)| Scene {
        tracking,
        groups,
        prefixes: prefixes.into_iter().collect(),
        members: [one, two, three].map(|it| it.into_iter().collect()),
    })
}

fn sayings() -> impl Strategy<Value = Said> {
    let ports = prop_oneof![75u16..95, any::<u16>()];
    let protocol = prop_oneof![Just(6u8), Just(17), Just(1), Just(47)];
    (any::<bool>(), protocol, ports).prop_map(|(v6, protocol, to)| Said {
        v6,
        protocol: if v6 && protocol == 1 { 58 } else { protocol },
        from: 40_000,
        // What the guards keep from passing is not what is asked here.
        to: if to == 68 || to == 546 { 69 } else { to },
        is_reply: false,
    })
}

/// Pairs of members of which at least one is here.
const PAIRS: [(u8, u8); 4] = [(1, 2), (2, 1), (1, ELSEWHERE), (ELSEWHERE, 1)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_packet_passes_just_when_a_plain_reading_of_all_rules_lets_it(
        scene in scenes(),
        said in proptest::collection::vec(sayings(), 1..5),
    ) {
        let tables = Tables::new(scene.flows());
        for (pair, said) in PAIRS.into_iter().flat_map(|pair| said.iter().map(move |it| (pair, *it))) {
            let (from, to) = pair;
            let mut known = Connections::default();
            let may_send = |from, to, said| {
                from == ELSEWHERE || scene.lets(from, Direction::Egress, to, said)
            };
            let may_come = |from, to, said| {
                to == ELSEWHERE || scene.lets(to, Direction::Ingress, from, said)
            };
            let expected = may_send(from, to, &said) && may_come(from, to, &said);
            prop_assert_eq!(passes(&tables, &mut known, pair, said), expected, "{:?} {:?}", pair, said);
            // Again, as part of what is established by now.
            prop_assert_eq!(passes(&tables, &mut known, pair, said), expected);
            // The answer passes with it where connections are tracked, else by rules of its own.
            let tracked = scene.tracking == Tracking::Stateful && said.protocol != 47;
            let answer = said.reply();
            if tracked && expected {
                prop_assert!(passes(&tables, &mut known, (to, from), answer));
                prop_assert!(passes(&tables, &mut known, pair, said));
            } else if !tracked && said.protocol == 47 {
                let expected = may_send(to, from, &answer) && may_come(to, from, &answer);
                prop_assert_eq!(passes(&tables, &mut known, (to, from), answer), expected);
            }
        }
    }

    /// Rule-order regressions, as in CVE-2025-52889: the order in which rules are said means nothing.
    #[test]
    fn the_order_of_rules_and_of_groups_means_nothing(scene in scenes()) {
        let mut turned = scene.clone();
        for rules in &mut turned.groups {
            rules.reverse();
        }
        let sorted = |scene: &Scene| {
            let mut flows = scene.flows();
            flows.sort_by(|a, b| a.key().cmp(&b.key()));
            flows
        };
        prop_assert_eq!(sorted(&turned), sorted(&scene));
    }

    /// Established connections are asked about anew when rules change: revoked ones end at once and
    /// in both directions, those that are still allowed go on.
    #[test]
    fn with_other_rules_established_connections_are_judged_by_those(
        before in scenes(),
        after in scenes(),
        said in sayings(),
    ) {
        let tables = [&before, &after].map(|scene| {
            Tables::new(Scene { tracking: Tracking::Stateful, ..scene.clone() }.flows())
        });
        for (from, to) in [(1, 2), (2, 1)] {
            let mut known = Connections::default();
            let begun = passes(&tables[0], &mut known, (from, to), said)
                && said.protocol != 47
                && passes(&tables[0], &mut known, (to, from), said.reply());
            if !begun {
                continue;
            }
            let lets = after.lets(from, Direction::Egress, to, &said)
                && after.lets(to, Direction::Ingress, from, &said);
            prop_assert_eq!(passes(&tables[1], &mut known, (from, to), said), lets);
            prop_assert_eq!(passes(&tables[1], &mut known, (to, from), said.reply()), lets);
        }
    }
}

fn rule(n: u8, json: &str) -> Rule {
    let form: RuleForm = serde_json::from_str(json).unwrap();
    Rule {
        id: uuid(6, n).into(),
        allows: form.check().unwrap(),
    }
}

/// Everybody in the group that is made with a tenant.
fn default_group() -> Scene {
    let own = format!(
        r#"{{"direction":"ingress","remote_group_id":"{}"}}"#,
        uuid(7, 0u8)
    );
    Scene {
        tracking: Tracking::Stateful,
        groups: vec![vec![rule(1, &own), rule(2, r#"{"direction":"egress"}"#)]],
        prefixes: Vec::new(),
        members: [vec![0], vec![0], vec![0]],
    }
}

const TCP: Said = Said {
    v6: false,
    protocol: 6,
    from: 40_000,
    to: 80,
    is_reply: false,
};

#[test]
fn within_the_default_group_all_passes_and_from_others_nothing() {
    let tables = Tables::new(default_group().flows());
    for pair in PAIRS {
        assert!(passes(&tables, &mut Connections::default(), pair, TCP));
    }
    let outsider = Scene {
        members: [vec![0], vec![0], vec![]],
        ..default_group()
    };
    let tables = Tables::new(outsider.flows());
    let mut known = Connections::default();
    assert!(!passes(&tables, &mut known, (ELSEWHERE, 1), TCP));
    // Who is spoken to may answer, and only then.
    assert!(!passes(&tables, &mut known, (ELSEWHERE, 1), TCP.reply()));
    assert!(passes(&tables, &mut known, (1, ELSEWHERE), TCP));
    assert!(passes(&tables, &mut known, (ELSEWHERE, 1), TCP.reply()));
}

#[test]
fn a_port_in_no_group_hears_and_is_heard_by_nobody() {
    let scene = Scene {
        members: [vec![], vec![0], vec![0]],
        ..default_group()
    };
    let tables = Tables::new(scene.flows());
    for pair in PAIRS {
        assert!(!passes(&tables, &mut Connections::default(), pair, TCP));
    }
}

#[test]
fn a_member_of_another_network_with_the_same_address_is_no_member() {
    // Only the foreign port is in the second group, and has the address of member 3.
    let id = uuid(7, 1u8);
    let from_second = format!(r#"{{"direction":"ingress","remote_group_id":"{id}"}}"#);
    let scene = Scene {
        groups: vec![
            vec![rule(1, &from_second), rule(2, r#"{"direction":"egress"}"#)],
            vec![],
        ],
        ..default_group()
    };
    let tables = Tables::new(scene.flows());
    let known = &mut Connections::default();
    assert!(!passes(&tables, known, (ELSEWHERE, 1), TCP));
}

#[test]
fn a_thousand_members_and_twenty_rules_cost_their_sum() {
    let group = |members: u8, rules: u8| {
        let id = uuid(7, 0u8);
        let one = |n: u8| {
            let port = u16::from(n) * 2 + 1001;
            rule(
                n,
                &format!(
                    r#"{{"direction":"ingress","family":"ipv4","protocol":"tcp","ports":"{port}","remote_group_id":"{id}"}}"#
                ),
            )
        };
        let scene = Scene {
            groups: vec![(0..rules).map(one).collect()],
            ..default_group()
        };
        let mut plan = scene.plan();
        for n in 0..u16::from(members) * 100 {
            let PlanItem::RemotePort(mut port) = scene.remote() else {
                unreachable!()
            };
            port.id = uuid(30, n).into();
            port.mac = MacAddr::local(1000 + u64::from(n));
            port.addresses = vec![Ipv4Addr::from(0x0a01_0000 + u32::from(n)).into()];
            plan.items
                .insert(PlanKey::RemotePort(port.id), PlanItem::RemotePort(port));
        }
        let wanted = Wanted::new(&plan);
        let group = wanted.security_groups.values().next().unwrap();
        pipeline::compile_group(group).len()
    };
    let (none, rules, members) = (group(0, 1), group(0, 20), group(10, 1));
    // One flow for each more rule, two ways in which a packet's sender is known for each member.
    assert_eq!(rules - none, 19);
    assert_eq!(members - none, 1000);
    assert_eq!(group(10, 20), none + 19 + 1000);
}
