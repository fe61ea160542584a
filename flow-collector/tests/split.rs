//! What a port sent is split by what its sampled frames say, and clusters of frames are one observation.
#![expect(clippy::unwrap_used, reason = "a broken example fails its test")]

#[path = "support/agent.rs"]
mod agent;

use agent::{datagram, framed, host, vif};
use flow_collector::attribute::{Attribution, Peer};
use flow_collector::tally::split::{Cell, Key, Split, Summary};
use flow_collector::tally::{Resume, Tally};
use model::{
    Inventory, InventoryNetwork, InventoryPort, InventoryVif, MacAddr, PortId, TrafficClass,
};
use sflow::Datagram;

const HOST: &str = "192.0.2.1";
const RATE: u32 = 64;
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 7];

/// The words of a sampled TCP segment to PEER with `data` bytes from number `place` on.
fn segment(place: u32, data: u16, port: u16) -> Vec<u32> {
    let mut bytes = [PEER, [2, 0, 0, 0, 0, 1]].concat();
    bytes.extend([0x08, 0x00, 0x45, 0]);
    bytes.extend((data + 40).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 7]);
    bytes.extend(4000u16.to_be_bytes());
    bytes.extend(port.to_be_bytes());
    bytes.extend(place.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]);
    sample(&bytes, u32::from(data) + 54)
}

/// A flow sample of the VIF 7 whose frame begins so.
fn sample(frame: &[u8], length: u32) -> Vec<u32> {
    framed((7, RATE), frame, length)
}

fn network(vif: &InventoryVif, peer: PortId) -> InventoryNetwork {
    let mac = |octets: [u8; 6]| MacAddr::try_from(octets).unwrap();
    InventoryNetwork {
        id: vif.network_id,
        class: TrafficClass::TenantInternal,
        gateway: mac([0x0a, 0xbd, 0, 0, 0, 1]),
        leads_out: false,
        joined: Vec::new(),
        pool: Vec::new(),
        ports: vec![InventoryPort {
            id: peer,
            mac: mac(PEER),
            addresses: vec![[10, 0, 0, 7].into()],
        }],
    }
}

/// What becomes of these samples, one a datagram.
fn split(samples: &[Vec<u32>]) -> (Split, PortId) {
    let (vif, peer) = (vif(7, 0), PortId::generate());
    let inventory = Inventory {
        networks: vec![network(&vif, peer)],
        hosts: vec![host(HOST, vec![vif])],
        revision: 1,
    };
    let attribution = Attribution::from(&inventory);
    let sender = attribution.sender(HOST.parse().unwrap()).unwrap();
    let mut tally = Tally::resume(Resume::default());
    for (sequence, sample) in (1..).zip(samples) {
        let bytes = datagram(sequence, 1000, std::slice::from_ref(sample));
        let taken = tally.take(sender, &Datagram::decode(&bytes).unwrap(), 1_000_000);
        assert_eq!((taken.flow_samples, taken.malformed), (1, false));
    }
    // None is told of the open interval unless it is asked for.
    assert_eq!(tally.batch().splits.len(), 0);
    tally.begin(300);
    let kept = tally.batch().splits;
    assert_eq!(kept.len(), 1);
    (kept[0].split.clone(), peer)
}

fn cell(summary: &Summary, key: Key) -> Cell {
    let mut cells = summary.cells.iter();
    cells.find(|(_, of, _)| *of == key).unwrap().2
}

fn square(bytes: f64) -> f64 {
    f64::from(RATE) * f64::from(RATE - 1) * bytes * bytes
}

#[test]
fn a_frame_is_told_by_peer_protocol_and_address() {
    let (split, peer) = split(&[segment(1, 946, 443), segment(9000, 946, 22)]);
    let of_peer = cell(&split.peers, Key::Peer(Peer::Port(peer)));
    assert_eq!((of_peer.samples, of_peer.bytes), (2, 2 * 64_000));
    assert_eq!(cell(&split.protocols, Key::Ip(6, Some(443))).samples, 1);
    assert_eq!(cell(&split.protocols, Key::Ip(6, Some(22))).packets, 64);
    let address = Key::Address(Some([10, 0, 0, 7].into()));
    assert_eq!(cell(&split.addresses, address).samples, 2);
}

#[test]
fn segments_that_follow_each_other_are_one_observation_and_others_are_not() {
    let together = [segment(1, 946, 443), segment(947, 946, 443)];
    let apart = [segment(1, 946, 443), segment(948, 946, 443)];
    let address = Key::Address(Some([10, 0, 0, 7].into()));
    let variance = |samples: &[Vec<u32>]| cell(&split(samples).0.addresses, address).variance;
    assert_eq!(variance(&together), square(2000.0));
    assert_eq!(variance(&apart), 2.0 * square(1000.0));
    let acknowledgements = [segment(5, 0, 443), segment(5, 0, 443)];
    assert_eq!(variance(&acknowledgements), 2.0 * square(54.0));
}

#[test]
fn a_frame_that_is_cut_is_still_somebodys() {
    let (split, _) = split(&[
        sample(&[0xff; 4], 100),
        sample(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x08, 0x06], 60),
    ]);
    // Of the first not even the type is there; the second is for nobody who is known.
    assert_eq!(cell(&split.protocols, Key::Ethernet(0x0806)).samples, 1);
    assert_eq!(cell(&split.peers, Key::Peer(Peer::Unknown)).samples, 1);
}
