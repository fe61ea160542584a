//! Ports that wait for their instance: everything of theirs is in place but what lets a frame pass.
//!
//! A port that migrates has an interface on two hosts, and is lit on one of them at most. On the other its
//! network, its groups and its zone are as if it were lit, so that little is left to do when it is; and the
//! first frame that whoever is behind it sends goes to the agent, and nowhere else. That is how it shows
//! that it runs here now: of QEMU this is the RARP that it sends when it has taken everything over.

use model::plan::Generation;
use model::{MacAddr, PortId};
use openflow::action::Controller;
use openflow::{Action, Flow, Match, PortNo};

use super::answer;
use crate::respond::Question;

/// Tells a frame of a waiting instance from the questions of ports.
const USERDATA: u8 = 0x6d;

/// A port that waits here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Which port.
    pub id: PortId,
    /// The number of its interface in the switch.
    pub port: PortNo,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Since which plan it waits: what it sent before means nothing.
    pub since: Generation,
}

impl Gate {
    /// What its frames must be to be heard of.
    pub(super) fn matching(&self) -> Match {
        let matching = Match::new().in_port(self.port);
        matching.eth_src(self.mac.octets())
    }

    /// Tells the agent, as often as a question may be asked.
    pub(super) fn tell(&self, flow: Flow) -> Flow {
        let mut userdata = vec![USERDATA];
        userdata.extend(self.since.0.to_be_bytes());
        let controller = Controller {
            userdata,
            // That there was one is all that has to be known.
            max_len: 64,
            ..Controller::default()
        };
        let meter = answer::meter(self.port, Question::Dhcpv4);
        flow.action(Action::Meter(meter)).action(controller)
    }
}

/// Since which plan the sender of this packet-in waited, if it is one of a gate.
#[must_use]
pub fn heard(userdata: &[u8]) -> Option<Generation> {
    let (kind, since) = userdata.split_first()?;
    let since: [u8; 8] = since.try_into().ok()?;
    (*kind == USERDATA).then_some(Generation(u64::from_be_bytes(since)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_at_a_gate_says_since_when_its_sender_waits_and_nothing_else_does() {
        let gate = Gate {
            id: PortId::generate(),
            port: PortNo(7),
            mac: MacAddr::local(7),
            since: Generation(0x0102_0304_0506_0708),
        };
        let flow = gate.tell(Flow::new(0, 100, gate.matching()));
        let actions = flow.instructions.apply.iter();
        let said = { actions }.find_map(|action| match action {
            Action::Controller(controller) => Some(controller.userdata.clone()),
            _ => None,
        });
        assert_eq!(heard(&said.unwrap()), Some(gate.since));
        for question in Question::ALL {
            assert_eq!(heard(&[question.code()]), None);
        }
        assert_eq!(heard(&[]), None);
        assert_eq!(heard(&[USERDATA, 1, 2]), None);
    }
}
