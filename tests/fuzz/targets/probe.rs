//! Any bytes, as a probe of the fabric: whole frames, and what would follow a good beginning of one.
#![no_main]

use host_agent::probe::{Stamp, arrival, decode, encode};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    let check = Uuid::nil();
    if let Some((stamp, vlan)) = decode(bytes) {
        // What is read as a probe is as long as it says.
        let frame = encode(stamp, vlan).map(|frame| frame.len());
        assert!(frame.is_none_or(|length| length == bytes.len()));
    }
    let stamp = Stamp {
        check,
        from: 1,
        lane: 0,
        bytes: 64,
    };
    let start = encode(stamp, None).unwrap_or_default();
    for kept in [14, 18, 34, 40] {
        let frame = [&start[..kept], bytes].concat();
        let _ = decode(&frame);
        let _ = arrival(&frame, check, 2);
    }
});
