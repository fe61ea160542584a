//! Frames that were cut out of one (GSO, USO) are sampled together or not at all. So they are one
//! observation: what a cell keeps for its variance is the sum of the squares of clusters. They are told by
//! their places: the sequence numbers of TCP, the identification of IPv4.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;
use sflow::{FlowSample, Frame, InSeries};

/// No cluster has more frames: the largest super-frame, 64 KiB, in frames of 1,448 bytes, is 46.
const LARGEST_CLUSTER: u8 = 64;
/// Where places do not tell, this many samples in a row of one flow may be one.
const BLIND_CLUSTER: u8 = 16;
/// The protocol UDP.
const UDP: u8 = 17;

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

/// What tells one flow of a port from another: it, hashed. Two with the same hash are taken for one only if
/// their places follow each other, too, and then the interval is wider than it need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    hash: u64,
    /// Super-frames of it cannot be told by their places: UDP over IPv6.
    is_blind: bool,
}

impl Flow {
    fn of(frame: &Frame) -> Self {
        let packet = frame.packet;
        let of_packet = packet.map(|it| (it.source, it.destination, it.protocol, it.ports));
        Self {
            hash: FxBuildHasher.hash_one((frame.destination, of_packet)),
            is_blind: packet.is_some_and(|it| it.source.is_ipv6() && it.protocol == UDP),
        }
    }
}

impl Last {
    /// This sample, and the bytes that its cluster had before it.
    pub(super) fn after(
        last: Option<&Self>,
        sample: &FlowSample<'_>,
        frame: &Frame,
        length: u32,
    ) -> (Self, u32) {
        let flow = Flow::of(frame);
        let place = frame.packet.and_then(|it| it.place);
        let last = last.filter(|last| last.is_followed_by(flow, place, sample));
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

    fn is_followed_by(&self, flow: Flow, place: Option<InSeries>, sample: &FlowSample<'_>) -> bool {
        if self.flow != flow {
            return false;
        }
        match (self.place, place) {
            (Some(before), Some(now)) => before.next == now.this && self.samples < LARGEST_CLUSTER,
            (None, None) => {
                // Where nothing tells, what comes next to each other may be one.
                let is_next = self.sequence.wrapping_add(1) == sample.sequence;
                is_next && flow.is_blind && self.samples < BLIND_CLUSTER
            }
            _ => false,
        }
    }
}
