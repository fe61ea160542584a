//! Any bytes, as a message from a switch and as a flow_mod; what was understood is put back into
//! bytes and understood the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::Version;
use openflow::message::{FlowMod, FromSwitch, Header, take_frame};

fuzz_target!(|bytes: &[u8]| {
    let _ = Header::decode(bytes);
    let _ = FromSwitch::decode(bytes);
    let mut buffer = bytes::BytesMut::from(bytes);
    while let Ok(Some(frame)) = take_frame(&mut buffer) {
        let _ = FromSwitch::decode(&frame);
    }
    for version in [Version::V1_4, Version::V1_5] {
        let _ = FlowMod::decode(version, bytes);
    }
});
