//! Where a packet comes in, in the switch's own numbers.

use std::fmt::Write;
use std::net::IpAddr;

use model::TraceEntry;
use openflow::matching::VLAN_PRESENT;
use openflow::protocol::ETH_VLAN;
use openflow::table::Packet;
use openflow::{Field, PortNo};

use crate::responder::Known;
use crate::wanted::Exit;

/// A packet for the evaluator, and the same for `ofproto/trace`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) packet: Packet,
    /// What is known of it besides its bytes, as `ovs-ofctl` writes it.
    pub(super) flow: String,
}

/// The entry, or why this host has none such.
pub(super) fn of(known: &Known, entry: &TraceEntry, frame: &[u8]) -> Result<Entry, String> {
    match entry {
        TraceEntry::Port { port_id } => {
            let place = known.place(*port_id);
            let (port, tag) = place.ok_or("the VIF has no flows on this host: it is not active")?;
            let frame = match tag {
                Some(tag) => tagged(frame, tag.get()),
                None => frame.to_vec(),
            };
            Ok(plain(port, frame))
        }
        TraceEntry::Fabric {
            physical_network_id,
        } => {
            let exit = known.exit(Exit::Patch(*physical_network_id));
            let port = exit.ok_or("no network here uses this physical network")?;
            Ok(plain(port, frame.to_vec()))
        }
        TraceEntry::Tunnel {
            encapsulation,
            vni,
            source,
            destination,
        } => {
            let exit = known.exit(Exit::Tunnel(*encapsulation));
            let port = exit.ok_or("this host has no tunnel of this kind")?;
            let mut entry = plain(port, frame.to_vec());
            entry = entry.with(Field::TunId, "tun_id", u128::from(vni.get()), vni);
            entry = match source {
                IpAddr::V4(it) => {
                    entry.with(Field::TunSrc, "tun_src", u32::from(*it).into(), source)
                }
                IpAddr::V6(it) => {
                    entry.with(Field::TunIpv6Src, "tun_ipv6_src", (*it).into(), source)
                }
            };
            Ok(match destination {
                IpAddr::V4(it) => {
                    entry.with(Field::TunDst, "tun_dst", u32::from(*it).into(), destination)
                }
                IpAddr::V6(it) => {
                    entry.with(Field::TunIpv6Dst, "tun_ipv6_dst", (*it).into(), destination)
                }
            })
        }
    }
}

fn plain(port: PortNo, frame: Vec<u8>) -> Entry {
    Entry {
        packet: Packet::new(port, frame),
        flow: format!("in_port={}", port.0),
    }
}

impl Entry {
    fn with(mut self, field: Field, name: &str, value: u128, text: impl std::fmt::Display) -> Self {
        self.packet = self.packet.with(field, value);
        // Writing to a String cannot fail.
        let _written = write!(self.flow, ",{name}={text}");
        self
    }
}

/// As the instance behind a trunk sends it.
fn tagged(frame: &[u8], vlan: u16) -> Vec<u8> {
    let (ends, rest) = frame.split_at_checked(12).unwrap_or((frame, &[]));
    let tag = (vlan & !VLAN_PRESENT).to_be_bytes();
    [ends, &ETH_VLAN.to_be_bytes(), &tag, rest].concat()
}
