use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::{MacAddr, PortId, SpoofGuard, Tracking, VlanId};
use openflow::{Action, PortNo};

use super::registers::{FLOOD_PART, FROM, FROM_VIF, REGISTERS};
use super::*;

fn addresses(list: &[&str]) -> Arc<[IpAddr]> {
    list.iter().map(|it| it.parse().unwrap()).collect()
}

fn local(port: u32, list: &[&str]) -> LocalPort {
    LocalPort {
        id: PortId::generate(),
        port: PortNo(port),
        tag: None,
        mac: MacAddr::local(port.into()),
        addresses: addresses(list),
        allowed: Arc::default(),
        spoof_guard: SpoofGuard::On,
        limits: model::Limits::default(),
        policy: Policy {
            zone: port.try_into().unwrap(),
            tracking: Tracking::Stateful,
            groups: [1.try_into().unwrap()].into(),
        },
    }
}

pub(super) fn network(locals: Vec<LocalPort>, remotes: usize) -> NetworkView {
    let remote = |n: usize| RemotePort {
        mac: MacAddr::local(u64::try_from(n).unwrap() + 1000),
        addresses: addresses(&[&format!("10.9.0.{n}")]),
        virtual_macs: Arc::default(),
        spoof_guard: SpoofGuard::On,
        endpoint: None,
    };
    NetworkView {
        number: 7.try_into().unwrap(),
        uplink: Some(Uplink {
            port: PortNo(99),
            mark: Mark::Vlan(VlanId::MIN),
        }),
        locals,
        gates: Vec::new(),
        remotes: (1..=remotes).map(remote).collect(),
        gateways: addresses(&["10.0.0.254"]),
        resolvers: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
        outside: Box::default(),
    }
}

#[test]
fn no_two_registers_share_a_bit() {
    let mut taken = BTreeMap::new();
    for register in REGISTERS {
        assert!(register.offset + register.bits <= 32, "{}", register.name);
        let before = taken.entry(register.field).or_insert(0);
        assert_eq!(*before & register.mask(), 0, "{}", register.name);
        *before |= register.mask();
    }
}

#[test]
fn two_registers_of_one_field_are_asked_for_together() {
    let both = FLOOD_PART.is(3, FROM.is(FROM_VIF, Match::new()));
    let other_way = FROM.is(FROM_VIF, FLOOD_PART.is(3, Match::new()));
    assert_eq!(both, other_way);
    let found = both.get(FROM.field).unwrap();
    assert_eq!((found.value, found.mask), (0x3_0001, 0xffff_0003));
}

