//! Routers: packets get to the network of their destination on the sender's host, and a tenant's to
//! no other tenant's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use host_agent::pipeline::{
    self, LocalPort, Mark, NetworkView, Outsiders, Reach, RemotePort, Routing, Uplink,
};
use host_agent::respond::Question;
use model::MacAddr;
use openflow::PortNo;
use openflow::table::{Connections, Outcome, Packet, Tables};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{Frame, Mac, Payload, ipv6, udp};
use crate::world::{PATCHES, open, open_groups};

/// What the two hosts route with.
pub(crate) const ROUTERS: [Mac; 2] = [[0x0a, 0xbe, 0, 0, 0, 1], [0x0a, 0xbe, 0, 0, 0, 2]];

/// Of network `n` of either tenant; members 1 and 2 are on the first host, 3 on the second.
pub(crate) fn address(n: u8, member: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, n, member)
}

pub(crate) fn address_v6(n: u8, member: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, n.into(), 0, 0, 0, 0, member.into())
}

pub(crate) fn mac(n: u8, member: u8) -> Mac {
    MacAddr::local(u64::from(n) * 16 + u64::from(member)).octets()
}

pub(crate) fn gateway(network: &NetworkView) -> Mac {
    MacAddr::gateway(network.number).octets()
}

/// The member's number in the switch, in the tenant's network `n`.
pub(crate) fn port(tenant: u8, n: u8, member: u8) -> PortNo {
    PortNo(u32::from(tenant) * 100 + u32::from(n) * 10 + u32::from(member))
}

/// The third of a tenant's networks, which no router joins to the others.
pub(crate) const APART: u8 = 3;

/// Networks 1 and 2 of both tenants are joined, and all are on one physical network.
pub(crate) fn networks(host: usize) -> Vec<NetworkView> {
    let all = [1, 2].map(|tenant| [1, 2, APART].map(|n| network(host, tenant, n)));
    all.concat()
}

pub(crate) fn number(tenant: u8, n: u8) -> model::NetworkNumber {
    (u32::from(tenant) * 10 + u32::from(n)).try_into().unwrap()
}

fn network(host: usize, tenant: u8, n: u8) -> NetworkView {
    let addresses = |member| -> Arc<[IpAddr]> {
        [address(n, member).into(), address_v6(n, member).into()].into()
    };
    let (here, elsewhere): (&[u8], &[u8]) = match host {
        0 => (&[1, 2], &[3]),
        _ => (&[3], &[1, 2]),
    };
    let local = |member: &u8| LocalPort {
        id: model::PortId::generate(),
        port: port(tenant, n, *member),
        tag: None,
        mac: mac(n, *member).try_into().unwrap(),
        addresses: addresses(*member),
        allowed: Default::default(),
        spoof_guard: model::SpoofGuard::On,
        limits: model::Limits::default(),
        policy: open(port(tenant, n, *member).0),
    };
    let remote = |member: &u8| RemotePort {
        mac: mac(n, *member).try_into().unwrap(),
        addresses: addresses(*member),
        virtual_macs: Default::default(),
        spoof_guard: model::SpoofGuard::On,
        endpoint: None,
    };
    NetworkView {
        number: number(tenant, n),
        uplink: Some(Uplink {
            port: PATCHES[0],
            mark: Mark::Vlan((u16::from(tenant) * 10 + u16::from(n)).try_into().unwrap()),
        }),
        locals: here.iter().map(local).collect(),
        gates: Vec::new(),
        remotes: elsewhere.iter().map(remote).collect(),
        resolvers: [].into(),
        gateways: addresses(254),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: (n != APART).then(|| routing(host, tenant)),
        outside: Box::default(),
    }
}

fn routing(host: usize, tenant: u8) -> Routing {
    let of = |n| [address(n, 254).into(), address_v6(n, 254).into()];
    let prefixes = |n| {
        let four = format!("{}/24", address(n, 0)).parse().unwrap();
        let six = format!("{}/64", address_v6(n, 0)).parse().unwrap();
        [(four, number(tenant, n)), (six, number(tenant, n))]
    };
    Routing {
        mac: ROUTERS[host].try_into().unwrap(),
        addresses: [of(1), of(2)].concat().into(),
        routes: [prefixes(1), prefixes(2)].concat().into(),
        endpoints: Arc::default(),
        statics: Arc::default(),
        sizes: Arc::default(),
    }
}

pub(crate) fn tables(networks: &[NetworkView]) -> Tables {
    let flows = networks.iter().flat_map(pipeline::compile);
    let flows = pipeline::infrastructure().into_iter().chain(flows);
    Tables::new(flows.chain(open_groups()))
}

