//! The client and the evaluator against a real Open vSwitch.

#![expect(clippy::unwrap_used, reason = "what fails to unwrap fails the test")]

mod client;
mod evaluator;
mod ovs;
mod packets;
mod tables;
