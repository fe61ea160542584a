//! Table `respond`: can we answer this here.
//!
//! The plan says which Ethernet address every IPv4 address of the network has, so ARP requests of
//! local VIFs are answered on the spot: they reach no other VIF and no other host. The owner of an
//! address is never answered about it: to whoever asks whether their own address is taken
//! (RFC 5227), our answer would say that it is.

use std::net::Ipv4Addr;

use model::MacAddr;
use openflow::{Action, Field, Flow, Match};

use super::registers::{NETWORK, OUT_PORT};
use super::view::Place;
use super::{Miss, NetworkView, Table, count_and_output, forward, nothing};

pub(super) const TABLE: Table = Table {
    id: 20,
    name: "respond",
    miss: Miss::Goto(forward::TABLE.id),
    why: "can we answer here: ARP for every address of the network",
    infrastructure: nothing,
    network: flows,
};

const OWNER: u16 = 200;
const ANSWER: u16 = 100;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// The port that no frame comes in by (`OFPP_NONE`), in the 16 bits that a flow may write.
const NO_PORT: u16 = 0xffff;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for (address, mac, place) in network.ipv4_owners() {
        let request = NETWORK
            .is(network.number.get(), Match::new())
            .arp()
            .exact(Field::ArpOp, REQUEST)
            .exact(Field::ArpTpa, address);
        if place == Place::Here {
            let owner = request.clone().eth_src(mac.octets());
            flows.push(TABLE.flow(OWNER, owner).goto(forward::TABLE.id));
        }
        flows.push(answer(request, address, mac));
    }
}

/// Turns the request into its reply and sends it back. The port it came in by is forgotten, or the
/// switch would refuse to send it there; so the reply is counted like anything the VIF receives.
fn answer(request: Match, address: Ipv4Addr, mac: MacAddr) -> Flow {
    TABLE
        .flow(ANSWER, request)
        .action(Action::copy(Field::EthSrc, Field::EthDst))
        .action(Action::set_field(Field::EthSrc, mac.octets()))
        .action(Action::set_field(Field::ArpOp, REPLY))
        .action(Action::copy(Field::ArpSha, Field::ArpTha))
        .action(Action::copy(Field::ArpSpa, Field::ArpTpa))
        .action(Action::set_field(Field::ArpSha, mac.octets()))
        .action(Action::set_field(Field::ArpSpa, address))
        .action(Action::copy(Field::InPort, OUT_PORT.field))
        .action(Action::set_field(Field::InPort16, NO_PORT))
        .goto(count_and_output::TABLE.id)
}
