//! What the whole-system tests, the demo and the bench share: a pool of real switches, and what can
//! be done to it and seen in it.
//!
//! * [`Pool`] is a lab with its controller and agents, spoken to through `netctl` only.
//! * [`Instance`] is a running instance: ping, TCP, raw frames from inside it.
//! * [`frame`] makes frames, also those that no honest instance sends; [`Sniffer`] catches them.
//! * [`LoneController`] is a controller without hosts, [`Rest`] its API with no client between.
//! * [`conversation`] is one connection that stays open.
//! * [`Pinging`] pings while something else happens, and says how much was lost.
//! * [`tenants`] is the scene of most tests: two tenants with the same addresses on the same hosts.
//! * [`libvirt`] is a hypervisor of a host's own, and guests that boot.
//! * [`containers`] are what runtimes ask for by CNI, [`lxc`] is a real LXC.
//! * [`xenstore`] is what Xen's toolstack tells its scripts by, without Xen.
//! * [`management`] is what no VIF may reach, and the attempts to reach it.
//! * [`attack`] is what hostile instances send.
//! * [`truth`] is what the switches themselves counted, by our flows and, for mirrored ports, by mirrors.
//! * [`checks`] are the promises about it, each a function that can fail.

pub mod attack;
pub mod checks;
pub mod clock;
pub mod containers;
mod controller;
pub mod conversation;
mod daemons;
pub mod frame;
mod instance;
pub mod libvirt;
pub mod listener;
pub mod lxc;
pub mod management;
mod mirrors;
pub mod namespace;
mod outside;
mod pinging;
mod plug;
pub mod podman;
mod pool;
pub mod reboot;
mod rest;
mod sniffer;
pub mod tenants;
mod topology;
pub mod truth;
pub mod watching;
pub mod xenstore;

pub use controller::LoneController;
pub use instance::{Counters, Instance};
pub use pinging::{Lost, Pinging, StopWhenDropped, ping_while};
pub use plug::Plug;
pub use pool::{Pool, PoolSpec, eventually, programs};
pub use rest::{Answer, COLLECTIONS, Rest};
pub use sniffer::Sniffer;
