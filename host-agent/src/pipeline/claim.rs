//! What gateway hosts ask each other on an external network: who has an address that one of them may have.
//!
//! They ask by ARP, as anybody might. Answers, and questions to one that hears nobody else, go to the agent,
//! metered and no further.

use openflow::action::Controller;
use openflow::{Action, Flow};

/// The meter that bounds what reaches the agent. No port has this number.
pub const METER: u32 = 0xfff1;

/// How many reach it in a second, and at once.
pub const PER_SECOND: u32 = 2_000;

/// What such a packet-in says; no question of a VIF has this code.
const USERDATA: u8 = 0xb6;

/// A flow that hands what it matches to the agent.
#[must_use]
pub(super) fn to_agent(flow: Flow) -> Flow {
    let controller = Controller {
        userdata: vec![USERDATA],
        ..Controller::default()
    };
    flow.action(Action::Meter(METER)).action(controller)
}

/// Whether a packet-in was made by such a flow.
#[must_use]
pub fn is_about_one(userdata: &[u8]) -> bool {
    userdata == [USERDATA]
}
