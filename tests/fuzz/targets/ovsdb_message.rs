//! Any bytes from an OVSDB server: cut into frames, each read as a message and as a value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovsdb::Value;
use ovsdb::message::{FrameReader, Limits, Message};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = FrameReader::new(Limits::default());
    for part in bytes.chunks(17) {
        reader.buffer_mut().extend_from_slice(part);
        while let Ok(Some(frame)) = reader.next_frame() {
            let _ = Message::decode(&frame);
        }
    }
    let _ = Message::decode(bytes);
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let json = serde_json::to_string(&value).unwrap_or_default();
    let again = serde_json::from_str::<Value>(&json);
    assert_eq!(again.ok(), Some(value), "{json}");
});
