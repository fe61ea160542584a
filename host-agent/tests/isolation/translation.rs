//! Translated addresses: two tenants whose networks and ports have the same addresses, each behind a
//! router with a way out by the same external network. Member 1 of each has a floating IP, member 2 has
//! none.

mod anyone;

use std::net::Ipv4Addr;
use std::sync::Arc;

use host_agent::pipeline::counting::{Counted, Direction};
use host_agent::pipeline::{
    self, Duty, Floating, LocalPort, Mark, NetworkView, Outside, Outsiders, Presence, Reach,
    Routing, Uplink, WayExit, WayOut,
};
use model::{MacAddr, NetworkNumber, SpoofGuard, Tracking, TrafficClass};
use openflow::PortNo;
use openflow::table::{Connections, Packet, Tables};

use crate::frame::{BROADCAST, Frame, Mac, Payload, udp};
use crate::world::{PATCHES, open_groups, open_to};

pub(crate) const EXTERNAL: u32 = 9;
pub(crate) const VLAN: u16 = 300;
pub(crate) const PATCH: PortNo = PATCHES[1];
pub(crate) const TENANTS: [u8; 2] = [1, 2];
pub(crate) const MEMBERS: [u8; 2] = [1, 2];

/// The gateway of the external network.
pub(crate) const UPSTREAM: Mac = [2, 0, 0x5e, 0, 0x53, 1];
/// Somebody beyond it.
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// A VIF with an address of the external network itself, and a physical machine there.
pub(crate) const NEIGHBOUR: Ipv4Addr = public(99);
const MACHINE: Ipv4Addr = public(50);
pub(crate) const NEIGHBOUR_PORT: PortNo = PortNo(91);

pub(crate) const fn public(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, last)
}

fn floating(tenant: u8) -> Ipv4Addr {
    public(10 * tenant + 1)
}

pub(crate) fn snat(tenant: u8) -> Ipv4Addr {
    public(10 * tenant + 9)
}

pub(crate) fn inner(member: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, member)
}

pub(crate) fn mac(member: u8) -> Mac {
    [0xfa, 0x16, 0x3e, 0, 0, member]
}

pub(crate) fn port(tenant: u8, member: u8) -> PortNo {
    PortNo(u32::from(10 * tenant + member))
}

pub(crate) fn number(number: u32) -> NetworkNumber {
    number.try_into().unwrap()
}

pub(crate) fn gateway(tenant: u8) -> Mac {
    MacAddr::gateway(number(tenant.into())).octets()
}

pub(crate) fn zone(tenant: u8) -> u16 {
    0xf000 + u16::from(tenant)
}

fn floating_ip(tenant: u8) -> Floating {
    Floating {
        address: floating(tenant).into(),
        inner: inner(1).into(),
        network: number(tenant.into()),
    }
}

pub(crate) fn local(port: PortNo, mac: Mac, address: Ipv4Addr) -> LocalPort {
    LocalPort {
        id: model::PortId::generate(),
        port,
        tag: None,
        mac: mac.try_into().unwrap(),
        addresses: [address.into()].into(),
        allowed: Arc::default(),
        spoof_guard: SpoofGuard::On,
        limits: model::Limits::default(),
        policy: open_to(port.0, Tracking::Stateful),
    }
}

