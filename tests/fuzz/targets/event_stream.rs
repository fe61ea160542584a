//! Any bytes, as a stream of events: whole, and in two pieces, which must come to the same.
#![no_main]

use api::client::Frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let taken = |pieces: &[&[u8]]| {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for piece in pieces {
            if frames.push(piece).is_err() {
                return None;
            }
            found.extend(std::iter::from_fn(|| frames.next()));
        }
        Some(found)
    };
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let (whole, pieces) = (taken(&[bytes]), taken(&[first, second]));
    // In one piece it may be too much at once.
    assert!(whole.is_none() || whole == pieces);
});
