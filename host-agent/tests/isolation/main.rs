//! What the compiled tables do with frames, worked out by the evaluator: random networks that share
//! MAC and IP addresses, any frame, any port. A frame reaches just whom it may reach.

#![expect(clippy::unwrap_used, reason = "what fails to unwrap fails the test")]

mod allowed;
mod anything;
mod fabric;
mod forwarding;
mod frame;
mod gateway_hosts;
mod hidden;
mod limits;
mod order;
mod overlays;
mod pairs;
mod policy;
mod probes;
mod routing;
mod shared;
mod standby;
mod translation;
mod trunks;
mod ways;
mod world;
