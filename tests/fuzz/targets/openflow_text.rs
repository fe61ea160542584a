//! Any text, as a flow; what is understood survives being printed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::Flow;

fuzz_target!(|text: &str| {
    let Ok(flow) = text.parse::<Flow>() else {
        return;
    };
    let printed = flow.to_string();
    let again = printed.parse::<Flow>();
    assert_eq!(again.as_ref(), Ok(&flow), "{printed}");
});
