//! Any bytes, as what ovs-vswitchd answers at its control socket: whole replies, cut ones, and any text as
//! the result of one.
#![no_main]

use host_agent::switch::control::Reply;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = Reply::decode(bytes) {
        // What is read is no longer than what was said: an escape takes more bytes than it stands for.
        let texts = reply.result.iter().chain(&reply.error);
        assert!(texts.map(String::len).sum::<usize>() <= bytes.len());
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    let whole = serde_json::json!({ "id": 0, "result": text, "error": null }).to_string();
    let reply = Reply::decode(whole.as_bytes()).unwrap();
    assert_eq!(reply.result, Some(text));
    // Nothing that is cut off passes for a whole one.
    let cut = whole.len() / 2;
    if whole.is_char_boundary(cut) {
        assert!(Reply::decode(whole[..cut].as_bytes()).is_err());
    }
});
