//! Any bytes, as match fields, actions and instructions: what is understood prints, and its text is
//! read without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::{Action, Instructions, Match, Version};

fuzz_target!(|bytes: &[u8]| {
    let _ = Match::decode_fields(bytes);
    for version in [Version::V1_4, Version::V1_5] {
        let _ = Action::decode_list(version, bytes);
        let _ = Instructions::decode(version, bytes);
    }
});
