//! Gateway hosts: two tenants whose networks and ports have the same addresses, on one host that sends and
//! one by which they get out. Frames are taken from the one to the other by hand, as the fabric would.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use host_agent::pipeline::counting::{Counted, Direction};
use host_agent::pipeline::{self, Claim, Duty, Mark, NetworkView, RemotePort, Uplink, WayExit};
use model::plan::PlannedGatewayHost;
use model::{MacAddr, SpoofGuard, TrafficClass};
use openflow::table::{Connections, Packet, Tables};
use openflow::{Field, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{Frame, Mac};
use crate::translation::{
    FAR, MEMBERS, PATCH, TENANTS, UPSTREAM, VLAN, datagram, external, gateway, inner, mac, network,
    out, port, snat, without_ports,
};
use crate::world::{PATCHES, TUNNELS, endpoint, open_groups};

/// The host that sends, the gateway host, and one more that has the router.
const SENDER: Mac = [0x0a, 0xbe, 0, 0, 0, 1];
const ENTRY: Mac = [0x0a, 0xbe, 0, 0, 0, 2];
const THIRD: Mac = [0x0a, 0xbe, 0, 0, 0, 3];

/// How tenants' networks travel between the hosts.
#[derive(Clone, Copy, Debug)]
enum Fabric {
    Vlan,
    Overlay,
}

fn uplink(fabric: Fabric, tenant: u8) -> Uplink {
    match fabric {
        Fabric::Vlan => Uplink {
            port: PATCHES[0],
            mark: Mark::Vlan((100 + u16::from(tenant)).try_into().unwrap()),
        },
        Fabric::Overlay => Uplink {
            port: TUNNELS[0],
            mark: Mark::Vni(u32::from(tenant).try_into().unwrap()),
        },
    }
}

/// A network on one of the hosts, which hears the other.
fn on(fabric: Fabric, tenant: u8, (own, other): (Mac, u8), exit: WayExit) -> NetworkView {
    let held = matches!(exit, WayExit::ForAll(_)).then(|| snat(tenant));
    let mut view = network(tenant, held);
    let routing = view.routing.as_mut().unwrap();
    routing.mac = own.try_into().unwrap();
    routing.endpoints = [IpAddr::from(endpoint(other))].into();
    let way = view.outside.way.as_mut().unwrap();
    way.exit = exit;
    way.floating = Vec::new();
    view.uplink = Some(uplink(fabric, tenant));
    view
}

fn sending(fabric: Fabric, tenant: u8) -> NetworkView {
    let exit = WayExit::By(PlannedGatewayHost {
        mac: ENTRY.try_into().unwrap(),
        endpoint: endpoint(2).into(),
    });
    on(fabric, tenant, (SENDER, 2), exit)
}

fn letting_out(fabric: Fabric, tenant: u8, exit: WayExit) -> NetworkView {
    let remote = |member: u8| RemotePort {
        mac: mac(member).try_into().unwrap(),
        addresses: [inner(member).into()].into(),
        virtual_macs: Arc::default(),
        spoof_guard: SpoofGuard::On,
        endpoint: match fabric {
            Fabric::Vlan => None,
            Fabric::Overlay => Some(endpoint(1).into()),
        },
    };
    let view = on(fabric, tenant, (ENTRY, 1), exit);
    NetworkView {
        locals: Vec::new(),
        gates: Vec::new(),
        remotes: MEMBERS.map(remote).into(),
        ..view
    }
}

struct Host {
    tables: Tables,
    connections: Connections,
}

/// A frame on its way between the hosts, and the tunnel's fields.
#[derive(Clone, Debug)]
struct Carried {
    port: PortNo,
    frame: Vec<u8>,
    key: Option<u64>,
    to: Option<u128>,
}

impl Host {
    fn of(networks: &[NetworkView]) -> Self {
        let flows = networks.iter().flat_map(pipeline::compile);
        let flows = flows.chain(pipeline::infrastructure()).chain(open_groups());
        Self {
            tables: Tables::new(flows),
            connections: Connections::default(),
        }
    }

    fn send(&mut self, packet: Packet) -> Vec<Carried> {
        let outcome = self.tables.evaluate(packet, &mut self.connections);
        assert_eq!(outcome.failure, None);
        let outputs = outcome.outputs.into_iter();
        let carried = outputs.map(|it| Carried {
            port: it.port,
            key: it
                .tunnel
                .get(&Field::TunId)
                .map(|key| u64::try_from(*key).unwrap()),
            to: it.tunnel.get(&Field::TunDst).copied(),
            frame: it.frame,
        });
        carried.collect()
    }

    fn classes(&mut self, packet: Packet) -> Vec<(Direction, TrafficClass)> {
        let outcome = self.tables.evaluate(packet, &mut self.connections);
        let flows = outcome.path.iter().filter_map(|hop| hop.flow);
        let counted = flows.filter_map(Counted::of);
        counted.map(|it| (it.direction, it.class)).collect()
    }
}

/// Both hosts.
struct Pair {
    sender: Host,
    gateway: Host,
}

impl Pair {
    fn on(fabric: Fabric) -> Self {
        let sending: Vec<_> = TENANTS.map(|it| sending(fabric, it)).into();
        Self {
            sender: Host::of(&sending),
            gateway: Host::of(&gateway_host(fabric, Duty::Holds)),
        }
    }

    /// Across the fabric, to the one from the other.
    fn across(carried: &Carried, from: u8) -> Packet {
        let packet = Packet::new(carried.port, carried.frame.clone());
        match carried.key {
            None => packet,
            Some(key) => packet
                .with(Field::TunId, key)
                .with(Field::TunSrc, endpoint(from)),
        }
    }
}

fn gateway_host(fabric: Fabric, duty: Duty) -> Vec<NetworkView> {
    let exit = match duty.is_for_all() {
        true => WayExit::ForAll(ENTRY.try_into().unwrap()),
        false => WayExit::Nobody,
    };
    let mut views: Vec<_> = TENANTS.map(|it| letting_out(fabric, it, exit)).into();
    let mut external = external(|it| duty.is_for_all().then(|| snat(it)));
    for router in &mut external.outside.routers {
        router.duty = duty;
        router.floating = Vec::new();
    }
    views.push(external);
    views
}

fn asked(tenant: u8) -> Packet {
    let frame = datagram((mac(2), gateway(tenant)), (inner(2), FAR), (4000, 53));
    Packet::new(port(tenant, 2), frame.bytes())
}

fn answered(tenant: u8) -> Packet {
    let macs = (UPSTREAM, MacAddr::public(snat(tenant)).octets());
    let frame = datagram(macs, (FAR, snat(tenant)), (53, 4000));
    Packet::new(PATCH, frame.tagged(0x8100, VLAN).bytes())
}

fn ttl(frame: &[u8]) -> u8 {
    frame[if frame[12..14] == [0x81, 0] { 18 } else { 14 } + 8]
}

#[test]
fn packets_get_out_by_the_gateway_host_and_answers_come_home_over_vlans_and_overlays() {
    for fabric in [Fabric::Vlan, Fabric::Overlay] {
        let mut pair = Pair::on(fabric);
        let sent = asked(1);
        let before = ttl(&datagram((mac(2), gateway(1)), (inner(2), FAR), (1, 1)).bytes());
        for tenant in TENANTS {
            let handed = pair.sender.send(asked(tenant));
            let [handed] = &handed[..] else {
                panic!("{fabric:?}: {handed:?}");
            };
            assert_eq!(out(handed.port, &handed.frame).macs, (SENDER, ENTRY));
            let reached = Ipv4Addr::from_bits(handed.to.unwrap_or(0).try_into().unwrap());
            assert!(handed.key.is_none() || reached == endpoint(2));
            let left = pair.gateway.send(Pair::across(handed, 1));
            let [left] = &left[..] else {
                panic!("{fabric:?}: {left:?}");
            };
            let seen = out(left.port, &left.frame);
            assert_eq!((seen.port, seen.from), (PATCH, (snat(tenant), 4000)));
            let own = MacAddr::public(snat(tenant)).octets();
            assert_eq!(seen.macs, (own, UPSTREAM));
            assert_eq!(ttl(&left.frame), before - 1, "one router");
        }
        drop(sent);
        for tenant in TENANTS {
            let back = pair.gateway.send(answered(tenant));
            let [back] = &back[..] else {
                panic!("{fabric:?}: {back:?}");
            };
            assert_eq!(out(back.port, &back.frame).macs, (ENTRY, mac(2)));
            let home = pair.sender.send(Pair::across(back, 2));
            let [home] = &home[..] else {
                panic!("{fabric:?}: {home:?}");
            };
            assert_eq!(home.port, port(tenant, 2), "the tenant's own");
            assert_eq!(out(home.port, &home.frame).macs.0, gateway(tenant));
            assert_eq!(ttl(&home.frame), before - 1, "one router");
        }
    }
}

#[test]
fn what_comes_home_from_outside_is_billed_as_that_in_both_directions() {
    let mut pair = Pair::on(Fabric::Vlan);
    let public = |direction| [(direction, TrafficClass::Public)];
    let handed = pair.sender.send(asked(1));
    assert_eq!(pair.sender.classes(asked(1)), public(Direction::Sent));
    pair.gateway.send(Pair::across(&handed[0], 1));
    let back = pair.gateway.send(answered(1));
    let home = Pair::across(&back[0], 2);
    assert_eq!(pair.sender.classes(home), public(Direction::Received));
    // What a router on another host sends of the tenant's own stays the tenant's.
    let own = datagram((THIRD, mac(2)), (inner(9), inner(2)), (1, 2));
    let own = Packet::new(PATCHES[0], own.tagged(0x8100, 101).bytes());
    let internal = (Direction::Received, TrafficClass::TenantInternal);
    assert_eq!(pair.sender.classes(own), [internal]);
}

#[test]
fn only_hosts_hand_on_and_only_what_a_port_of_the_network_may_have_sent() {
    let mut pair = Pair::on(Fabric::Vlan);
    let stranger = [0x02, 0, 0, 0, 0, 7];
    let cases = [
        ((mac(2), ENTRY), (inner(2), FAR)),
        ((stranger, ENTRY), (inner(2), FAR)),
        ((gateway(1), ENTRY), (inner(2), FAR)),
        ((SENDER, ENTRY), (Ipv4Addr::new(10, 0, 1, 2), FAR)),
        ((SENDER, ENTRY), (snat(1), FAR)),
        ((SENDER, THIRD), (inner(2), FAR)),
    ];
    for (macs, addresses) in cases {
        let frame = datagram(macs, addresses, (4000, 53)).tagged(0x8100, 101);
        let sent = pair.gateway.send(Packet::new(PATCHES[0], frame.bytes()));
        assert!(sent.is_empty(), "{macs:?} {addresses:?}: {sent:?}");
    }
    let mut pair = Pair::on(Fabric::Overlay);
    let handed = pair.sender.send(asked(1)).remove(0);
    for other in [2, 3, 99] {
        let sent = pair.gateway.send(Pair::across(&handed, other));
        assert!(
            sent.is_empty(),
            "from a host that lacks the router: {sent:?}"
        );
    }
    assert_eq!(pair.gateway.send(Pair::across(&handed, 1)).len(), 1);
}

#[test]
fn no_vif_reaches_a_gateway_host_by_itself() {
    let guards = [SpoofGuard::On, SpoofGuard::Off];
    for (guard, fabric) in guards.into_iter().zip([Fabric::Vlan, Fabric::Overlay]) {
        let mut view = sending(fabric, 1);
        for local in &mut view.locals {
            local.spoof_guard = guard;
        }
        let mut host = Host::of(&[view]);
        for source in [mac(2), SENDER, gateway(1)] {
            let frame = datagram((source, ENTRY), (inner(2), FAR), (4000, 53));
            let sent = host.send(Packet::new(port(1, 2), frame.bytes()));
            assert!(sent.is_empty(), "{guard:?} {source:?}: {sent:?}");
        }
    }
}

#[test]
fn a_gateway_host_that_does_not_have_the_address_lets_nothing_out_or_in() {
    let claim = Claim {
        address: snat(1),
        mac: ENTRY.try_into().unwrap(),
    };
    let mut pair = Pair::on(Fabric::Vlan);
    let handed = pair.sender.send(asked(1)).remove(0);
    pair.gateway = Host::of(&gateway_host(Fabric::Vlan, Duty::Asks(claim)));
    let sent = pair.gateway.send(Pair::across(&handed, 1));
    assert!(sent.is_empty(), "{sent:?}");
    let sent = pair.gateway.send(answered(1));
    assert!(sent.is_empty(), "{sent:?}");
}

#[test]
fn a_host_whose_router_has_no_gateway_host_yet_sends_nothing_out() {
    let mut view = without_ports(9.try_into().unwrap());
    view.outsiders = pipeline::Outsiders::Machines;
    let nobody = on(Fabric::Vlan, 1, (SENDER, 2), WayExit::Nobody);
    let mut host = Host::of(&[nobody, view]);
    assert!(host.send(asked(1)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever comes over one tenant's network leaves in that tenant's name or not at all, and whatever
    /// comes from outside is never on a network that did not ask.
    #[test]
    fn nothing_of_one_tenant_comes_to_another_by_their_gateway_host(
        frame in any_frame(),
        tenant in select(TENANTS.to_vec()),
        routed in any::<bool>(),
        entered in any::<bool>(),
    ) {
        let mut pair = Pair::on(Fabric::Vlan);
        // The other tenant has a connection under way.
        let other = 3 - tenant;
        let handed = pair.sender.send(asked(other)).remove(0);
        pair.gateway.send(Pair::across(&handed, 1));
        let frame = Frame {
            source: if routed { SENDER } else { frame.source },
            destination: if entered { ENTRY } else { frame.destination },
            ..frame
        };
        let tagged = frame.tagged(0x8100, 100 + u16::from(tenant));
        for sent in pair.gateway.send(Packet::new(PATCHES[0], tagged.bytes())) {
            prop_assert_eq!(sent.port, PATCH, "never back into a tenant's network");
            let seen = out(sent.port, &sent.frame);
            prop_assert_eq!(seen.from.0, snat(tenant));
        }
    }
}
