//! Tries to break the decoder: cut, changed and invented datagrams.

#[path = "support/pcap.rs"]
mod pcap;
#[path = "support/walk.rs"]
mod walk;

use std::path::Path;

use proptest::prelude::*;
use walk::walk;

/// Some datagrams of every capture: every kind of structure is among them.
fn datagrams() -> Vec<Vec<u8>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let captures = pcap::files(&data);
    let some = captures.iter().flat_map(|capture| {
        let datagrams = pcap::read(capture).into_iter();
        datagrams.take(8).map(|datagram| datagram.payload)
    });
    some.collect()
}

/// No datagram can hold more than its bytes have room for.
fn assert_bounded(bytes: &[u8]) {
    let walked = walk(bytes);
    assert!(walked.samples + walked.records <= bytes.len() / 8);
    // One error for each of them at most, and one where each list broke off.
    assert!(walked.errors.len() <= 2 * (bytes.len() / 8) + 1);
}

#[test]
fn a_datagram_cut_anywhere_is_an_error_and_holds_no_more_than_the_whole() {
    for whole in datagrams() {
        let samples = walk(&whole).samples;
        for end in 0..whole.len() {
            let walked = walk(&whole[..end]);
            assert!(!walked.errors.is_empty(), "cut at {end}");
            assert!(walked.samples < samples, "cut at {end}");
        }
    }
}

#[test]
fn a_lying_word_anywhere_breaks_nothing() {
    for whole in datagrams() {
        for at in (0..whole.len() - 3).step_by(4) {
            for lie in [0, 1, 0x7fff_ffff, 0xffff_fffc, u32::MAX] {
                let mut bytes = whole.clone();
                bytes[at..at + 4].copy_from_slice(&lie.to_be_bytes());
                assert_bounded(&bytes);
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_break_nothing(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        assert_bounded(&bytes);
    }

    #[test]
    fn arbitrary_bytes_after_a_good_header_break_nothing(
        count in any::<u32>(),
        format in 0u32..6,
        body in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let length = u32::try_from(body.len()).unwrap();
        let header = [5, 1, 0x0a00_0001, 0, 1, 1000, count, format, length];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        bytes.extend(body);
        assert_bounded(&bytes);
    }

    #[test]
    fn a_real_datagram_with_changed_bytes_breaks_nothing(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        thread_local!(static DATAGRAMS: Vec<Vec<u8>> = datagrams());
        let mut bytes = DATAGRAMS.with(|datagrams| which.get(datagrams).clone());
        for (at, value) in changes {
            *at.get_mut(&mut bytes) = value;
        }
        assert_bounded(&bytes);
    }
}
