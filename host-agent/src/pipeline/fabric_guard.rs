//! Table `fabric_guard`: may a frame from the fabric come in.
//!
//! VIFs send only ARP, IPv4 and IPv6, so nothing else can be meant for one. This also drops what is
//! still tagged after its network's tag is popped (a double-tagged frame shows either its inner tag
//! or, with Open vSwitch's default `vlan-limit` of 1, that tag's Ethernet type), and the protocols
//! that physical switches speak inside a VLAN.
//!
//! What the guards let no VIF say, no VIF of another host has said either: an answer of a DHCP server,
//! a router advertisement or a redirect comes from a machine that has no business in the network. Only
//! where such machines are wanted ([`Beyond::Anything`]) they may say so.

use openflow::protocol::{ETH_ARP, ETH_IPV4, ETH_IPV6};
use openflow::{Flow, Match};

use super::registers::NETWORK;
use super::{
    Beyond, Miss, NetworkView, Table, fabric_senders, forward, neighbour_guard, spoof_guard,
};

pub(super) const TABLE: Table = Table {
    id: 4,
    name: "fabric_guard",
    miss: Miss::Drop,
    why: "is a frame from the fabric one that a VIF could have sent",
    infrastructure,
    network: flows,
};

const ANYTHING: u16 = 300;
const NEVER: u16 = 200;
const ALLOWED: u16 = 100;

/// The Ethernet types that a VIF may send.
const TYPES: [u16; 3] = [ETH_ARP, ETH_IPV4, ETH_IPV6];

fn infrastructure() -> Vec<Flow> {
    let never = spoof_guard::servers().chain(neighbour_guard::never());
    let never = never.map(|matching| TABLE.flow(NEVER, matching));
    let allowed = TYPES.map(|eth_type| {
        let matching = Match::new().untagged().eth_type(eth_type);
        TABLE.flow(ALLOWED, matching).goto(fabric_senders::TABLE.id)
    });
    never.chain(allowed).collect()
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    match network.beyond {
        Beyond::Vifs => {}
        Beyond::Anything => flows.extend(TYPES.map(|eth_type| {
            let matching = NETWORK.is(network.number.get(), Match::new());
            let matching = matching.untagged().eth_type(eth_type);
            TABLE.flow(ANYTHING, matching).goto(forward::TABLE.id)
        })),
    }
}
