//! Any bytes, as what XenAPI answers: a reply, the events in it, and what they mean for a host.
#![no_main]

use compute::xenapi::{Records, decode_batch, decode_reply};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    let mut records = Records::default();
    for part in bytes.split(|byte| *byte == b'\n') {
        match decode_reply(part) {
            Ok(Ok(result)) => {
                if let Ok(batch) = decode_batch(result) {
                    records.apply(&batch);
                }
            }
            Ok(Err(fault)) => assert!(fault.to_string().len() <= 64),
            Err(_) => {}
        }
    }
    let host = Uuid::from_u128(1);
    let guests = records.guests(host);
    assert!(guests.is_empty() || records.version(host).is_some());
    let _ = records.complaints(host, "br-int");
});