pub(crate) fn without_ports(number: NetworkNumber) -> NetworkView {
    NetworkView {
        number,
        uplink: None,
        locals: Vec::new(),
        gates: Vec::new(),
        remotes: Arc::default(),
        gateways: Arc::default(),
        resolvers: Arc::default(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
        outside: Box::default(),
    }
}

pub(crate) fn network(tenant: u8, snat: Option<Ipv4Addr>) -> NetworkView {
    let own = number(tenant.into());
    let prefix = "10.0.0.0/24".parse().unwrap();
    NetworkView {
        locals: MEMBERS
            .map(|it| local(port(tenant, it), mac(it), inner(it)))
            .into(),
        gateways: [inner(254).into()].into(),
        routing: Some(Routing {
            mac: [0x0a, 0xbe, 0, 0, 0, 1].try_into().unwrap(),
            addresses: [inner(254).into()].into(),
            routes: [(prefix, own)].into(),
            statics: Arc::default(),
            sizes: Arc::default(),
            endpoints: Arc::default(),
        }),
        outside: Box::new(Outside {
            way: Some(WayOut {
                network: number(EXTERNAL),
                mac: UPSTREAM.try_into().unwrap(),
                mac_v6: None,
                zone: zone(tenant),
                snat,
                exit: WayExit::Own,
                floating: vec![floating_ip(tenant)],
                forwarded: Vec::new(),
                answered: Vec::new(),
                pool: vec!["203.0.113.0/25".parse().unwrap()],
            }),
            routers: Vec::new(),
        }),
        ..without_ports(own)
    }
}

pub(crate) fn external(snat: impl Fn(u8) -> Option<Ipv4Addr>) -> NetworkView {
    let prefix = "10.0.0.0/24".parse().unwrap();
    let presence = |tenant: u8| Presence {
        zone: zone(tenant),
        snat: snat(tenant),
        duty: Duty::None,
        floating: vec![floating_ip(tenant)],
        forwarded: Vec::new(),
        answered: Vec::new(),
        mac: MacAddr::local(1),
        routes: vec![(prefix, number(tenant.into()))],
        pool: vec!["203.0.113.0/25".parse().unwrap()],
    };
    NetworkView {
        uplink: Some(Uplink {
            port: PATCH,
            mark: Mark::Vlan(VLAN.try_into().unwrap()),
        }),
        locals: vec![local(NEIGHBOUR_PORT, mac(9), NEIGHBOUR)],
        outsiders: Outsiders::Machines,
        outside: Box::new(Outside {
            way: None,
            routers: TENANTS.map(presence).into(),
        }),
        ..without_ports(number(EXTERNAL))
    }
}

/// The tables of a host with all of it, and who has connections.
pub(crate) struct Host {
    pub(crate) tables: Tables,
    pub(crate) connections: Connections,
}

/// A packet that came out: where, from whom, for whom, and its ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Out {
    pub(crate) port: PortNo,
    pub(crate) macs: (Mac, Mac),
    pub(crate) from: (Ipv4Addr, u16),
    pub(crate) to: (Ipv4Addr, u16),
}

impl Host {
    fn new() -> Self {
        Self::with(|tenant| Some(snat(tenant)))
    }

    fn with(snat: impl Fn(u8) -> Option<Ipv4Addr>) -> Self {
        let mut networks: Vec<NetworkView> = TENANTS.map(|it| network(it, snat(it))).into();
        networks.push(external(snat));
        Self::of(&networks)
    }

    pub(crate) fn of(networks: &[NetworkView]) -> Self {
        let flows = networks.iter().flat_map(pipeline::compile);
        let flows = flows.chain(pipeline::infrastructure()).chain(open_groups());
        Self {
            tables: Tables::new(flows),
            connections: Connections::default(),
        }
    }

    pub(crate) fn evaluate(&mut self, port: PortNo, frame: &Frame) -> Vec<(PortNo, Vec<u8>)> {
        let packet = Packet::new(port, frame.bytes());
        let outcome = self.tables.evaluate(packet, &mut self.connections);
        assert_eq!(outcome.failure, None);
        let outputs = outcome.outputs.into_iter();
        outputs.map(|it| (it.port, it.frame)).collect()
    }

    pub(crate) fn send(&mut self, port: PortNo, frame: &Frame) -> Vec<Out> {
        let outputs = self.evaluate(port, frame).into_iter();
        outputs.map(|(port, frame)| out(port, &frame)).collect()
    }

    /// From a member to its gateway.
    fn vif(&mut self, (tenant, member): (u8, u8), ports: (u16, u16), to: Ipv4Addr) -> Vec<Out> {
        let frame = datagram((mac(member), gateway(tenant)), (inner(member), to), ports);
        self.send(port(tenant, member), &frame)
    }

