//! Networks whose ports share MAC and IP addresses, the tables compiled for them, and who is who.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use host_agent::pipeline::{
    self, GroupView, LocalPort, Mark, NetworkView, Outsiders, Policy, Reach, RemotePort, Uplink,
};
use model::{Direction, Limits, MacAddr, PortId, Rule, RuleForm, RuleId, SpoofGuard, Tracking};
use openflow::table::{Connections, Output, Packet, Tables, ToController};
use openflow::{Field, Flow, PortNo};
use proptest::prelude::*;

use crate::frame::{Frame, Mac};

/// A port of the bridge that no plan knows.
pub(crate) const UNPLANNED: PortNo = PortNo(400);

/// The gateway is this member of every network, although no port.
pub(crate) const GATEWAY: u8 = 200;

/// The patch ports to the two physical networks.
pub(crate) const PATCHES: [PortNo; 2] = [PortNo(500), PortNo(501)];

/// The tunnel ports of the two encapsulations.
pub(crate) const TUNNELS: [PortNo; 2] = [PortNo(510), PortNo(511)];

/// The first VNI in use, as with VLANs.
pub(crate) const FIRST_VNI: u32 = 4096;

/// The first VLAN in use; network n has the nth after it.
pub(crate) const FIRST_VLAN: u16 = 100;

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) networks: Vec<NetworkView>,
}

/// What came out where.
pub(crate) type Delivered = BTreeSet<(PortNo, Vec<u8>)>;

impl World {
    /// Networks as (local ports, remote ports, the way out if any: first patches, then tunnels).
    pub(crate) fn new(shapes: &[(u8, u8, Option<usize>)]) -> Self {
        let mut numbers = 1..;
        let networks = shapes
            .iter()
            .zip(0u16..)
            .map(|((locals, remotes, way), n)| {
                let uplink = way.map(|way| uplink(way, n));
                let mut local = |member| {
                    let number = numbers.next().unwrap();
                    LocalPort {
                        id: PortId::generate(),
                        port: PortNo(number),
                        tag: None,
                        mac: mac(member).try_into().unwrap(),
                        addresses: addresses(member),
                        allowed: Arc::default(),
                        spoof_guard: SpoofGuard::On,
                        limits: limits(member),
                        policy: open(number),
                    }
                };
                let remote = |member| RemotePort {
                    mac: mac(member).try_into().unwrap(),
                    addresses: addresses(member),
                    virtual_macs: Arc::default(),
                    spoof_guard: SpoofGuard::On,
                    endpoint: uplink.and_then(|it| endpoint_of(it, member)),
                };
                NetworkView {
                    number: (u32::from(n) + 1).try_into().unwrap(),
                    uplink,
                    locals: (1..=*locals).map(&mut local).collect(),
                    gates: Vec::new(),
                    remotes: (locals + 1..=locals + remotes).map(remote).collect(),
                    gateways: addresses(GATEWAY),
                    resolvers: [].into(),
                    outsiders: Outsiders::None,
                    reach: Reach::Everybody,
                    routing: None,
                    outside: Box::default(),
                }
            });
        Self {
            networks: networks.collect(),
        }
    }

    /// Up to four networks; those that share a VLAN are on different physical networks.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let shape = (1..4u8, 0..3u8, any::<bool>());
        let shapes = proptest::collection::vec(shape, 1..5);
        shapes.prop_map(|shapes| {
            let shapes = shapes.into_iter().enumerate();
            let shapes = shapes.map(|(n, (locals, remotes, joined))| {
                (locals, remotes, joined.then_some(n % PATCHES.len()))
            });
            Self::new(&shapes.collect::<Vec<_>>())
        })
    }

    /// Networks of which those that share a VLAN or VNI have different ways out.
    pub(crate) fn any_with_overlays() -> impl Strategy<Value = Self> {
        let shape = (1..4u8, 0..4u8, any::<bool>());
        let shapes = proptest::collection::vec(shape, 1..6);
        shapes.prop_map(|shapes| {
            let shapes = shapes.into_iter().enumerate();
            let shapes = shapes.map(|(n, (locals, remotes, tunnel))| {
                let kind = if tunnel { PATCHES.len() } else { 0 };
                (locals, remotes, Some(kind + n % 2))
            });
            Self::new(&shapes.collect::<Vec<_>>())
        })
    }

    pub(crate) fn flows(&self) -> Vec<Flow> {
        let networks = self.networks.iter().flat_map(pipeline::compile);
        let flows = pipeline::infrastructure().into_iter().chain(networks);
        flows.chain(open_groups()).collect()
    }

    pub(crate) fn tables(&self) -> Tables {
        Tables::new(self.flows())
    }

    /// The network of a VIF's port.
    pub(crate) fn network_of(&self, port: PortNo) -> Option<&NetworkView> {
        let mut networks = self.networks.iter();
        networks.find(|network| network.locals.iter().any(|local| local.port == port))
    }

    /// The network that a tag means on a patch.
    pub(crate) fn network_on(&self, patch: PortNo, vlan: u16) -> Option<&NetworkView> {
        let mut networks = self.networks.iter();
        networks.find(|network| {
            let uplink = network.uplink;
            uplink.is_some_and(|uplink| uplink.port == patch && tag(uplink) == Some(vlan))
        })
    }

    /// The network that a VNI means on a tunnel port.
    pub(crate) fn network_through(&self, tunnel: PortNo, vni: u32) -> Option<&NetworkView> {
        let mut networks = self.networks.iter();
        networks.find(|network| {
            let uplink = network.uplink;
            uplink.is_some_and(|it| it.port == tunnel && self::vni(it) == Some(vni))
        })
    }

    /// Every port of the bridge, planned or not.
    pub(crate) fn ports(&self) -> Vec<PortNo> {
        let locals = self.networks.iter().flat_map(|network| &network.locals);
        let locals = locals.map(|local| local.port);
        locals
            .chain(PATCHES)
            .chain(TUNNELS)
            .chain([UNPLANNED, PortNo::LOCAL])
            .collect()
    }
}

