//! Table `fabric_guard`: may a frame from the fabric come in.
//!
//! VIFs send only ARP, IPv4 and IPv6, so nothing else can be meant for one. This also drops what is
//! still tagged after its network's tag is popped (a double-tagged frame shows either its inner tag
//! or, with Open vSwitch's default `vlan-limit` of 1, that tag's Ethernet type), and the protocols
//! that physical switches speak inside a VLAN.
//!
//! Physical machines on an external network's segment are nobody's VIFs: none of them speaks as one
//! of ours, and none gives out addresses where the agent does. Where ports reach the gateway alone,
//! nobody else gets in, so ports on different hosts never meet, whatever the switches between pass
//! on.

use model::MacAddr;
use openflow::protocol::{ETH_ARP, ETH_IPV4, ETH_IPV6};
use openflow::{Field, Flow, Match};

use super::registers::NETWORK;
use super::{FIRST_FRAGMENT, Miss, NetworkView, Outsiders, Reach, Table, forward};
use crate::respond::Question;

pub(super) const TABLE: Table = Table {
    id: 4,
    name: "fabric_guard",
    miss: Miss::Drop,
    why: "is a frame from the fabric one that may come in",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
const GATEWAY: u16 = 250;
const NOBODY_ELSE: u16 = 200;
const ALLOWED: u16 = 100;

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;

/// What a first fragment matches as its port when the switch does not show it.
const HIDDEN: u16 = 0;

fn infrastructure() -> Vec<Flow> {
    allow(ALLOWED, &Match::new()).into()
}

/// What VIFs understand.
fn allow(priority: u16, matching: &Match) -> [Flow; 3] {
    [ETH_ARP, ETH_IPV4, ETH_IPV6].map(|eth_type| {
        let matching = matching.clone().untagged().eth_type(eth_type);
        TABLE.flow(priority, matching).goto(forward::TABLE.id)
    })
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let here = NETWORK.is(network.number.get(), Match::new());
    if network.outsiders != Outsiders::None {
        let locals = network.locals.iter();
        let as_ours = locals.map(|local| from(&here, local.mac));
        flows.extend(as_ours.map(|matching| TABLE.flow(NEVER, matching)));
        if network.outsiders.leave_to_agent(Question::Dhcpv4) {
            flows.extend(dhcp_server(&here).map(|matching| TABLE.flow(NEVER, matching)));
        }
    }
    if let Reach::Gateway(addresses) = &network.reach {
        let gateways = addresses.iter().map(|mac| from(&here, *mac));
        flows.extend(gateways.flat_map(|matching| allow(GATEWAY, &matching)));
        flows.push(TABLE.flow(NOBODY_ELSE, here));
    }
}

fn from(here: &Match, mac: MacAddr) -> Match {
    here.clone().eth_src(mac.octets())
}

/// Clients look at the port that an answer is sent to, and most at no other, so either one betrays a
/// server.
fn dhcp_server(here: &Match) -> [Match; 3] {
    let udp = here.clone().ipv4().udp();
    let unseen = udp.clone().exact(Field::IpFrag, FIRST_FRAGMENT);
    [
        udp.clone().exact(Field::UdpSrc, DHCP_SERVER),
        udp.exact(Field::UdpDst, DHCP_CLIENT),
        unseen.exact(Field::UdpSrc, HIDDEN),
    ]
}
