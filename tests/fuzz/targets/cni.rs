//! Any bytes, as what a container runtime calls the plugin with: first a line of `NAME=value` for each
//! variable, up to an empty line; then standard input.
#![no_main]

use std::collections::BTreeMap;

use host_agent::cni::call::{Call, Command, version_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (variables, input) = divide(bytes);
    let _ = version_of(input);
    let read = Call::read(&|name| variables.get(name).cloned(), input);
    match read {
        Ok(call) => look(&call),
        Err(failure) => {
            let told = failure.json(version_of(input).as_deref());
            assert!(told["code"].is_u64() && told["msg"].is_string());
        }
    }
});

fn divide(bytes: &[u8]) -> (BTreeMap<String, String>, &[u8]) {
    let end = bytes.windows(2).position(|it| it == b"\n\n");
    let (head, input) = match end.and_then(|end| bytes.split_at_checked(end)) {
        Some((head, rest)) => (head, rest.get(2..).unwrap_or_default()),
        None => (&[][..], bytes),
    };
    let text = String::from_utf8_lossy(head);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (variables.collect(), input)
}

/// What was read is what may be handed on.
fn look(call: &Call) {
    match &call.command {
        Command::Add { place, .. } => {
            assert!(call.which.is_some());
            assert!(place.container.len() <= 128 && !place.container.contains('/'));
        }
        Command::Check { place, .. } | Command::Delete { place } => {
            assert!(place.container.len() <= 128 && !place.container.contains('/'));
        }
        Command::Collect { valid } => assert!(valid.len() <= 2_000),
        Command::Status => {}
    }
    assert!(!call.list.is_empty());
}
