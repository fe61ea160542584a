//! Probes of the fabric that come through a tunnel: they go to the agent, and nowhere else.
//!
//! Those in a VLAN never reach this bridge's ports: the agent takes them off the physical network's
//! bridge while a check is under way, and at any other time no table here lets such a frame pass.

use openflow::action::Controller;
use openflow::protocol::ETH_EXPERIMENTAL;
use openflow::{Action, Field, Flow, Match};

use crate::probe::EVERYBODY;

/// The VNI that probes bear. A network may have it as well: none of its frames is a probe.
pub const VNI: u32 = model::Vni::MAX.get();

/// The meter that bounds what reaches the agent. No port has this number.
pub const METER: u32 = 0xfff0;

/// How many probes reach the agent in a second, and at once.
pub const PER_SECOND: u32 = 10_000;

/// What the packet-in of a probe says; no question of a VIF has this code.
const USERDATA: u8 = 0xb5;

/// Which frames are probes, wherever they come from.
#[must_use]
pub fn is_probe() -> Match {
    let matching = Match::new().eth_type(ETH_EXPERIMENTAL);
    matching.exact(Field::EthDst, EVERYBODY)
}

/// A flow that hands what it matches to the agent.
#[must_use]
pub fn to_agent(flow: Flow) -> Flow {
    let controller = Controller {
        userdata: vec![USERDATA],
        ..Controller::default()
    };
    flow.action(Action::Meter(METER)).action(controller)
}

/// Whether a packet-in was made by [`to_agent`].
#[must_use]
pub fn is_from_fabric(userdata: &[u8]) -> bool {
    userdata == [USERDATA]
}
