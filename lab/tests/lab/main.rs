//! Labs on this machine: real namespaces, real switches, and stand-ins for Bulkhead's programs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod cables;
mod crash;
mod programs;
mod scratch;
mod switches;
