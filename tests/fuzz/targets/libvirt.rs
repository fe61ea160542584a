//! Any bytes, as what libvirt's daemon sends: messages, what is in their bodies, and domains' XML.
#![no_main]

use bytes::BytesMut;
use compute::libvirt::domain::Domain;
use compute::libvirt::protocol::{
    Message, decode_authentication, decode_domains, decode_version, decode_xml, take_message,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(message)) = take_message(&mut buffer) {
        if let Message::Reply { outcome: Ok(body), .. } = message {
            read(&body);
        }
    }
    read(bytes);
    if let Ok(xml) = std::str::from_utf8(bytes) {
        let _ = Domain::parse(xml);
    }
});

fn read(body: &[u8]) {
    let _ = decode_authentication(body);
    let _ = decode_version(body);
    let domains = decode_domains(body).unwrap_or_default();
    // Each has at least two words and its identifier.
    assert!(domains.len() * 24 <= body.len());
    if let Ok(xml) = decode_xml(body) {
        let _ = Domain::parse(xml);
    }
}
