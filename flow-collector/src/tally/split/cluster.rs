//! Frames that were cut out of one (GSO, USO) are sampled together or not at all. So they are one
//! observation: what a cell keeps for its variance is the sum of the squares of clusters. They are told by
//! their places: the sequence numbers of TCP, the identification of IPv4.

use std::net::IpAddr;

use sflow::{FlowSample, Frame, InSeries};

/// No cluster has more frames: the largest super-frame, 64 KiB, in frames of 1,448 bytes, is 46.
const LARGEST_CLUSTER: u8 = 64;
/// Where places do not tell, this many samples in a row of one flow may be one.
const BLIND_CLUSTER: u8 = 16;

/// The last sample, and the cluster that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    flow: Flow,
    place: Option<InSeries>,
    sequence: u32,
    /// Bytes of the cluster until now, as they were sampled.
    pub(super) bytes: u32,
    samples: u8,
}

/// What tells one flow of a port from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    destination: [u8; 6],
    packet: Option<(IpAddr, IpAddr, u8, Option<[u16; 2]>)>,
}

impl Last {
    /// This sample, and the bytes that its cluster had before it.
    pub(super) fn after(
        last: Option<&Self>,
        sample: &FlowSample<'_>,
        frame: &Frame,
        length: u32,
    ) -> (Self, u32) {
        let packet = frame.packet;
        let flow = Flow {
            destination: frame.destination,
            packet: packet.map(|it| (it.source, it.destination, it.protocol, it.ports)),
        };
        let place = packet.and_then(|it| it.place);
        let last = last.filter(|last| last.is_followed_by(&flow, place, sample));
        let (bytes, samples) = last.map_or((0, 0), |last| (last.bytes, last.samples));
        let now = Self {
            flow,
            place,
            sequence: sample.sequence,
            bytes: bytes.saturating_add(length),
            samples: samples.saturating_add(1),
        };
        (now, bytes)
    }

    fn is_followed_by(
        &self,
        flow: &Flow,
        place: Option<InSeries>,
        sample: &FlowSample<'_>,
    ) -> bool {
        if self.flow != *flow {
            return false;
        }
        match (self.place, place) {
            (Some(before), Some(now)) => before.next == now.this && self.samples < LARGEST_CLUSTER,
            (None, None) => {
                // Where nothing tells, what comes next to each other may be one.
                let is_next = self.sequence.wrapping_add(1) == sample.sequence;
                is_next && is_blind(flow) && self.samples < BLIND_CLUSTER
            }
            _ => false,
        }
    }
}

/// Whether super-frames of a flow cannot be told by their places: UDP over IPv6.
fn is_blind(flow: &Flow) -> bool {
    matches!(flow.packet, Some((IpAddr::V6(_), _, 17, _)))
}