#[test]
fn frames_only_ever_move_on_to_later_tables() {
    let ids: Vec<u8> = TABLES.iter().map(|table| table.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    let network = network(vec![local(1, &["10.0.0.1", "2001:db8::1"])], 1);
    for flow in infrastructure().iter().chain(&compile(&network)) {
        let next = flow.instructions.goto_table;
        assert!(next.is_none_or(|next| next > flow.table && ids.contains(&next)));
    }
}

#[test]
fn only_the_last_table_outputs_and_nothing_floods_or_learns() {
    let network = network(vec![local(1, &["10.0.0.1"]), local(2, &["10.0.0.2"])], 1);
    let last = TABLES.last().unwrap().id;
    for flow in infrastructure().iter().chain(&compile(&network)) {
        for action in &flow.instructions.apply {
            match action {
                Action::Output { port, .. } => {
                    assert_eq!(flow.table, last);
                    assert_eq!(port.name(), None, "{flow}");
                }
                Action::Learn(_) | Action::OutputField { .. } | Action::Group(_) => {
                    panic!("{flow}")
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_flow_is_marked_as_its_networks_and_no_key_comes_twice() {
    let flows = compile(&network(
        vec![local(1, &["10.0.0.1"]), local(2, &["10.0.0.2", "fe80::2"])],
        2,
    ));
    let group = Group::of(7.try_into().unwrap());
    assert!(
        flows
            .iter()
            .all(|it| Group::from_cookie(it.cookie) == Some(group))
    );
    assert!(flows.is_sorted_by(|a, b| a.key() < b.key()));
    let mut port = local(1, &["10.0.0.1", "2001:db8::1"]);
    let pairs = [
        "2001:db8::1@00:00:5e:00:01:01",
        "2001:db8::50@00:00:5e:00:01:01",
        "2001:db8::50",
        "10.0.0.1@00:00:5e:00:01:01",
        "10.0.0.0/30",
    ];
    port.allowed = pairs.iter().map(|it| it.parse().unwrap()).collect();
    let flows = compile(&network(vec![port], 0));
    assert!(flows.is_sorted_by(|a, b| a.key() < b.key()));
    assert!(infrastructure().is_sorted_by(|a, b| a.key() < b.key()));
}

#[test]
fn the_number_of_flows_is_as_documented() {
    let count = |locals, remotes| compile(&network(locals, remotes)).len();
    assert_eq!(infrastructure().len(), 129);
    let empty = count(Vec::new(), 0);
    assert_eq!(empty, 5);
    assert_eq!(count(vec![local(1, &["10.0.0.1"])], 0) - empty, 17);
    let both = vec![local(1, &["10.0.0.1", "2001:db8::1"])];
    assert_eq!(count(both, 0) - empty, 17 + 14);
    assert_eq!(count(Vec::new(), 5) - empty, 5 * 3);
}

#[test]
fn a_pair_takes_two_flows_and_a_virtual_ethernet_address_two_more() {
    let with = |pairs: &[&str], guard| {
        let mut port = local(1, &["10.0.0.1", "2001:db8::1"]);
        port.allowed = pairs.iter().map(|it| it.parse().unwrap()).collect();
        port.spoof_guard = guard;
        compile(&network(vec![port], 0)).len()
    };
    let on = SpoofGuard::On;
    let none = with(&[], on);
    assert_eq!(with(&["10.0.0.50"], on) - none, 2);
    assert_eq!(with(&["2001:db8::50"], on) - none, 4);
    assert_eq!(with(&["10.0.0.50@00:00:5e:00:01:01"], on) - none, 4);
    // 13, and 2 for the gateway, in place of 14 of the guards.
    assert_eq!(with(&[], SpoofGuard::Off), none + 1);
}

#[test]
fn a_router_takes_as_many_flows_as_documented() {
    let both = |port| local(port, &["10.0.0.1", "2001:db8::1"]);
    let count = |locals: Vec<LocalPort>, remotes, routed| {
        let mut view = network(locals, remotes);
        let routes = [("10.0.0.0/24", 7), ("10.1.0.0/24", 8)];
        let routes = routes.map(|(cidr, n)| (cidr.parse().unwrap(), n.try_into().unwrap()));
        view.routing = Some(Routing {
            mac: MacAddr::local(9),
            addresses: addresses(&["10.0.0.254", "10.1.0.254"]),
            routes: routes.into(),
            endpoints: Arc::default(),
            statics: Arc::default(),
            sizes: Arc::default(),
        });
        view.routing = view.routing.filter(|_| routed);
        compile(&view).len()
    };
    let more = |locals: &[LocalPort], remotes| {
        count(locals.to_vec(), remotes, true) - count(locals.to_vec(), remotes, false)
    };
    assert_eq!(more(&[], 0), 9 + 2 * 2 + 2);
    assert_eq!(more(&[both(1)], 0) - more(&[], 0), 1 + 2);
    assert_eq!(more(&[], 5) - more(&[], 0), 5);
}

#[test]
fn static_routes_and_networks_of_smaller_packets_take_as_many_flows_as_documented() {
    let number = |n: u32| n.try_into().unwrap();
    let count = |statics: usize, sizes: &[(u32, u16)]| {
        let mut view = network(Vec::new(), 0);
        let hop = StaticHop {
            prefix: "10.9.0.0/16".parse().unwrap(),
            network: number(8),
            mac: None,
        };
        let routes = [("10.0.0.0/24", 7), ("10.1.0.0/24", 8)];
        view.routing = Some(Routing {
            mac: MacAddr::local(9),
            addresses: addresses(&["10.0.0.254", "10.1.0.254"]),
            routes: routes
                .map(|(cidr, n)| (cidr.parse().unwrap(), number(n)))
                .into(),
            endpoints: Arc::default(),
            statics: vec![hop; statics].into(),
            sizes: Arc::new(sizes.iter().map(|(n, size)| (number(*n), *size)).collect()),
        });
        compile(&view).len()
    };
    let plain = count(0, &[]);
    assert_eq!(count(1, &[]), plain + 1);
    let own = network(Vec::new(), 0).number.get();
    assert_eq!(count(0, &[(own, 1500), (8, 1500)]), plain);
    assert_eq!(count(0, &[(own, 1500), (8, 1450)]), plain + 1 + 1);
    assert_eq!(count(1, &[(own, 1500), (8, 1450)]), plain + 1 + 1 + 1 + 1);
    assert_eq!(count(1, &[(own, 1450), (8, 1500)]), plain + 1);
}

/// The same network as an overlay, its remote ports spread over that many hosts.
fn overlay(locals: Vec<LocalPort>, remotes: u8, hosts: u8) -> NetworkView {
    let mut view = network(locals, remotes.into());
    view.uplink = Some(Uplink {
        port: PortNo(99),
        mark: Mark::Vni(4096.try_into().unwrap()),
    });
    let remotes = view.remotes.iter().cloned().zip((0..hosts).cycle());
    let remotes = remotes.map(|(remote, host)| RemotePort {
        endpoint: Some([10, 254, 0, host].into()),
        ..remote
    });
    view.remotes = remotes.collect();
    view
}

#[test]
fn an_overlay_takes_a_flow_for_each_host_beside_those_for_each_port() {
    let count = |remotes, hosts| compile(&overlay(Vec::new(), remotes, hosts)).len();
    let gateway = 1;
    // No way in without another host: one flow less than for a VLAN.
    assert_eq!(count(0, 1), 3 + gateway - 1);
    assert_eq!(count(1, 1), 3 + gateway + 1 + 3);
    assert_eq!(count(6, 3), 3 + gateway + 3 + 6 * 3);
}
