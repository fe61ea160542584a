//! Forwarded ports: one address outside of which each port leads to a VIF of its own, on two hosts. The
//! first answers for it. Another tenant has VIFs with the same addresses on both.

use std::net::Ipv4Addr;

use host_agent::pipeline::counting::Direction;
use host_agent::pipeline::{self, Forwarded, ForwardedTo, Inside, NetworkView};
use model::{ForwardedProtocol, MacAddr, TrafficClass};
use openflow::PortNo;
use openflow::table::Packet;
use proptest::prelude::*;
use proptest::sample::select;

use crate::frame::{BROADCAST, Frame, Mac, Payload};
use crate::translation::{
    FAR, Host, NEIGHBOUR, NEIGHBOUR_PORT, Out, PATCH, UPSTREAM, VLAN, counted, datagram, external,
    gateway, inner, mac, network, number, out, port, public, snat,
};

/// The address whose ports are forwarded.
const SHARED: Ipv4Addr = public(40);
/// What is forwarded of it: from which port, to which member's, where host and member have one number.
const PORTS: [(u16, u8, u16); 2] = [(53, 1, 5353), (80, 2, 8080)];
const TENANT: u8 = 1;
const OTHER_TENANT: u8 = 2;
const HOSTS: [u8; 2] = [1, 2];

fn host_mac(host: u8) -> MacAddr {
    [0x0a, 0xbe, 0, 0, 0, host].try_into().unwrap()
}

/// As whom others of a tenant speak from a host.
fn host_snat(tenant: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(snat(tenant).to_bits() + 50 * u32::from(host - 1))
}

fn answered(host: u8) -> Vec<Ipv4Addr> {
    HOSTS[..1]
        .iter()
        .filter(|it| **it == host)
        .map(|_| SHARED)
        .collect()
}

/// What a host knows of: the first of all, the other of its own.
fn forwarded(host: u8) -> Vec<Forwarded> {
    let known = PORTS
        .into_iter()
        .filter(|(_, to, _)| host == 1 || *to == host);
    let forwarded = known.map(|(outside, to, inside)| Forwarded {
        address: SHARED,
        protocol: ForwardedProtocol::Udp,
        port: outside.try_into().unwrap(),
        target: match to == host {
            true => ForwardedTo::Here(Inside {
                address: inner(to),
                port: inside.try_into().unwrap(),
                network: number(TENANT.into()),
            }),
            false => ForwardedTo::Elsewhere(host_mac(to)),
        },
    });
    forwarded.collect()
}

/// A tenant's network with the member of this host.
fn own_network(tenant: u8, host: u8) -> NetworkView {
    let mut view = network(tenant, Some(host_snat(tenant, host)));
    view.locals.retain(|it| it.mac.octets() == mac(host));
    view.routing.as_mut().unwrap().mac = host_mac(host);
    let way = view.outside.way.as_mut().unwrap();
    way.floating.clear();
    if tenant == TENANT {
        way.forwarded = forwarded(host);
        way.forwarded.retain(|it| it.is_behind(view.number));
        way.answered = answered(host);
    }
    view
}

fn outside_network(host: u8) -> NetworkView {
    let mut view = external(|tenant| Some(host_snat(tenant, host)));
    for (router, tenant) in view.outside.routers.iter_mut().zip([TENANT, OTHER_TENANT]) {
        router.floating.clear();
        router.mac = host_mac(host);
        if tenant == TENANT {
            router.forwarded = forwarded(host);
            router.answered = answered(host);
        }
    }
    view
}

fn host(number: u8) -> Host {
    let tenants = [TENANT, OTHER_TENANT].map(|tenant| own_network(tenant, number));
    let [one, two] = tenants;
    Host::of(&[one, two, outside_network(number)])
}

/// Both hosts, and the switch between them and the gateway outside.
struct Segment {
    hosts: [Host; 2],
}

impl Segment {
    fn new() -> Self {
        Self {
            hosts: HOSTS.map(host),
        }
    }

    /// Brings a frame in, and frames that leave a host to the other if they are for it: what VIFs get, each
    /// with its host, and what goes outside with host 0.
    fn send(&mut self, by: u8, port: PortNo, frame: &[u8]) -> Vec<(u8, Out)> {
        let mut arrived = Vec::new();
        let mut waiting = vec![(by, port, frame.to_vec())];
        let mut passed = 0;
        while let Some((at, port, frame)) = waiting.pop() {
            passed += 1;
            assert!(passed < 20, "a loop");
            let host = &mut self.hosts[usize::from(at - 1)];
            let packet = Packet::new(port, frame);
            let outcome = host.tables.evaluate(packet, &mut host.connections);
            assert_eq!(outcome.failure, None);
            for output in outcome.outputs {
                let seen = out(output.port, &output.frame);
                match self::owner(seen.macs.1) {
                    _ if output.port != PATCH => arrived.push((at, seen)),
                    Some(next) if next != at => waiting.push((next, PATCH, output.frame)),
                    Some(_) => panic!("sent to itself: {seen:?}"),
                    None => arrived.push((0, seen)),
                }
            }
        }
        arrived
    }

