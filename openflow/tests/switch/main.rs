//! The client and the evaluator against a real Open vSwitch.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails to unwrap fails the test"
)]

mod client;
/// Flows are drawn as the tests against `ovs-ofctl` draw them.
#[path = "../ofctl"]
mod drawn {
    pub(crate) mod flows;
}
mod evaluator;
mod ovs;
mod packets;
mod random;
mod tables;
mod translation;
