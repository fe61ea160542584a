//! Networks whose ports share MAC and IP addresses, the tables compiled for them, and who is who.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use host_agent::pipeline::{self, LocalPort, NetworkView, RemotePort, Uplink};
use model::MacAddr;
use openflow::PortNo;
use openflow::table::{Connections, Packet, Tables, ToController};
use proptest::prelude::*;

use crate::frame::{Frame, Mac};

/// A port of the bridge that no plan knows.
pub(crate) const UNPLANNED: PortNo = PortNo(400);

/// The gateway is this member of every network, although no port.
pub(crate) const GATEWAY: u8 = 200;

/// The patch ports to the two physical networks.
pub(crate) const PATCHES: [PortNo; 2] = [PortNo(500), PortNo(501)];

/// The first VLAN in use; network n has the nth after it.
pub(crate) const FIRST_VLAN: u16 = 100;

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) networks: Vec<NetworkView>,
}

/// What came out where.
pub(crate) type Delivered = BTreeSet<(PortNo, Vec<u8>)>;

impl World {
    /// Networks as (local ports, remote ports, the patch to the physical network if any).
    pub(crate) fn new(shapes: &[(u8, u8, Option<usize>)]) -> Self {
        let mut numbers = 1..;
        let networks = shapes
            .iter()
            .zip(0u16..)
            .map(|((locals, remotes, patch), n)| {
                let uplink = patch.map(|patch| Uplink {
                    port: PATCHES[patch],
                    // Two networks may share a VLAN id when it is on two physical networks.
                    vlan: (FIRST_VLAN + n / 2).try_into().unwrap(),
                });
                let local = |member| LocalPort {
                    port: PortNo(numbers.next().unwrap()),
                    mac: mac(member).try_into().unwrap(),
                    addresses: addresses(member),
                };
                let remote = |member| RemotePort {
                    mac: mac(member).try_into().unwrap(),
                    addresses: addresses(member),
                };
                NetworkView {
                    number: (u32::from(n) + 1).try_into().unwrap(),
                    uplink,
                    locals: (1..=*locals).map(local).collect(),
                    remotes: (locals + 1..=locals + remotes).map(remote).collect(),
                    gateways: addresses(GATEWAY),
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

    pub(crate) fn tables(&self) -> Tables {
        let networks = self.networks.iter().flat_map(pipeline::compile);
        Tables::new(pipeline::infrastructure().into_iter().chain(networks))
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
            uplink.is_some_and(|uplink| uplink.port == patch && uplink.vlan.get() == vlan)
        })
    }

    /// Every port of the bridge, planned or not.
    pub(crate) fn ports(&self) -> Vec<PortNo> {
        let locals = self.networks.iter().flat_map(|network| &network.locals);
        let locals = locals.map(|local| local.port);
        locals
            .chain(PATCHES)
            .chain([UNPLANNED, PortNo::LOCAL])
            .collect()
    }
}

/// Puts a frame in, and gives what comes out. Nothing may come out twice, and what the agent is
/// asked does not go anywhere else.
pub(crate) fn deliver(tables: &Tables, port: PortNo, frame: &Frame) -> Delivered {
    send(tables, port, frame).0
}

/// Puts a frame in, and gives what comes out and what the agent is asked.
pub(crate) fn send(
    tables: &Tables,
    port: PortNo,
    frame: &Frame,
) -> (Delivered, Option<ToController>) {
    let outcome = tables.evaluate(
        Packet::new(port, frame.bytes()),
        &mut Connections::default(),
    );
    assert_eq!(outcome.failure, None);
    let count = outcome.outputs.len();
    let outputs = outcome.outputs.into_iter();
    let delivered: Delivered = outputs.map(|output| (output.port, output.frame)).collect();
    assert_eq!(delivered.len(), count, "something came out twice");
    let mut asked = outcome.controllers;
    assert!(asked.len() <= 1, "the agent was asked twice");
    assert!(
        asked.is_empty() || delivered.is_empty(),
        "asked and delivered"
    );
    (delivered, asked.pop())
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

fn addresses(member: u8) -> Arc<[IpAddr]> {
    [ipv4(member).into(), ipv6(member).into()].into()
}