pub(crate) fn evaluate(tables: &Tables, port: PortNo, bytes: Vec<u8>) -> Outcome<'_> {
    let outcome = tables.evaluate(Packet::new(port, bytes), &mut Connections::default());
    assert_eq!(outcome.failure, None);
    outcome
}

/// An IPv4 packet of member 1 of the first tenant's network 1, to its gateway's Ethernet address.
pub(crate) fn packet(to: Ipv4Addr, ttl: u8, protocol: u8, body: &[u8]) -> Frame {
    let total = u16::try_from(body.len() + 20).unwrap().to_be_bytes();
    let head = [0x45, 0, total[0], total[1], 0, 0, 0, 0, ttl, protocol, 0, 0];
    let ends = [address(1, 1).octets(), to.octets()].concat();
    Frame::new(
        mac(1, 1),
        gateway(&network(0, 1, 1)),
        Payload::Bytes {
            eth_type: 0x0800,
            bytes: [&head[..], &ends, body].concat(),
        },
    )
}

pub(crate) fn datagram(to: Ipv4Addr, ttl: u8) -> Frame {
    packet(to, ttl, 17, &udp((4000, 4000)))
}

/// What comes out of one port: where to, where from, and the time to live.
pub(crate) fn single(outcome: &Outcome<'_>) -> (PortNo, Mac, Mac, u8) {
    let [output] = outcome.outputs.as_slice() else {
        panic!("{:?}", outcome.outputs);
    };
    let frame = &output.frame;
    let at = |at: usize| frame[at..at + 6].try_into().unwrap();
    let ip = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
    (output.port, at(0), at(6), frame[ip + 8])
}

#[test]
fn a_packet_is_routed_on_its_senders_host_to_ports_here_and_elsewhere() {
    let networks = networks(0);
    let (here, there) = (tables(&networks), tables(&self::networks(1)));
    let second = gateway(&networks[1]);
    let sender = port(1, 1, 1);
    let near = evaluate(&here, sender, datagram(address(2, 2), 9).bytes());
    assert_eq!(single(&near), (port(1, 2, 2), mac(2, 2), second, 8));
    let far = evaluate(&here, sender, datagram(address(2, 3), 9).bytes());
    assert_eq!(single(&far), (PATCHES[0], mac(2, 3), ROUTERS[0], 8));
    let frame = far.outputs[0].frame.clone();
    assert_eq!(frame[12..16], [0x81, 0, 0, 12], "as the other network's");
    let arrived = evaluate(&there, PATCHES[0], frame);
    assert_eq!(single(&arrived), (port(1, 2, 3), mac(2, 3), second, 8));
}

#[test]
fn a_host_without_a_port_of_the_other_network_routes_to_it() {
    let mut networks = networks(0);
    let locals = std::mem::take(&mut networks[1].locals);
    let tables = tables(&networks);
    let far = evaluate(&tables, port(1, 1, 1), datagram(address(2, 3), 9).bytes());
    assert_eq!(single(&far).0, PATCHES[0]);
    let gone = evaluate(&tables, port(1, 1, 1), datagram(address(2, 2), 9).bytes());
    assert_eq!(gone.outputs, [], "{locals:?} is nowhere");
}

#[test]
fn two_ports_of_one_trunk_reach_each_other_by_their_router() {
    let mut networks = networks(0);
    let trunk = networks[0].locals[0].port;
    let sub_port = &mut networks[1].locals[0];
    sub_port.port = trunk;
    sub_port.tag = Some(5.try_into().unwrap());
    let tables = tables(&networks);
    let routed = evaluate(&tables, trunk, datagram(address(2, 1), 9).bytes());
    assert_eq!(
        single(&routed),
        (trunk, mac(2, 1), gateway(&networks[1]), 8)
    );
    assert_eq!(routed.outputs[0].frame[12..16], [0x81, 0, 0, 5]);
}

#[test]
fn what_no_router_passes_on_is_told_to_the_agent_and_to_nobody_else() {
    let tables = tables(&networks(0));
    let nowhere = Ipv4Addr::new(192, 0, 2, 1);
    for frame in [
        datagram(address(2, 2), 1),
        datagram(address(2, 2), 0),
        datagram(nowhere, 9),
        datagram(address(APART, 1), 9),
    ] {
        let outcome = evaluate(&tables, port(1, 1, 1), frame.bytes());
        assert_eq!(outcome.outputs, []);
        let [asked] = outcome.controllers.as_slice() else {
            panic!("{:?}", outcome.controllers);
        };
        assert_eq!(asked.userdata, [Question::Undeliverable.code()]);
        assert_eq!(asked.frame, frame.bytes(), "as it was sent");
    }
    let unused = evaluate(&tables, port(1, 1, 1), datagram(address(2, 77), 9).bytes());
    assert!(unused.outputs.is_empty() && unused.controllers.is_empty());
}

