//! Plays the sFlow agent of a host: writes datagrams the way Open vSwitch does.
#![allow(dead_code, reason = "no test uses all of it")]

use std::net::IpAddr;

use model::{
    HostId, Inventory, InventoryHost, InventoryVif, NetworkId, PortId, TenantId, Timestamp,
};

/// The counters of an interface, named as the VIF sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) sent_bytes: u64,
    pub(crate) sent_packets: u32,
    pub(crate) received_bytes: u64,
    pub(crate) received_packets: u32,
}

/// A datagram with these samples.
pub(crate) fn datagram(sequence: u32, uptime: u32, samples: &[Vec<u32>]) -> Vec<u8> {
    let count = u32::try_from(samples.len()).unwrap();
    let header = [5, 1, 0xcb00_7109, 0, sequence, uptime, count];
    let words = [&header[..], &samples.concat()].concat();
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A flow sample of a frame that came in at `if_index`, `length` bytes long.
pub(crate) fn flow(if_index: u32, rate: u32, length: u32) -> Vec<u32> {
    let header = structure(1, &[1, length + 4, 4, 4, 0xdead_beef]);
    let fields = [1, 0x0200_03e8, rate, rate, 0, if_index, 0x4000_0100, 1];
    structure(1, &[&fields[..], &header].concat())
}

/// A flow sample of a frame `length` bytes long that begins so, sampled at `rate` where it came in.
pub(crate) fn framed((if_index, rate): (u32, u32), frame: &[u8], length: u32) -> Vec<u32> {
    let mut padded = frame.to_vec();
    padded.resize(frame.len().next_multiple_of(4), 0);
    let words = padded
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()));
    let mut sample = flow(if_index, rate, length);
    // In place of the four bytes of its frame, and with the lengths that go with that.
    let (more, header) = (u32::try_from(padded.len()).unwrap() - 4, frame.len());
    let at = sample.len() - 2;
    sample.truncate(at);
    sample.push(u32::try_from(header).unwrap());
    sample.extend(words);
    sample[1] += more;
    sample[11] += more;
    sample
}

/// A counter sample of the interface `vif<if_index>`.
pub(crate) fn counters(if_index: u32, counters: Counters) -> Vec<u32> {
    named_counters(&format!("vif{if_index}"), if_index, counters)
}

/// A counter sample of an interface of another name.
pub(crate) fn named_counters(name: &str, if_index: u32, counters: Counters) -> Vec<u32> {
    let high = |value: u64| u32::try_from(value >> 32).unwrap();
    let low = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap();
    let none = u32::MAX;
    let (sent, received) = (counters.sent_bytes, counters.received_bytes);
    let interface = structure(
        1,
        &[
            [if_index, 6, 2, 0x540b_e400, 1, 3],
            [high(sent), low(sent), counters.sent_packets, 0, none, 0],
            [
                0,
                none,
                high(received),
                low(received),
                counters.received_packets,
                none,
            ],
            [none, 0, 0, 0, 0, 0],
        ]
        .concat()[..22],
    );
    let mut padded = name.as_bytes().to_vec();
    padded.resize(name.len().next_multiple_of(4), 0);
    let name_words = padded
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()));
    let length = u32::try_from(name.len()).unwrap();
    let name: Vec<u32> = std::iter::once(length).chain(name_words).collect();
    let head = [1, if_index, 2];
    structure(
        2,
        &[&head[..], &structure(1005, &name), &interface].concat(),
    )
}

fn structure(format: u32, body: &[u32]) -> Vec<u32> {
    let length = u32::try_from(body.len() * 4).unwrap();
    [&[format, length], body].concat()
}

/// A VIF named `vif<if_index>` of a port, network and tenant of its own.
pub(crate) fn vif(if_index: u32, since: i64) -> InventoryVif {
    InventoryVif {
        interface: format!("vif{if_index}"),
        ifindex: if_index,
        port_id: PortId::generate(),
        network_id: NetworkId::generate(),
        tenant_id: TenantId::generate(),
        since: Timestamp::from_unix_seconds(since),
    }
}

/// A host at this address.
pub(crate) fn host(address: &str, vifs: Vec<InventoryVif>) -> InventoryHost {
    InventoryHost {
        id: HostId::generate(),
        address: address.parse::<IpAddr>().unwrap(),
        vifs,
    }
}

/// An inventory of these hosts.
pub(crate) fn inventory(hosts: Vec<InventoryHost>) -> Inventory {
    Inventory {
        revision: 1,
        hosts,
        ..Inventory::default()
    }
}
