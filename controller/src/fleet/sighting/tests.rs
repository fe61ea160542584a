use model::report::{HostReport, Vif};
use model::{Id, PortId, PortState};

use super::*;
use crate::service::tests::{Op, run};

/// Two hosts, and a port that may be bound to the first.
struct World {
    intent: Intent,
    observed: Observed,
    hosts: Vec<HostId>,
    port: PortId,
}

/// What a host has of the port.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Nothing,
    /// A name with no device behind it.
    Stale,
    Live,
}

impl World {
    fn new(bound: Option<u8>) -> Self {
        let mut intent = Intent::default();
        let ops = [
            Op::Tenant { name: 0 },
            Op::PhysicalNetwork { name: 0, vlans: 1 },
            Op::Host { name: 0 },
            Op::Host { name: 1 },
            Op::Network {
                tenant: 0,
                name: 0,
                carrier: 0,
                vlan: None,
            },
            Op::Port {
                network: 0,
                name: None,
                mac: None,
                last: None,
                host: bound,
                group: None,
            },
        ];
        for op in &ops {
            assert!(!run(&mut intent, op).is_empty());
        }
        Self {
            observed: Observed::default(),
            hosts: intent.hosts.keys().copied().collect(),
            port: *intent.ports.keys().next().unwrap(),
            intent,
        }
    }

    fn sees(&mut self, host: usize, seen: Seen) {
        let host = self.hosts[host];
        let address = "10.0.0.1".parse().unwrap();
        self.observed.connected_from(host, address, String::new());
        let vif = Vif {
            interface: "vif".into(),
            iface_id: self.port.to_string(),
            port_id: Some(self.port),
            ifindex: (seen == Seen::Live).then_some(7),
            state: PortState::Down,
            reason: None,
            generation: None,
            spoke: None,
            guest: None,
        };
        let vifs = if seen == Seen::Nothing {
            Vec::new()
        } else {
            vec![vif]
        };
        let report = HostReport {
            complete: true,
            vifs,
            ..HostReport::default()
        };
        self.observed.absorb(host, report);
    }

    /// The host the port is bound to next, by number.
    fn bound(&self) -> Option<usize> {
        let verdict = judge(&self.intent, &self.observed, self.port);
        let bind = verdict.bind?;
        self.hosts.iter().position(|host| *host == bind)
    }
}

#[test]
fn a_port_belongs_to_its_host_if_it_is_really_there_and_else_to_where_it_is() {
    use Seen::{Live, Nothing, Stale};
    let cases = [
        // Bound to, seen by the first, seen by the second: bound to next, if that changes.
        (None, Nothing, Nothing, None),
        (None, Live, Nothing, Some(0)),
        (None, Stale, Nothing, Some(0)),
        (None, Stale, Live, Some(1)),
        (None, Nothing, Live, Some(1)),
        (Some(0), Live, Live, None),
        (Some(0), Live, Stale, None),
        (Some(0), Stale, Stale, None),
        (Some(0), Nothing, Nothing, None),
        (Some(0), Stale, Live, Some(1)),
        (Some(0), Nothing, Live, Some(1)),
        (Some(0), Nothing, Stale, Some(1)),
    ];
    for (bound, first, second, expected) in cases {
        let mut world = World::new(bound);
        world.sees(0, first);
        world.sees(1, second);
        assert_eq!(
            world.bound(),
            expected,
            "bound to {bound:?}, seen {first:?} and {second:?}"
        );
    }
}

#[test]
fn a_host_that_is_lost_holds_nothing() {
    let mut world = World::new(Some(0));
    world.sees(0, Seen::Live);
    world.sees(1, Seen::Live);
    assert_eq!(world.bound(), None);
    world.observed.lost(world.hosts[0]);
    assert_eq!(world.bound(), Some(1));
}

#[test]
fn interfaces_of_ports_that_do_not_exist_and_of_ports_elsewhere_are_told_apart() {
    let mut world = World::new(Some(0));
    world.sees(0, Seen::Live);
    world.sees(1, Seen::Live);
    let place = |host: usize| (world.hosts[host], "vif".to_owned());
    let verdict = judge(&world.intent, &world.observed, world.port);
    assert_eq!(verdict.conflicts, [place(1)]);
    assert_eq!(verdict.unknown, []);
    let verdict = judge(&Intent::default(), &world.observed, world.port);
    let mut both = vec![place(0), place(1)];
    both.sort();
    assert_eq!(verdict.unknown, both);
    assert_eq!(
        judge(&world.intent, &world.observed, Id::generate()),
        Verdict::default()
    );
}