    fn outside(&mut self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<(u8, Out)> {
        let macs = (UPSTREAM, MacAddr::public(to.0).octets());
        let frame = datagram(macs, (from.0, to.0), (from.1, to.1));
        let frame = frame.tagged(0x8100, VLAN);
        self.send(1, PATCH, &frame.bytes())
    }

    fn vif(&mut self, tenant: u8, by: u8, ports: (u16, u16), to: Ipv4Addr) -> Vec<(u8, Out)> {
        let frame = datagram((mac(by), gateway(tenant)), (inner(by), to), ports);
        self.send(by, port(tenant, by), &frame.bytes())
    }
}

/// Which host has an Ethernet address of the external network.
fn owner(mac: Mac) -> Option<u8> {
    HOSTS.into_iter().find(|host| {
        let own = [TENANT, OTHER_TENANT].map(|tenant| host_snat(tenant, *host));
        let public = own.into_iter().chain(answered(*host));
        let mut all = public.map(MacAddr::public).chain([host_mac(*host)]);
        all.any(|it| it.octets() == mac)
    })
}

fn for_member(member: u8, from: (Ipv4Addr, u16), to: u16) -> (u8, Out) {
    let out = Out {
        port: port(TENANT, member),
        macs: (gateway(TENANT), mac(member)),
        from,
        to: (inner(member), to),
    };
    (member, out)
}

#[test]
fn each_port_of_an_address_leads_to_its_own_vif_and_answers_come_straight_from_there() {
    let mut segment = Segment::new();
    for (outside, member, inside) in PORTS {
        for _ in 0..2 {
            let arrived = segment.outside((FAR, 6000), (SHARED, outside));
            assert_eq!(arrived, [for_member(member, (FAR, 6000), inside)]);
            let answered = segment.vif(TENANT, member, (inside, 6000), FAR);
            let from = match member {
                1 => MacAddr::public(SHARED),
                _ => host_mac(member),
            };
            let answer = Out {
                port: PATCH,
                macs: (from.octets(), UPSTREAM),
                from: (SHARED, outside),
                to: (FAR, 6000),
            };
            assert_eq!(answered, [(0, answer)]);
        }
    }
}

#[test]
fn a_port_of_an_address_that_is_not_forwarded_leads_nowhere() {
    let mut segment = Segment::new();
    for (outside, _, inside) in PORTS {
        for other in [outside + 1, inside, 6000] {
            assert_eq!(segment.outside((FAR, 6000), (SHARED, other)), []);
        }
    }
    // The end of another protocol that has the same port.
    let tcp = |port: u16| {
        let ports = [6000u16.to_be_bytes(), port.to_be_bytes()].concat();
        let rest = [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0];
        ipv4(6, &[&ports[..], &rest].concat())
    };
    assert_eq!(segment.send(1, PATCH, &tcp(80)), []);
    assert_eq!(segment.send(1, PATCH, &tcp(53)), []);
    let echo = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
    assert_eq!(segment.send(1, PATCH, &ipv4(1, &echo)), []);
}

/// A packet of this protocol from far away to the shared address.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let head = [
        0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0,
    ];
    let bytes = [&head[..], &FAR.octets(), &SHARED.octets(), payload];
    let payload = Payload::Bytes {
        eth_type: 0x0800,
        bytes: bytes.concat(),
    };
    let frame = Frame::new(UPSTREAM, MacAddr::public(SHARED).octets(), payload);
    frame.tagged(0x8100, VLAN).bytes()
}

#[test]
fn a_vif_that_is_forwarded_to_speaks_as_that_port_and_others_never_do() {
    let mut segment = Segment::new();
    for (outside, member, inside) in PORTS {
        let [(0, begun)] = &segment.vif(TENANT, member, (inside, 7000), FAR)[..] else {
            panic!("one packet");
        };
        assert_eq!(begun.from, (SHARED, outside));
        let answered = segment.outside((FAR, 7000), (SHARED, outside));
        assert_eq!(answered, [for_member(member, (FAR, 7000), inside)]);
        // From another port of it, and from the same address and port of another tenant.
        let others = [(TENANT, inside + 1), (OTHER_TENANT, inside)];
        for (tenant, port) in others {
            let [(0, sent)] = &segment.vif(tenant, member, (port, 7001), FAR)[..] else {
                panic!("one packet");
            };
            assert_eq!(sent.from.0, host_snat(tenant, member));
        }
    }
}

