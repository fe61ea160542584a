//! How frames go to the agent for an answer, and how the answer comes back into the pipeline.

use model::NetworkNumber;
use openflow::action::Controller;
use openflow::{Action, Flow, PortNo};

use super::count_and_output;
use super::registers::{NETWORK, OUT_PORT};
use crate::respond::Question;

/// How many questions of one VIF reach the agent, a second and at once. Honest clients ask a handful
/// of times when they start; a hostile one must not keep the agent from answering others.
pub const QUESTIONS_PER_SECOND: u32 = 20;
/// See [`QUESTIONS_PER_SECOND`].
pub const QUESTIONS_AT_ONCE: u32 = 40;

/// The same for questions to the gateway as a resolver: an honest client has one for every name that
/// it meets.
pub const NAMES_PER_SECOND: u32 = 100;
/// See [`NAMES_PER_SECOND`].
pub const NAMES_AT_ONCE: u32 = 200;

/// Where the meters of names begin. Numbers of ports are below.
const NAMES: u32 = 0x1_0000;

/// The meter that bounds a VIF's questions, numbered like its port.
pub(super) const fn meter(port: PortNo, question: Question) -> u32 {
    match question {
        Question::Dns => NAMES + port.0,
        _ => port.0,
    }
}

/// How many packets a meter of questions lets pass, a second and at once.
#[must_use]
pub const fn rate(meter: u32) -> (u32, u32) {
    match meter >= NAMES {
        true => (NAMES_PER_SECOND, NAMES_AT_ONCE),
        false => (QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE),
    }
}

/// Asks the agent, which learns the port from the packet-in, its network from the flow's cookie, and
/// the question from the user data: nothing from what the frame itself claims.
pub(super) fn ask(flow: Flow, port: PortNo, question: Question) -> Flow {
    let controller = Controller {
        userdata: vec![question.code()],
        ..Controller::default()
    };
    let meter = meter(port, question);
    flow.action(Action::Meter(meter)).action(controller)
}

/// What the switch does with an answer. It is counted like anything that the port receives, and does
/// not get out should the port by now be another network's.
#[must_use]
pub fn deliver(network: NetworkNumber, port: PortNo) -> Vec<Action> {
    vec![
        NETWORK.set(network.get()),
        OUT_PORT.set(port.0),
        Action::resubmit(count_and_output::TABLE.id),
    ]
}
