//! Static routes, and networks of a router that take packets of different sizes.

use std::net::Ipv4Addr;
use std::sync::Arc;

use host_agent::pipeline::{NetworkView, Routing, StaticHop};
use host_agent::respond::Question;
use model::MacAddr;
use openflow::PortNo;
use openflow::table::Outcome;
use proptest::prelude::*;

use crate::frame::{Frame, Payload};
use crate::routing::{
    APART, ROUTERS, address, any_routed_frame, datagram, evaluate, gateway, mac, networks, number,
    packet, port, single, tables,
};
use crate::world::PATCHES;

/// What the second network of either tenant carries, in bytes; the first carries 1500.
const SMALL: u16 = 1400;

/// Where no network is.
const BEHIND: Ipv4Addr = Ipv4Addr::new(10, 9, 1, 1);

/// Both tenants' routers with these ways.
fn with(host: usize, hops: impl Fn(u8) -> Vec<StaticHop>) -> Vec<NetworkView> {
    let mut all = networks(host);
    for (index, network) in all.iter_mut().enumerate() {
        let tenant = if index < 3 { 1 } else { 2 };
        let Some(routing) = &mut network.routing else {
            continue;
        };
        *routing = Routing {
            statics: hops(tenant).into(),
            sizes: Arc::new([(number(tenant, 1), 1500), (number(tenant, 2), SMALL)].into()),
            ..routing.clone()
        };
    }
    all
}

fn hop(tenant: u8, prefix: &str, (n, member): (u8, u8)) -> StaticHop {
    StaticHop {
        prefix: prefix.parse().unwrap(),
        network: number(tenant, n),
        mac: Some(mac(n, member).try_into().unwrap()),
    }
}

/// By a machine of the sender's own network, of another one here, and on another host.
fn hops(tenant: u8) -> Vec<StaticHop> {
    vec![
        hop(tenant, "0.0.0.0/0", (1, 2)),
        hop(tenant, "10.9.0.0/16", (2, 2)),
        hop(tenant, "10.9.2.0/24", (2, 3)),
        StaticHop {
            mac: None,
            ..hop(tenant, "10.9.3.0/24", (2, 3))
        },
    ]
}

#[test]
fn a_static_route_leads_to_its_next_hop_here_or_elsewhere_the_longest_prefix_first() {
    let views = with(0, hops);
    let (here, there) = (tables(&views), tables(&with(1, hops)));
    let sent = |to| evaluate(&here, port(1, 1, 1), datagram(to, 9).bytes());
    let own = sent(Ipv4Addr::new(8, 8, 8, 8));
    assert_eq!(
        single(&own),
        (port(1, 1, 2), mac(1, 2), gateway(&views[0]), 8)
    );
    let near = sent(BEHIND);
    assert_eq!(
        single(&near),
        (port(1, 2, 2), mac(2, 2), gateway(&views[1]), 8)
    );
    let far = sent(Ipv4Addr::new(10, 9, 2, 1));
    assert_eq!(single(&far), (PATCHES[0], mac(2, 3), ROUTERS[0], 8));
    let arrived = evaluate(&there, PATCHES[0], far.outputs[0].frame.clone());
    let expected = (port(1, 2, 3), mac(2, 3), gateway(&views[1]), 8);
    assert_eq!(single(&arrived), expected);
    // The router's own networks are no one else's.
    let direct = sent(address(2, 2));
    assert_eq!(single(&direct).0, port(1, 2, 2));
}

/// The agent is asked about just this frame, and nothing goes out.
fn is_asked(outcome: &Outcome<'_>, frame: &Frame) -> bool {
    let [asked] = outcome.controllers.as_slice() else {
        return false;
    };
    outcome.outputs.is_empty()
        && asked.userdata == [Question::Undeliverable.code()]
        && asked.frame == frame.bytes()
}

