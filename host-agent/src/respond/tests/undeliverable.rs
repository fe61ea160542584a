//! What is told of packets that a router cannot pass on.

use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, TransportSlice, icmpv4, icmpv6};

use super::*;

const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const GATEWAY: [u8; 6] = [0x0a, 0xbd, 0, 0, 0, 7];

fn v4(from: Ipv4Addr, to: Ipv4Addr, ttl: u8) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(mac().octets(), GATEWAY)
        .ipv4(from.octets(), to.octets(), ttl)
        .udp(40_000, 33_434);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[7; 1200]).unwrap();
    frame
}

fn v6(from: &str, to: &str, ttl: u8) -> Vec<u8> {
    let [from, to]: [Ipv6Addr; 2] = [from, to].map(|it| it.parse().unwrap());
    let builder = PacketBuilder::ethernet2(mac().octets(), GATEWAY)
        .ipv6(from.octets(), to.octets(), ttl)
        .udp(40_000, 33_434);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[7; 1400]).unwrap();
    frame
}

fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    frame_of(Question::Undeliverable, frame, &port().config())
}

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

#[test]
fn a_packet_whose_time_ends_or_that_has_no_way_is_told_by_the_gateway() {
    use icmpv4::{DestUnreachableHeader, TimeExceededCode};
    let expired = Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit);
    let nowhere = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Network);
    for (ttl, expected) in [(0, &expired), (1, &expired), (2, &nowhere)] {
        let asked = v4(OWN, FAR, ttl);
        let told = answer(&asked).unwrap();
        assert_eq!(told.len(), 14 + 576);
        let packet = SlicedPacket::from_ethernet(&told).unwrap();
        let Some(NetSlice::Ipv4(ip)) = packet.net else {
            panic!("{told:02x?}");
        };
        let header = ip.header();
        assert_eq!(header.source_addr(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(header.destination_addr(), OWN);
        assert_eq!(
            header.to_header().calc_header_checksum(),
            header.header_checksum()
        );
        let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else {
            panic!("{told:02x?}");
        };
        assert_eq!(icmp.icmp_type(), *expected);
        assert_eq!(icmp.payload(), &asked[14..14 + 548]);
        assert_eq!(told[..12], [mac().octets(), GATEWAY].concat());
    }
}

#[test]
fn the_same_holds_for_ipv6() {
    use icmpv6::{DestUnreachableCode, TimeExceededCode};
    let expired = Icmpv6Type::TimeExceeded(TimeExceededCode::HopLimitExceeded);
    let nowhere = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::NoRoute);
    for (ttl, expected) in [(1, &expired), (9, &nowhere)] {
        let asked = v6("fd00::5", "2001:db8::1", ttl);
        let told = answer(&asked).unwrap();
        assert_eq!(told.len(), 14 + 1280);
        let packet = SlicedPacket::from_ethernet(&told).unwrap();
        let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else {
            panic!("{told:02x?}");
        };
        assert_eq!(icmp.icmp_type(), *expected);
        let ends: [Ipv6Addr; 2] = ["fd00::1", "fd00::5"].map(|it| it.parse().unwrap());
        assert!(icmp.is_checksum_valid(ends[0].octets(), ends[1].octets()));
        assert_eq!(icmp.payload(), &asked[14..14 + 1232]);
    }
}

#[test]
fn errors_broadcasts_later_fragments_and_strangers_are_told_nothing() {
    for (from, to) in [
        (Ipv4Addr::new(10, 0, 0, 6), FAR),
        (Ipv4Addr::UNSPECIFIED, FAR),
        (OWN, Ipv4Addr::BROADCAST),
        (OWN, Ipv4Addr::new(224, 0, 0, 9)),
    ] {
        assert_eq!(answer(&v4(from, to, 1)), None, "{from} to {to}");
    }
    assert_eq!(answer(&v6("fd00::6", "2001:db8::1", 1)), None);
    assert_eq!(answer(&v6("fe80::1", "2001:db8::1", 1)), None);
    assert_eq!(answer(&v6("fd00::5", "ff05::1", 1)), None);
    let mut fragment = v4(OWN, FAR, 1);
    fragment[21] = 1;
    assert_eq!(answer(&fragment), None);
    for (kind, protocol) in [(3, 1), (11, 1), (1, 58), (137, 58)] {
        let mut error = match protocol {
            1 => v4(OWN, FAR, 1),
            _ => v6("fd00::5", "2001:db8::1", 1),
        };
        let (at, head) = if protocol == 1 { (23, 34) } else { (20, 54) };
        error[at] = protocol;
        error[head] = kind;
        assert_eq!(answer(&error), None, "an error of type {kind}");
    }
    let echo = {
        let mut echo = v4(OWN, FAR, 1);
        (echo[23], echo[34]) = (1, 8);
        echo
    };
    assert!(answer(&echo).is_some());
}

#[test]
fn a_frame_cut_anywhere_is_answered_or_not_but_never_panics() {
    for whole in [v4(OWN, FAR, 1), v6("fd00::5", "2001:db8::1", 1)] {
        for end in 0..whole.len() {
            assert_eq!(answer(&whole[..end]), None, "cut at {end}");
        }
    }
}

/// Network 7 is the port's own; behind 192.0.2.0/24 is one that carries 1100 bytes, and behind a longer
/// prefix of it one that carries as much as its own.
fn routing() -> Routing {
    let number = |it: u32| it.try_into().unwrap();
    let routes = [
        ("192.0.2.0/24", 8),
        ("192.0.2.128/25", 9),
        ("2001:db8::/32", 8),
    ];
    let routes = routes.map(|(prefix, to)| (prefix.parse().unwrap(), number(to)));
    Routing {
        mac: mac(),
        addresses: [].into(),
        routes: routes.into(),
        statics: [].into(),
        sizes: std::sync::Arc::new(
            [(number(7), 1450), (number(8), 1100), (number(9), 1450)].into(),
        ),
        endpoints: [].into(),
    }
}

#[test]
fn a_packet_that_is_too_big_is_told_the_size_that_would_do() {
    let (port, routing) = (port(), routing());
    let config = PortConfig {
        routing: Some((7.try_into().unwrap(), &routing)),
        ..port.config()
    };
    let answer = |frame: &[u8]| frame_of(Question::Undeliverable, frame, &config);
    let told = answer(&v4(OWN, FAR, 9)).unwrap();
    assert_eq!(told[34..36], [3, 4], "type and code");
    assert_eq!(told[38..42], [0, 0, 0x04, 0x4c], "1100 bytes");
    let told = answer(&v6("fd00::5", "2001:db8::1", 9)).unwrap();
    assert_eq!(told[54..56], [2, 0], "type and code");
    assert_eq!(told[58..62], [0, 0, 0x04, 0x4c], "1100 bytes");
    let expired = answer(&v4(OWN, FAR, 1)).unwrap();
    assert_eq!(expired[34..36], [11, 0], "its time is over first");
    let longest = answer(&v4(OWN, Ipv4Addr::new(192, 0, 2, 200), 9)).unwrap();
    assert_eq!(longest[34..36], [3, 0], "it is not the size");
}