    /// From beyond, to an address of the external network.
    pub(crate) fn outside(&mut self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<Out> {
        let macs = (UPSTREAM, MacAddr::public(to.0).octets());
        let frame = datagram(macs, (from.0, to.0), (from.1, to.1));
        self.send(PATCH, &frame.tagged(0x8100, VLAN))
    }
}

/// What is counted of a frame, and as what.
pub(crate) fn counted(
    host: &mut Host,
    port: PortNo,
    frame: &Frame,
) -> Vec<(Direction, TrafficClass)> {
    let packet = Packet::new(port, frame.bytes());
    let outcome = host.tables.evaluate(packet, &mut host.connections);
    let flows = outcome.path.iter().filter_map(|hop| hop.flow);
    let counted = flows.filter_map(Counted::of);
    counted.map(|it| (it.direction, it.class)).collect()
}

pub(crate) fn datagram(
    (source_mac, destination_mac): (Mac, Mac),
    (source, destination): (Ipv4Addr, Ipv4Addr),
    ports: (u16, u16),
) -> Frame {
    let payload = Payload::Udp4 {
        source,
        destination,
        ports,
    };
    Frame::new(source_mac, destination_mac, payload)
}

pub(crate) fn out(port: PortNo, frame: &[u8]) -> Out {
    let ip = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
    let mac = |at: usize| frame[at..at + 6].try_into().unwrap();
    let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
    let short = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    Out {
        port,
        macs: (mac(6), mac(0)),
        from: (address(ip + 12), short(ip + 20)),
        to: (address(ip + 16), short(ip + 22)),
    }
}

fn to_upstream(from: Ipv4Addr, ports: (u16, u16), to: Ipv4Addr) -> Out {
    Out {
        port: PATCH,
        macs: (MacAddr::public(from).octets(), UPSTREAM),
        from: (from, ports.0),
        to: (to, ports.1),
    }
}

fn to_vif((tenant, member): (u8, u8), from: (Ipv4Addr, u16), to: u16) -> Out {
    Out {
        port: port(tenant, member),
        macs: (gateway(tenant), mac(member)),
        from,
        to: (inner(member), to),
    }
}

#[test]
fn a_floating_ip_stands_for_its_port_in_both_directions_whoever_begins() {
    let mut host = Host::new();
    for tenant in TENANTS {
        let address = floating(tenant);
        let sent = host.vif((tenant, 1), (4000, 53), FAR);
        assert_eq!(sent, [to_upstream(address, (4000, 53), FAR)]);
        let answered = host.outside((FAR, 53), (address, 4000));
        assert_eq!(answered, [to_vif((tenant, 1), (FAR, 53), 4000)]);
        let begun = host.outside((FAR, 6000), (address, 80));
        assert_eq!(begun, [to_vif((tenant, 1), (FAR, 6000), 80)]);
        let answer = host.vif((tenant, 1), (80, 6000), FAR);
        assert_eq!(answer, [to_upstream(address, (80, 6000), FAR)]);
    }
}

#[test]
fn others_speak_as_their_router_and_hear_only_what_answers_them() {
    let mut host = Host::new();
    for tenant in TENANTS {
        let unasked = host.outside((FAR, 53), (snat(tenant), 4000));
        assert_eq!(unasked, [], "nobody asked");
        // Both tenants use the same addresses and ports.
        let sent = host.vif((tenant, 2), (4000, 53), FAR);
        assert_eq!(sent, [to_upstream(snat(tenant), (4000, 53), FAR)]);
    }
    for tenant in TENANTS {
        let answered = host.outside((FAR, 53), (snat(tenant), 4000));
        assert_eq!(answered, [to_vif((tenant, 2), (FAR, 53), 4000)]);
        let other = host.outside((FAR, 54), (snat(tenant), 4000));
        assert_eq!(other, [], "from elsewhere");
    }
}

#[test]
fn without_an_address_of_the_router_only_ports_with_a_floating_ip_get_out() {
    let mut host = Host::with(|_| None);
    assert_eq!(host.vif((1, 2), (4000, 53), FAR), []);
    assert_eq!(host.vif((1, 1), (4000, 53), FAR).len(), 1);
}

#[test]
fn two_floating_ips_of_one_host_speak_with_each_other_by_them() {
    let mut host = Host::new();
    let sent = host.vif((1, 1), (4000, 80), floating(2));
    assert_eq!(sent, [to_vif((2, 1), (floating(1), 4000), 80)]);
    let answered = host.vif((2, 1), (80, 4000), floating(1));
    assert_eq!(answered, [to_vif((1, 1), (floating(2), 80), 4000)]);
    // Also one without, and to itself.
    let sent = host.vif((1, 2), (5000, 80), floating(2));
    assert_eq!(sent, [to_vif((2, 1), (snat(1), 5000), 80)]);
    let answered = host.vif((2, 1), (80, 5000), snat(1));
    assert_eq!(answered, [to_vif((1, 2), (floating(2), 80), 5000)]);
    let itself = host.vif((1, 1), (4000, 80), floating(1));
    assert_eq!(itself, [to_vif((1, 1), (floating(1), 4000), 80)]);
}

#[test]
fn a_vif_of_the_external_network_reaches_a_floating_ip_of_its_host() {
    let mut host = Host::new();
    let macs = (mac(9), MacAddr::public(floating(1)).octets());
    let frame = datagram(macs, (NEIGHBOUR, floating(1)), (4000, 80));
    let sent = host.send(NEIGHBOUR_PORT, &frame);
    assert_eq!(sent, [to_vif((1, 1), (NEIGHBOUR, 4000), 80)]);
    let [answer] = &host.vif((1, 1), (80, 4000), NEIGHBOUR)[..] else {
        panic!("one answer");
    };
    assert_eq!(
        (answer.port, answer.from),
        (NEIGHBOUR_PORT, (floating(1), 80))
    );
}

#[test]
fn what_the_pool_gave_out_elsewhere_is_sent_there_and_not_by_way_of_the_router() {
    let mut host = Host::new();
    let elsewhere = public(70);
    let [sent] = &host.vif((1, 1), (4000, 80), elsewhere)[..] else {
        panic!("one frame");
    };
    let macs = [floating(1), elsewhere].map(|it| MacAddr::public(it).octets());
    assert_eq!((sent.port, sent.macs), (PATCH, (macs[0], macs[1])));
    let beyond = host.vif((1, 1), (4000, 80), public(200));
    assert_eq!(beyond, [to_upstream(floating(1), (4000, 80), public(200))]);
    // A VIF of the external network is reached by it, too.
    let mac_of_it = MacAddr::public(NEIGHBOUR).octets();
    let frame = datagram((macs[1], mac_of_it), (elsewhere, NEIGHBOUR), (1, 2));
    let [arrived] = &host.send(PATCH, &frame.tagged(0x8100, VLAN))[..] else {
        panic!("one frame");
    };
    assert_eq!((arrived.port, arrived.macs.1), (NEIGHBOUR_PORT, mac(9)));
}

#[test]
fn a_packet_is_counted_once_for_each_vif_as_what_it_is() {
    use Direction::{Received, Sent};
    use TrafficClass::{PoolInternal, Public, TenantInternal};
    let mut host = Host::new();
    let sent = |to_mac, to| datagram((mac(1), to_mac), (inner(1), to), (4000, 80));
    let mut by_vif = |to_mac, to| counted(&mut host, port(1, 1), &sent(to_mac, to));
    let within = by_vif(mac(2), inner(2));
    assert_eq!(within, [(Sent, TenantInternal), (Received, TenantInternal)]);
    assert_eq!(by_vif(gateway(1), FAR), [(Sent, Public)]);
    assert_eq!(by_vif(gateway(1), public(70)), [(Sent, PoolInternal)]);
    let between = by_vif(gateway(1), floating(2));
    assert_eq!(between, [(Sent, PoolInternal), (Received, PoolInternal)]);
    for (from, class) in [(FAR, Public), (public(70), PoolInternal)] {
        let macs = (UPSTREAM, MacAddr::public(floating(1)).octets());
        let frame = datagram(macs, (from, floating(1)), (1, 2));
        let arrived = counted(&mut host, PATCH, &frame.tagged(0x8100, VLAN));
        assert_eq!(arrived, [(Received, class)]);
    }
}

#[test]
fn translation_takes_as_many_flows_as_documented() {
    let count = |network: &NetworkView| pipeline::compile(network).len();
    let with = network(1, Some(snat(1)));
    let mut without = with.clone();
    without.outside.way.as_mut().unwrap().floating.clear();
    assert_eq!(count(&with) - count(&without), 2, "a floating IP");
    let mut alone = without.clone();
    *alone.outside = Outside::default();
    let per_port = 4 * without.locals.len();
    let prefixes_and_pools = 2;
    let more = count(&without) - count(&alone) - per_port - prefixes_and_pools;
    assert_eq!(more, 8, "a network with a way out");
    let with = external(|tenant| Some(snat(tenant)));
    let mut without = with.clone();
    without.outside.routers[0].floating.clear();
    assert_eq!(count(&with) - count(&without), 8, "a floating IP outside");
    let mut fewer = without.clone();
    fewer.outside.routers.remove(0);
    assert_eq!(count(&without) - count(&fewer), 7 + 2, "a router outside");
}

#[test]
fn the_host_answers_who_asks_outside_for_its_addresses_and_for_no_others() {
    let mut host = Host::new();
    let asked = |address| {
        let payload = Payload::Arp {
            op: 1,
            sha: UPSTREAM,
            spa: public(1),
            tha: [0; 6],
            tpa: address,
        };
        Frame::new(UPSTREAM, BROADCAST, payload).tagged(0x8100, VLAN)
    };
    for address in [floating(1), floating(2), snat(1), snat(2)] {
        let answers = host.evaluate(PATCH, &asked(address));
        let [(PATCH, answer)] = &answers[..] else {
            panic!("{answers:?}");
        };
        let mac = MacAddr::public(address).octets();
        assert_eq!((&answer[..6], &answer[6..12]), (&UPSTREAM[..], &mac[..]));
        assert_eq!(answer[24..26], [0, 2], "a reply, behind the tag");
        assert_eq!(answer[26..36], [&mac[..], &address.octets()].concat());
    }
    let others = host.evaluate(PATCH, &asked(public(77)));
    assert!(others.iter().all(|(port, _)| *port == NEIGHBOUR_PORT));
}

#[test]
fn what_no_router_passes_on_goes_neither_out_nor_in() {
    let mut host = Host::new();
    for nowhere in [
        "127.0.0.1",
        "169.254.169.254",
        "224.0.0.5",
        "255.255.255.255",
        "0.0.0.0",
    ] {
        assert_eq!(host.vif((1, 1), (4000, 53), nowhere.parse().unwrap()), []);
    }
    let at_its_end = |ttl| {
        let head = [0x45, 0, 0, 28, 0, 0, 0, 0, ttl, 17, 0, 0];
        let bytes = [
            &head[..],
            &FAR.octets(),
            &floating(1).octets(),
            &udp((4000, 80)),
        ];
        let payload = Payload::Bytes {
            eth_type: 0x0800,
            bytes: bytes.concat(),
        };
        let mac = MacAddr::public(floating(1)).octets();
        Frame::new(UPSTREAM, mac, payload).tagged(0x8100, VLAN)
    };
    assert_eq!(host.send(PATCH, &at_its_end(1)), []);
    assert_eq!(host.send(PATCH, &at_its_end(2)).len(), 1);
    let dhcp = host.outside((FAR, 67), (floating(1), 68));
    assert_eq!(dhcp, [], "no DHCP server is outside");
    // Nobody outside is the host itself.
    let own = MacAddr::public(floating(1)).octets();
    let forged = datagram((own, mac(9)), (floating(1), NEIGHBOUR), (1, 2));
    assert_eq!(host.send(PATCH, &forged.tagged(0x8100, VLAN)), []);
}
