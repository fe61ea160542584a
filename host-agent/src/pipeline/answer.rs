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

/// The meter that bounds a VIF's questions.
pub(super) const fn meter(port: PortNo) -> u32 {
    port.0
}

/// Asks the agent, which learns the port from the packet-in, its network from the flow's cookie, and
/// the question from the user data: nothing from what the frame itself claims.
pub(super) fn ask(flow: Flow, port: PortNo, question: Question) -> Flow {
    let controller = Controller {
        userdata: vec![question.code()],
        ..Controller::default()
    };
    flow.action(Action::Meter(meter(port))).action(controller)
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
