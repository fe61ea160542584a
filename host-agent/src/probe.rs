//! Probes of the fabric as frames.
//!
//! ```text
//!    0             6          12        (12..16)     14       18       34     36     38     40
//!   +-------------+----------+----------+-----------+--------+--------+------+------+------+-----
//!   | to everybody| host     | 802.1Q   | 88b5      | "BHP" 1| check  | from | lane | size | zeros
//!   +-------------+----------+----------+-----------+--------+--------+------+------+------+-----
//!                              in a VLAN              '----------- size bytes ----------------
//! ```
//!
//! Their Ethernet type is one for local experiments, which no VIF may send and none is ever sent. Who
//! does not know the check's random number makes no probe that counts.

use model::{ProbeArrival, SMALL_PROBE_BYTES, VlanId};
use openflow::protocol::{ETH_EXPERIMENTAL, ETH_VLAN};
use uuid::Uuid;

/// Where probes go: a group address that nobody else uses.
pub const EVERYBODY: [u8; 6] = [0x03, 0xbd, 0, 0, 0x88, 0xb5];

/// The largest probe, in bytes of what its Ethernet frame carries: the largest MTU there is.
pub const LARGEST_BYTES: u16 = 9_216;

/// What the payload of a probe begins with.
const MAGIC: [u8; 4] = *b"BHP\x01";

/// What a probe says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The check that it belongs to.
    pub check: Uuid,
    /// The number of the host that sends it.
    pub from: u16,
    /// The number of the lane that it is sent in.
    pub lane: u16,
    /// Bytes of what its Ethernet frame carries, [`SMALL_PROBE_BYTES`] to [`LARGEST_BYTES`].
    pub bytes: u16,
}

/// The frame of a probe; none if its size is none that a probe may have.
#[must_use]
pub fn encode(stamp: Stamp, vlan: Option<VlanId>) -> Option<Vec<u8>> {
    if !(SMALL_PROBE_BYTES..=LARGEST_BYTES).contains(&stamp.bytes) {
        return None;
    }
    let [high, low] = stamp.from.to_be_bytes();
    let mut frame = [EVERYBODY, [0x02, 0xbd, 0, 0, high, low]].concat();
    if let Some(vlan) = vlan {
        frame.extend(ETH_VLAN.to_be_bytes());
        frame.extend(vlan.get().to_be_bytes());
    }
    frame.extend(ETH_EXPERIMENTAL.to_be_bytes());
    let end = frame.len() + usize::from(stamp.bytes);
    frame.extend(MAGIC);
    frame.extend(stamp.check.as_bytes());
    for number in [stamp.from, stamp.lane, stamp.bytes] {
        frame.extend(number.to_be_bytes());
    }
    frame.resize(end, 0);
    Some(frame)
}

/// What a frame says, and the VLAN it came in; none if it is no probe, or not all of one.
#[must_use]
pub fn decode(frame: &[u8]) -> Option<(Stamp, Option<VlanId>)> {
    let (ends, rest) = frame.split_first_chunk::<12>()?;
    let (kind, rest) = rest.split_first_chunk::<2>()?;
    let (kind, vlan, payload) = match u16::from_be_bytes(*kind) {
        ETH_VLAN => {
            let (control, rest) = rest.split_first_chunk::<2>()?;
            let (kind, rest) = rest.split_first_chunk::<2>()?;
            let id = u16::from_be_bytes(*control) & 0xfff;
            // A tag with VLAN id 0 only says a priority.
            (*kind, VlanId::try_from(id).ok(), rest)
        }
        _ => (*kind, None, rest),
    };
    if ends[..6] != EVERYBODY || u16::from_be_bytes(kind) != ETH_EXPERIMENTAL {
        return None;
    }
    let (magic, rest) = payload.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<16>()?;
    let (numbers, _) = rest.split_first_chunk::<6>()?;
    let number = |at: usize| u16::from_be_bytes([numbers[at], numbers[at + 1]]);
    let stamp = Stamp {
        check: Uuid::from_bytes(*check),
        from: number(0),
        lane: number(2),
        bytes: number(4),
    };
    let whole = *magic == MAGIC && payload.len() == usize::from(stamp.bytes);
    whole.then_some((stamp, vlan))
}

/// What arrived, if it is a probe of this check from another host than this.
#[must_use]
pub fn arrival(frame: &[u8], check: Uuid, host: u16) -> Option<ProbeArrival> {
    let (stamp, vlan) = decode(frame)?;
    let ours = stamp.check == check && stamp.from != host;
    ours.then_some(ProbeArrival {
        from: stamp.from,
        lane: stamp.lane,
        bytes: stamp.bytes,
        vlan,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_stamp() -> impl Strategy<Value = Stamp> {
        let numbers = (any::<u16>(), any::<u16>());
        let bytes = SMALL_PROBE_BYTES..=LARGEST_BYTES;
        let parts = (any::<u128>(), numbers, bytes);
        parts.prop_map(|(check, (from, lane), bytes)| Stamp {
            check: Uuid::from_u128(check),
            from,
            lane,
            bytes,
        })
    }

    fn any_vlan() -> impl Strategy<Value = Option<VlanId>> {
        proptest::option::of((1..=4094u16).prop_map(|id| id.try_into().unwrap()))
    }

    proptest! {
        #[test]
        fn a_probe_is_read_as_it_was_written(stamp in any_stamp(), vlan in any_vlan()) {
            let frame = encode(stamp, vlan).unwrap();
            let header = if vlan.is_some() { 18 } else { 14 };
            prop_assert_eq!(frame.len(), header + usize::from(stamp.bytes));
            prop_assert_eq!(decode(&frame), Some((stamp, vlan)));
        }

        #[test]
        fn a_probe_that_was_cut_or_grew_is_none(stamp in any_stamp(), cut in 1..200usize) {
            let frame = encode(stamp, None).unwrap();
            let end = frame.len().saturating_sub(cut);
            prop_assert_eq!(decode(&frame[..end]), None);
            prop_assert_eq!(decode(&[&frame[..], &[0]].concat()), None);
        }

        #[test]
        fn bytes_that_nobody_made_are_no_probe(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn who_does_not_know_the_check_is_not_heard(stamp in any_stamp(), other: u128) {
            let frame = encode(stamp, None).unwrap();
            let nobody = stamp.from.wrapping_add(1);
            prop_assert!(arrival(&frame, stamp.check, nobody).is_some());
            prop_assert_eq!(arrival(&frame, Uuid::from_u128(other), nobody), None);
            // Nor does a host hear itself.
            prop_assert_eq!(arrival(&frame, stamp.check, stamp.from), None);
        }
    }

    #[test]
    fn there_is_no_probe_of_a_size_that_none_may_have() {
        let of = |bytes| Stamp {
            check: Uuid::nil(),
            from: 0,
            lane: 0,
            bytes,
        };
        for bytes in [0, SMALL_PROBE_BYTES - 1, LARGEST_BYTES + 1, u16::MAX] {
            assert_eq!(encode(of(bytes), None), None);
        }
    }
}
