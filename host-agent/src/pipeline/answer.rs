//! How frames go to the agent for an answer, and how the answer comes back into the pipeline.

use model::NetworkNumber;
use openflow::action::Controller;
use openflow::{Action, Flow, PortNo};

use super::count_and_output;
use super::registers::{NETWORK, OUT_PORT};
use crate::respond::Question;

/// How many questions reach the agent.
///
/// Each VIF has a share of what one host answers, so that however many ask without end, switch and
/// agent have time for everybody else. Honest clients ask a handful of times when they start, which is
/// theirs at once whatever others do.
struct Budget {
    /// What a VIF has where few are plugged, a second.
    most: u32,
    /// What all VIFs of a host have together. An answer costs the switch near to 100 µs.
    together: u32,
    /// What a VIF may ask at once, at least.
    at_once: u32,
}

const QUESTIONS: Budget = Budget {
    most: 20,
    together: 2_560,
    at_once: 10,
};

/// Of the gateway as a resolver: an honest client has a question for every name that it meets.
const QUERIES: Budget = Budget {
    most: 100,
    together: 5_120,
    at_once: 40,
};

impl Budget {
    /// What each of so many VIFs may ask, a second and at once. It changes only when their number
    /// doubles, lest every plug change the meters of all.
    fn share(&self, vifs: usize) -> (u32, u32) {
        let vifs = u32::try_from(vifs.next_power_of_two()).unwrap_or(u32::MAX);
        let share = (self.together / vifs).clamp(1, self.most);
        (share, (2 * share).max(self.at_once))
    }
}

/// Where the meters of names begin. Numbers of ports are below.
const NAMES: u32 = 0x1_0000;

/// The meter that bounds a VIF's questions, numbered like its port.
pub(super) const fn meter(port: PortNo, question: Question) -> u32 {
    match question {
        Question::Dns => NAMES + port.0,
        _ => port.0,
    }
}

/// Whether a meter is one of questions.
#[must_use]
pub const fn is_question(meter: u32) -> bool {
    0 < meter && meter < 2 * NAMES
}

/// How many packets a meter of questions lets pass, a second and at once, where so many VIFs are plugged.
#[must_use]
pub fn rate(meter: u32, vifs: usize) -> (u32, u32) {
    match meter >= NAMES {
        true => QUERIES.share(vifs),
        false => QUESTIONS.share(vifs),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_vifs_have_all_they_need_and_many_have_no_more_together_than_their_host_answers() {
        assert_eq!(QUESTIONS.share(0), (20, 40));
        assert_eq!(QUESTIONS.share(128), (20, 40));
        assert_eq!(QUESTIONS.share(129), (10, 20));
        assert_eq!(QUESTIONS.share(1_000), (2, 10));
        assert_eq!(QUERIES.share(32), (100, 200));
        assert_eq!(QUERIES.share(1_000), (5, 40));
        for vifs in 1..=2_500 {
            for budget in [QUESTIONS, QUERIES] {
                let (share, at_once) = budget.share(vifs);
                let together = share * u32::try_from(vifs).unwrap();
                assert!(share == 1 || together <= budget.together, "{vifs}");
                assert!(at_once >= budget.at_once, "{vifs}");
            }
        }
    }
}