#[test]
fn vifs_reach_forwarded_ports_here_and_elsewhere_even_their_own() {
    let mut segment = Segment::new();
    let members = HOSTS
        .into_iter()
        .flat_map(|it| [(TENANT, it), (OTHER_TENANT, it)]);
    for (tenant, from) in members {
        for (outside, member, inside) in PORTS {
            let source = (host_snat(tenant, from), 4000);
            let arrived = segment.vif(tenant, from, (4000, outside), SHARED);
            assert_eq!(arrived, [for_member(member, source, inside)]);
            let answered = segment.vif(TENANT, member, (inside, 4000), source.0);
            let answer = Out {
                port: port(tenant, from),
                macs: (gateway(tenant), mac(from)),
                from: (SHARED, outside),
                to: (inner(from), 4000),
            };
            assert_eq!(answered, [(from, answer)], "{tenant} {from} {outside}");
        }
    }
}

#[test]
fn a_vif_of_the_external_network_reaches_forwarded_ports() {
    let mut segment = Segment::new();
    let macs = (mac(9), MacAddr::public(SHARED).octets());
    for (outside, member, inside) in PORTS {
        let frame = datagram(macs, (NEIGHBOUR, SHARED), (4000, outside));
        let arrived = segment.send(1, NEIGHBOUR_PORT, &frame.bytes());
        assert_eq!(arrived, [for_member(member, (NEIGHBOUR, 4000), inside)]);
    }
}

#[test]
fn what_was_sent_on_once_is_not_sent_on_again() {
    let mut host = host(1);
    let to = |mac: MacAddr, port| {
        let macs = (host_mac(2).octets(), mac.octets());
        datagram(macs, (FAR, SHARED), (6000, port)).tagged(0x8100, VLAN)
    };
    assert_eq!(host.send(PATCH, &to(host_mac(1), 80)), []);
    let [sent_on] = &host.send(PATCH, &to(MacAddr::public(SHARED), 80))[..] else {
        panic!("one frame");
    };
    let macs = [1, 2].map(|it| host_mac(it).octets());
    assert_eq!((sent_on.port, sent_on.macs), (PATCH, (macs[0], macs[1])));
    assert_eq!((sent_on.from, sent_on.to), ((FAR, 6000), (SHARED, 80)));
}

#[test]
fn an_error_about_a_packet_is_sent_to_each_host_that_may_know_it_once() {
    let mut host = host(1);
    for kind in [3, 11, 12] {
        let quoted = [&[kind, 4, 0, 0, 0, 0, 0, 0][..], &[0x45; 28]].concat();
        let packet = Packet::new(PATCH, ipv4(1, &quoted));
        let outcome = host.tables.evaluate(packet, &mut host.connections);
        let [output] = &outcome.outputs[..] else {
            panic!("{:?}", outcome.outputs);
        };
        let tag = u16::from_be_bytes([output.frame[14], output.frame[15]]) & 0xfff;
        assert_eq!(
            (output.port, &output.frame[..6]),
            (PATCH, &host_mac(2).octets()[..])
        );
        assert_eq!((tag, &output.frame[16..18]), (VLAN, &[8, 0][..]), "one tag");
    }
}

#[test]
fn only_the_host_that_has_the_address_answers_for_it() {
    let payload = Payload::Arp {
        op: 1,
        sha: UPSTREAM,
        spa: public(1),
        tha: [0; 6],
        tpa: SHARED,
    };
    let asked = Frame::new(UPSTREAM, BROADCAST, payload).tagged(0x8100, VLAN);
    for number in HOSTS {
        let answers = host(number).evaluate(PATCH, &asked);
        let by_patch = answers.iter().filter(|(port, _)| *port == PATCH).count();
        assert_eq!(by_patch, usize::from(number == 1));
    }
}

#[test]
fn what_is_forwarded_is_counted_by_whom_it_came_from() {
    use Direction::{Received, Sent};
    use TrafficClass::{PoolInternal, Public};
    let mut second = host(2);
    for (from, class) in [(FAR, Public), (public(70), PoolInternal)] {
        let macs = (host_mac(1).octets(), host_mac(2).octets());
        let frame = datagram(macs, (from, SHARED), (6000, 80)).tagged(0x8100, VLAN);
        assert_eq!(counted(&mut second, PATCH, &frame), [(Received, class)]);
        let frame = datagram((mac(2), gateway(TENANT)), (inner(2), from), (8080, 6000));
        let sent = counted(&mut second, port(TENANT, 2), &frame);
        assert_eq!(sent, [(Sent, class)]);
    }
    // Whoever sends it on is no VIF.
    let mut first = host(1);
    let macs = (UPSTREAM, MacAddr::public(SHARED).octets());
    let frame = datagram(macs, (FAR, SHARED), (6000, 80)).tagged(0x8100, VLAN);
    assert_eq!(counted(&mut first, PATCH, &frame), []);
}

