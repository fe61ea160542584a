//! The whole agent as a program, against a real ovsdb-server and ovs-vswitchd (dummy datapath) and
//! a scripted controller over real mutual TLS.

#![expect(clippy::unwrap_used, reason = "what fails to unwrap fails the test")]

mod controller;
mod healing;
mod host;
mod plan;
mod plugging;
mod refused;
mod restarts;