/// The policy of ports whose guards are looked at: their group lets everything through.
/// Every third port is not limited, every third in all ways, every third in some.
fn limits(member: u8) -> Limits {
    let text = match member % 3 {
        0 => "{}",
        1 => r#"{"rate_out":"1M","rate_in":"2M","packets_out":"3k","packets_in":"4k"}"#,
        _ => r#"{"packets_out":"3k","rate_in":"2M"}"#,
    };
    serde_json::from_str(text).unwrap()
}

pub(crate) fn open(number: u32) -> Policy {
    open_to(number, Tracking::Stateless)
}

pub(crate) fn open_to(number: u32, tracking: Tracking) -> Policy {
    Policy {
        zone: number.try_into().unwrap(),
        tracking,
        groups: [open_group(tracking).number].into(),
    }
}

/// The flows of the groups that let everything through.
pub(crate) fn open_groups() -> Vec<Flow> {
    let groups = [Tracking::Stateless, Tracking::Stateful].map(open_group);
    groups.iter().flat_map(pipeline::compile_group).collect()
}

fn open_group(tracking: Tracking) -> GroupView {
    let rule = |direction| Rule {
        id: RuleId::generate(),
        allows: RuleForm::new(direction).check().unwrap(),
    };
    GroupView {
        number: match tracking {
            Tracking::Stateless => 1.try_into().unwrap(),
            Tracking::Stateful => 2.try_into().unwrap(),
        },
        tracking,
        rules: vec![rule(Direction::Ingress), rule(Direction::Egress)],
        members: BTreeMap::new(),
        prefixes: BTreeMap::new(),
    }
}

fn uplink(way: usize, n: u16) -> Uplink {
    // Two networks may share a VLAN id or VNI when their ways out are not the same.
    match way.checked_sub(PATCHES.len()) {
        None => Uplink {
            port: PATCHES[way],
            mark: Mark::Vlan((FIRST_VLAN + n / 2).try_into().unwrap()),
        },
        Some(tunnel) => Uplink {
            port: TUNNELS[tunnel],
            mark: Mark::Vni((FIRST_VNI + u32::from(n / 2)).try_into().unwrap()),
        },
    }
}

/// The VLAN id of a way out, if it has one.
pub(crate) fn tag(uplink: Uplink) -> Option<u16> {
    match uplink.mark {
        Mark::Vlan(vlan) => Some(vlan.get()),
        Mark::Untagged | Mark::Vni(_) => None,
    }
}

/// The VNI of a way out, if it has one.
pub(crate) fn vni(uplink: Uplink) -> Option<u32> {
    match uplink.mark {
        Mark::Untagged | Mark::Vlan(_) => None,
        Mark::Vni(vni) => Some(vni.get()),
    }
}

/// The endpoint of the host with this number.
pub(crate) fn endpoint(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 254, 0, host)
}

/// The endpoints of all other hosts that have a network.
pub(crate) fn network_endpoints(network: &NetworkView) -> BTreeSet<IpAddr> {
    let remotes = network.remotes.iter();
    remotes.filter_map(|remote| remote.endpoint).collect()
}

/// Members are spread over two other hosts.
fn endpoint_of(uplink: Uplink, member: u8) -> Option<IpAddr> {
    vni(uplink).map(|_| endpoint(2 + member % 2).into())
}

/// Puts a frame in, and gives what comes out. Nothing may come out twice.
pub(crate) fn deliver(tables: &Tables, port: PortNo, frame: &Frame) -> Delivered {
    send(tables, port, frame).0
}

/// The same, with what the agent is asked.
pub(crate) fn send(
    tables: &Tables,
    port: PortNo,
    frame: &Frame,
) -> (Delivered, Option<ToController>) {
    let (outputs, asked) = evaluate(tables, Packet::new(port, frame.bytes()));
    let outputs = outputs.into_iter();
    let delivered = outputs.map(|output| (output.port, output.frame)).collect();
    (delivered, asked)
}

/// The same, with all that is known of what comes out.
pub(crate) fn put(tables: &Tables, packet: Packet) -> Vec<Output> {
    evaluate(tables, packet).0
}

/// What the agent is asked does not go anywhere else.
pub(crate) fn evaluate(tables: &Tables, packet: Packet) -> (Vec<Output>, Option<ToController>) {
    let outcome = tables.evaluate(packet, &mut Connections::default());
    assert_eq!(outcome.failure, None);
    let outputs = outcome.outputs.iter();
    // Copies for several hosts leave by the same port.
    let copies: BTreeSet<_> = outputs
        .map(|it| (it.port, &it.frame, it.tunnel.get(&Field::TunDst)))
        .collect();
    assert_eq!(
        copies.len(),
        outcome.outputs.len(),
        "something came out twice"
    );
    let mut asked = outcome.controllers;
    assert!(asked.len() <= 1, "the agent was asked twice");
    assert!(
        asked.is_empty() || outcome.outputs.is_empty(),
        "asked and delivered"
    );
    (outcome.outputs, asked.pop())
}

/// The same addresses in every network.
pub(crate) fn mac(member: u8) -> Mac {
    MacAddr::local(member.into()).octets()
}

pub(crate) fn ipv4(member: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, member)
}

pub(crate) fn ipv6(member: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, member.into())
}

pub(crate) fn addresses(member: u8) -> Arc<[IpAddr]> {
    [ipv4(member).into(), ipv6(member).into()].into()
}
