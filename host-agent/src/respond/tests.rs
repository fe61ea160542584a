//! Requests as dhcproto writes them, answers as it and etherparse read them, and anything at all.

mod announce;
mod dns;
mod hostile;
mod undeliverable;
mod v4;
mod v6;

use etherparse::{PacketBuilder, SlicedPacket};

use super::*;

/// The frame that answers, if one does.
pub(super) fn frame_of(question: Question, frame: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    respond(question, frame, port)?.into_frame()
}

/// How long a lease is where nothing else is said, in seconds.
pub(super) const A_DAY: u32 = 24 * 3600;

/// A port that has everything.
pub(crate) struct Port {
    hostname: DomainName,
    addresses: Vec<IpAddr>,
    subnets: Vec<PlannedSubnet>,
    names: Vec<NamedPort>,
}

pub(super) fn subnet(cidr: &str, gateway: &str, handout: serde_json::Value) -> PlannedSubnet {
    PlannedSubnet {
        cidr: cidr.parse().unwrap(),
        gateway: gateway.parse().unwrap(),
        handout: serde_json::from_value(handout).unwrap(),
    }
}

pub(super) fn port() -> Port {
    let four = serde_json::json!({
        "dns": ["9.9.9.9", "2620:fe::fe"], "domain": "web.example",
        "routes": ["10.9.0.0/16 via 10.0.0.7", "10.8.1.128/25 via 10.0.0.8"],
    });
    let six = serde_json::json!({"dns": ["2620:fe::9", "9.9.9.9", "149.112.112.112"]});
    Port {
        hostname: "web1".parse().unwrap(),
        addresses: vec!["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()],
        subnets: vec![
            subnet("10.0.0.0/24", "10.0.0.1", four),
            subnet("fd00::/64", "fd00::1", six),
        ],
        names: Vec::new(),
    }
}

impl Port {
    pub(super) fn config(&self) -> PortConfig<'_> {
        PortConfig {
            routing: None,
            mac: mac(),
            gateway_mac: MacAddr::gateway(7.try_into().unwrap()),
            mtu: 1450,
            hostname: Some(&self.hostname),
            addresses: &self.addresses,
            subnets: &self.subnets,
            names: &self.names,
        }
    }

    /// The same port without DHCP on its subnets.
    pub(super) fn without_dhcp(mut self) -> Self {
        for subnet in &mut self.subnets {
            subnet.handout.dhcp = false;
        }
        self
    }
}

pub(super) fn mac() -> MacAddr {
    MacAddr::local(5)
}

pub(super) fn ipv4_frame(from: Ipv4Addr, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(mac().octets(), [0xff; 6])
        .ipv4(from.octets(), [255; 4], 64)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

pub(super) fn ipv6_frame(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let servers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let from = crate::pipeline::link_local(mac());
    let builder = PacketBuilder::ethernet2(mac().octets(), [0x33, 0x33, 0, 1, 0, 2])
        .ipv6(from.octets(), servers.octets(), 1)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

/// A router solicitation of whoever has this address.
pub(crate) fn router_solicitation(mac: MacAddr) -> Vec<u8> {
    let routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let from = crate::pipeline::link_local(mac);
    let builder = PacketBuilder::ethernet2(mac.octets(), [0x33, 0x33, 0, 0, 0, 2])
        .ipv6(from.octets(), routers.octets(), 255)
        .icmpv6_raw(133, 0, [0; 4]);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[]).unwrap();
    frame
}

/// The UDP payload of an answer whose every length and checksum is right.
pub(super) fn payload(frame: &[u8], ports: (u16, u16)) -> Vec<u8> {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::TransportSlice::Udp(udp)) = &packet.transport else {
        panic!("no UDP: {packet:?}");
    };
    assert_eq!((udp.source_port(), udp.destination_port()), ports);
    let sum = match packet.net.as_ref().unwrap() {
        etherparse::NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            udp.to_header().calc_checksum_ipv4(&header, udp.payload())
        }
        etherparse::NetSlice::Ipv6(ip) => {
            let header = ip.header().to_header();
            udp.to_header().calc_checksum_ipv6(&header, udp.payload())
        }
        etherparse::NetSlice::Arp(_) => panic!("an answer by ARP"),
    };
    assert_eq!(udp.checksum(), sum.unwrap());
    udp.payload().to_vec()
}

#[test]
fn a_router_advertisement_says_all_that_it_is_for() {
    let port = port();
    let config = port.config();
    let request = router_solicitation(mac());
    let answer = frame_of(Question::RouterSolicit, &request, &config).unwrap();
    let packet = SlicedPacket::from_ethernet(&answer).unwrap();
    let (Some(etherparse::NetSlice::Ipv6(ip)), Some(etherparse::TransportSlice::Icmpv6(icmp))) =
        (&packet.net, &packet.transport)
    else {
        panic!("{packet:?}");
    };
    let source = crate::pipeline::link_local(config.gateway_mac);
    assert_eq!(ip.header().source_addr(), source);
    assert_eq!(ip.header().hop_limit(), 255);
    assert!(icmp.is_checksum_valid(source.octets(), ip.header().destination()));
    let message = icmp.slice();
    assert_eq!(message[..2], [134, 0]);
    assert_eq!(message[4..8], [64, 0xc0, 0x23, 0x28]);
    let mut options = Vec::new();
    let mut rest = &message[16..];
    while let [kind, groups, ..] = *rest {
        let (option, tail) = rest.split_at(usize::from(groups) * 8);
        options.push((kind, option[2..].to_vec()));
        rest = tail;
    }
    let kinds: Vec<u8> = options.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [1, 5, 3, 25, 31]);
    assert_eq!(options[0].1, config.gateway_mac.octets());
    assert_eq!(options[1].1[2..], 1450u32.to_be_bytes());
    assert_eq!(options[2].1[..2], [64, 0x80]);
    let prefix: Ipv6Addr = "fd00::".parse().unwrap();
    assert_eq!(options[2].1[14..], prefix.octets());
    // The resolver of the IPv4 subnet comes first: it was made first.
    let resolvers: [Ipv6Addr; 2] = ["2620:fe::fe", "2620:fe::9"].map(|it| it.parse().unwrap());
    assert_eq!(options[3].1[6..], resolvers.map(|it| it.octets()).concat());
    assert_eq!(options[4].1[6..19], *b"\x03web\x07example\0");
}

#[test]
fn without_dhcp_a_router_advertisement_does_not_send_guests_there() {
    let port = port().without_dhcp();
    let answer = advertise(&port.config()).unwrap();
    assert_eq!(answer[14 + 40 + 5], 0);
}

#[test]
fn a_port_without_ipv6_has_no_router_to_hear_of() {
    let mut port = port();
    port.addresses.truncate(1);
    assert_eq!(advertise(&port.config()), None);
}

#[test]
fn a_solicitation_from_beyond_a_router_is_not_answered() {
    let port = port();
    let mut request = router_solicitation(mac());
    request[14 + 7] = 254;
    assert_eq!(
        frame_of(Question::RouterSolicit, &request, &port.config()),
        None
    );
}