#[test]
fn forwarding_takes_as_many_flows_as_documented() {
    let count = |view: &NetworkView| pipeline::compile(view).len();
    let with = own_network(TENANT, 1);
    let mut without = with.clone();
    let way = without.outside.way.as_mut().unwrap();
    (way.forwarded, way.answered) = Default::default();
    assert_eq!(count(&with) - count(&without), 2, "the VIF's network");
    let only = |keep: fn(&ForwardedTo) -> bool| {
        let mut view = outside_network(1);
        view.outside.routers[0]
            .forwarded
            .retain(|it| keep(&it.target));
        count(&view)
    };
    let mut bare = outside_network(1);
    bare.outside.routers[0].forwarded.clear();
    let here = only(|it| matches!(it, ForwardedTo::Here(_)));
    assert_eq!(here - count(&bare), 2, "a port here");
    let elsewhere = only(|it| matches!(it, ForwardedTo::Elsewhere(_)));
    let more = elsewhere - count(&bare);
    assert_eq!(more, 1 + 4, "a port elsewhere, and an address with any");
    let answered = count(&bare);
    bare.outside.routers[0].answered.clear();
    assert_eq!(answered - count(&bare), 8 + 2, "an address, and a router");
}

#[test]
fn two_tenants_forward_ports_on_one_host_without_getting_into_each_others_way() {
    let mut view = outside_network(1);
    let theirs = public(41);
    let own = view.outside.routers[0].forwarded.clone();
    let other = &mut view.outside.routers[1];
    other.forwarded = own
        .into_iter()
        .map(|it| Forwarded {
            address: theirs,
            target: match it.target {
                ForwardedTo::Here(inside) => ForwardedTo::Here(Inside {
                    network: number(OTHER_TENANT.into()),
                    ..inside
                }),
                elsewhere @ ForwardedTo::Elsewhere(_) => elsewhere,
            },
            ..it
        })
        .collect();
    other.answered = vec![theirs];
    let flows = pipeline::compile(&view);
    let keys: Vec<_> = flows.iter().map(openflow::Flow::key).collect();
    assert!(
        keys.windows(2).all(|pair| pair[0] != pair[1]),
        "no flow twice"
    );
    let tenants = [TENANT, OTHER_TENANT].map(|tenant| own_network(tenant, 1));
    let [one, two] = tenants;
    let mut host = Host::of(&[one, two, view]);
    for (address, tenant) in [(SHARED, TENANT), (theirs, OTHER_TENANT)] {
        let arrived = host.outside((FAR, 6000), (address, 53));
        let ports: Vec<PortNo> = arrived.iter().map(|it| it.port).collect();
        assert_eq!(ports, [port(tenant, 1)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn only_what_is_forwarded_comes_in_and_nobody_else_speaks_as_the_address(
        all in proptest::collection::vec(
            (
                select(vec![(0u8, 0u8), (1, 1), (1, 2), (2, 1), (2, 2)]),
                select(vec![53u16, 80, 4000, 5353, 8080]),
                select(vec![53u16, 80, 4000, 5353, 8080]),
                select(vec![FAR, SHARED, inner(1), inner(2), snat(1), public(70)]),
                select(vec![0u8, 1, 2]),
            ),
            1..30,
        ),
    ) {
        let mut segment = Segment::new();
        for ((tenant, member), source, port_to, to, sent_to) in all {
            let arrived = match tenant {
                0 => {
                    // Somebody outside may send to hosts themselves, too.
                    let mac = match sent_to {
                        0 => MacAddr::public(to),
                        host => host_mac(host),
                    };
                    let at = owner(mac.octets()).unwrap_or(1);
                    let frame = datagram((UPSTREAM, mac.octets()), (FAR, to), (source, port_to));
                    segment.send(at, PATCH, &frame.tagged(0x8100, VLAN).bytes())
                }
                _ => segment.vif(tenant, member, (source, port_to), to),
            };
            for (at, out) in arrived {
                let own = PORTS.iter().find(|(_, to, inside)| (tenant, member, source) == (TENANT, *to, *inside));
                if at == 0 && out.from.0 == SHARED {
                    prop_assert_eq!(own.map(|it| it.0), Some(out.from.1), "{:?}", out);
                }
                if at == 0 {
                    prop_assert_ne!(tenant, 0, "what came from outside went back: {:?}", out);
                    continue;
                }
                let mut forwarded = PORTS.iter();
                let is_forwarded = to == SHARED && forwarded.any(|(outside, member, inside)| {
                    port_to == *outside && out == for_member(*member, out.from, *inside).1
                });
                // From outside comes nothing else but what answers.
                if tenant == 0 {
                    prop_assert!(is_forwarded || to == snat(TENANT), "{:?}", out);
                }
            }
        }
    }
}
