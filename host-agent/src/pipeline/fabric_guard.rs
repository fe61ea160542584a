//! Table `fabric_guard`: may a frame from the fabric come in.
//!
//! VIFs send only ARP, IPv4 and IPv6, so nothing else can be meant for one. This also drops what is
//! still tagged after its network's tag is popped (a double-tagged frame shows either its inner tag
//! or, with Open vSwitch's default `vlan-limit` of 1, that tag's Ethernet type), and the protocols
//! that physical switches speak inside a VLAN.

use openflow::protocol::{ETH_ARP, ETH_IPV4, ETH_IPV6};
use openflow::{Flow, Match};

use super::{Miss, Table, forward, same_for_all};

pub(super) const TABLE: Table = Table {
    id: 4,
    name: "fabric_guard",
    miss: Miss::Drop,
    why: "is a frame from the fabric one that a VIF could have sent",
    infrastructure,
    network: same_for_all,
};

const ALLOWED: u16 = 100;

fn infrastructure() -> Vec<Flow> {
    let allow = |eth_type| {
        let matching = Match::new().untagged().eth_type(eth_type);
        TABLE.flow(ALLOWED, matching).goto(forward::TABLE.id)
    };
    [ETH_ARP, ETH_IPV4, ETH_IPV6].map(allow).into()
}