#[test]
fn every_address_of_the_router_answers_echo_requests_and_nothing_else() {
    let networks = networks(0);
    let tables = tables(&networks);
    for n in [1, 2] {
        let echo = packet(address(n, 254), 1, 1, &[8, 0, 0xf7, 0xfd, 0, 1, 0, 1]);
        let answered = evaluate(&tables, port(1, 1, 1), echo.bytes());
        let (out, to, from, ttl) = single(&answered);
        assert_eq!((out, to), (port(1, 1, 1), mac(1, 1)));
        assert_eq!((from, ttl), (gateway(&networks[0]), 64));
        let frame = &answered.outputs[0].frame;
        assert_eq!(frame[26..30], address(n, 254).octets());
        assert_eq!(frame[30..34], address(1, 1).octets());
        // The reply and its checksum.
        assert_eq!(frame[34..38], [0, 0, 0xff, 0xfd]);
        let other = evaluate(&tables, port(1, 1, 1), datagram(address(n, 254), 9).bytes());
        assert!(other.outputs.is_empty() && other.controllers.is_empty());
    }
    let body = [128, 0, 0, 0, 0, 0, 0, 0];
    let bytes = ipv6(58, address_v6(1, 1), address_v6(2, 254), &body);
    let payload = Payload::Bytes {
        eth_type: 0x86dd,
        bytes,
    };
    let echo = Frame::new(mac(1, 1), gateway(&networks[0]), payload);
    let answered = evaluate(&tables, port(1, 1, 1), echo.bytes());
    let frame = &answered.outputs[0].frame;
    assert_eq!(answered.outputs[0].port, port(1, 1, 1));
    assert_eq!(frame[22..38], address_v6(2, 254).octets());
    assert_eq!(frame[54], 129);
}

#[test]
fn nobody_but_a_host_speaks_as_a_router_and_only_where_there_is_one() {
    let networks = networks(0);
    let tables = tables(&networks);
    let forged = Frame {
        source: ROUTERS[1],
        ..datagram(address(2, 2), 9)
    };
    let outcome = evaluate(&tables, port(1, 1, 1), forged.bytes());
    assert!(outcome.outputs.is_empty() && outcome.controllers.is_empty());
    // What comes from the fabric is for a port, and is never routed here.
    for vlan in [11, 12] {
        let routed = Frame {
            source: ROUTERS[1],
            ..datagram(address(2, 2), 9)
        };
        let tagged = routed.tagged(0x8100, vlan);
        let outcome = evaluate(&tables, PATCHES[0], tagged.bytes());
        assert!(outcome.outputs.is_empty() && outcome.controllers.is_empty());
    }
}

/// A frame that may be for a gateway, and honest.
pub(crate) fn any_routed_frame() -> impl Strategy<Value = Frame> {
    let gateways = [(1, 1), (1, 2), (2, 1), (2, APART)];
    let gateways = gateways.map(|(tenant, n)| Some(gateway(&network(0, tenant, n))));
    let destination = select([&gateways[..], &[None]].concat());
    let member = (1..4u8, 1..3u8);
    let target = (1..5u8, select(vec![1, 2, 3, 77, 254]), 0..4u8);
    let ports = (select(vec![67, 68, 4000]), select(vec![67, 68, 4000]));
    let honest = (member, target, ports).prop_map(|((n, member), (to, last, ttl), ports)| {
        let Payload::Bytes { eth_type, bytes } =
            packet(address(to, last), ttl, 17, &udp(ports)).payload
        else {
            unreachable!()
        };
        let mut bytes = bytes;
        bytes[12..16].copy_from_slice(&address(n, member).octets());
        let payload = Payload::Bytes { eth_type, bytes };
        Frame::new(mac(n, member), mac(to, last), payload)
    });
    let frame = prop_oneof![3 => honest, 1 => any_frame()];
    (frame, destination).prop_map(|(frame, destination)| Frame {
        destination: destination.unwrap_or(frame.destination),
        ..frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_frame_of_a_tenant_reaches_the_other_or_a_network_apart(
        frame in any_routed_frame(),
        sender in (1..3u8, 1..4u8, 1..3u8),
    ) {
        let (tenant, n, member) = sender;
        let (here, there) = (tables(&networks(0)), tables(&networks(1)));
        let outcome = evaluate(&here, port(tenant, n, member), frame.bytes());
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
                prop_assert_ne!(arrived.port, PATCHES[0]);
                reached(arrived.port)?;
            }
        }
    }
}