#[test]
fn a_route_whose_next_hop_is_nobody_has_the_sender_told() {
    let here = tables(&with(0, hops));
    let lost = datagram(Ipv4Addr::new(10, 9, 3, 1), 9);
    let outcome = evaluate(&here, port(1, 1, 1), lost.bytes());
    assert!(is_asked(&outcome, &lost), "{outcome:?}");
}

/// A datagram of so many bytes, its IP header included.
fn of_size(to: Ipv4Addr, bytes: u16, ttl: u8) -> Frame {
    let body = vec![0; usize::from(bytes) - 20];
    let body = [&[0x0f, 0xa0, 0x0f, 0xa0, 0, 0, 0, 0][..], &body[8..]].concat();
    packet(to, ttl, 17, &body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_fits_is_routed_and_the_sender_of_what_does_not_is_told(
        bytes in prop_oneof![SMALL - 2..SMALL + 3, 100u16..1501],
        ttl in 0..4u8,
        by_route in any::<bool>(),
    ) {
        let here = tables(&with(0, hops));
        let to = if by_route { BEHIND } else { address(2, 2) };
        let frame = of_size(to, bytes, ttl);
        let outcome = evaluate(&here, port(1, 1, 1), frame.bytes());
        if bytes > SMALL || ttl < 2 {
            prop_assert!(is_asked(&outcome, &frame), "{outcome:?}");
        } else {
            prop_assert_eq!(single(&outcome).0, port(1, 2, 2));
        }
    }

    #[test]
    fn towards_a_network_of_larger_packets_nothing_is_measured(bytes in 100u16..1501) {
        let views = with(0, hops);
        let here = tables(&views);
        let Payload::Bytes { eth_type, mut bytes } = of_size(address(1, 2), bytes, 9).payload else {
            unreachable!()
        };
        bytes[12..16].copy_from_slice(&address(2, 1).octets());
        let payload = Payload::Bytes { eth_type, bytes };
        let frame = Frame::new(mac(2, 1), gateway(&views[1]), payload);
        let outcome = evaluate(&here, port(1, 2, 1), frame.bytes());
        prop_assert_eq!(single(&outcome).0, port(1, 1, 2));
    }

    #[test]
    fn no_static_route_leads_to_another_tenant_or_a_network_apart(
        frame in any_routed_frame(),
        to in prop_oneof![Just(None), Just(Some(BEHIND)), any::<Ipv4Addr>().prop_map(Some)],
        sender in (1..3u8, 1..4u8, 1..3u8),
    ) {
        let (tenant, n, member) = sender;
        let (here, there) = (tables(&with(0, hops)), tables(&with(1, hops)));
        let mut bytes = frame.bytes();
        if let (Some(to), Some(field)) = (to, bytes.get_mut(30..34)) {
            field.copy_from_slice(&to.octets());
        }
        let outcome = evaluate(&here, port(tenant, n, member), bytes);
        let reached = |port: PortNo| {
            let (of, network) = (port.0 / 100, port.0 / 10 % 10);
            let joined = (network == u32::from(APART)) == (n == APART);
            prop_assert!(of == u32::from(tenant) && joined, "reached {}", port);
            Ok(())
        };
        for output in outcome.outputs {
            if output.port != PATCHES[0] {
                reached(output.port)?;
                continue;
            }
            for arrived in evaluate(&there, PATCHES[0], output.frame).outputs {
                reached(arrived.port)?;
            }
        }
    }
}

/// A plan may be wrong; a next hop that is no port of the network is reached by nobody.
#[test]
fn a_next_hop_that_is_no_port_of_its_network_gets_nothing() {
    let foreign = |tenant| {
        vec![StaticHop {
            mac: Some(MacAddr::local(4711)),
            ..hop(tenant, "10.9.0.0/16", (2, 2))
        }]
    };
    let here = tables(&with(0, foreign));
    let outcome = evaluate(&here, port(1, 1, 1), datagram(BEHIND, 9).bytes());
    assert!(outcome.outputs.is_empty() && outcome.controllers.is_empty());
}
