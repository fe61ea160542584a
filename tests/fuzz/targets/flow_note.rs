//! Any bytes, as the note of an installed flow: whose frames it counts, and which rule it logs.
#![no_main]

use host_agent::pipeline::counting::Counted;
use host_agent::pipeline::logged;
use libfuzzer_sys::fuzz_target;
use openflow::{Action, Flow, Match};

fuzz_target!(|bytes: &[u8]| {
    let noted = |note: &[u8]| Flow::new(16, 1, Match::new()).action(Action::note(note));
    for note in [bytes.to_vec(), [&[0xb0, 0x1d], bytes].concat(), [&[0xb0, 0x1e], bytes].concat()] {
        let flow = noted(&note);
        // A flow counts for the bill or for a rule, never for both.
        assert!(Counted::of(&flow).is_none() || logged::rule(&flow).is_none());
    }
});
