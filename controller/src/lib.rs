//! The controller: intent in, one plan per host out.
//!
//! Along the way of a change:
//!
//! * [`service`]: a request is checked and given its allocations, purely;
//! * `writer`: it becomes durable together with all others that wait, and is answered;
//! * [`store`]: SQLite, the only place that knows of it;
//! * [`intent`]: everything that was asked for, in memory; a snapshot is a pointer copy;
//! * [`compile`]: from the intent to what each host must be, purely;
//! * [`fleet`]: plans out to the agents, reports back in;
//! * `fabric`: checks of what the switches between hosts carry;
//! * `journal`: what happened, in one order, for whoever watches;
//! * `trace`: what becomes of a packet, as the agents work it out;
//! * [`serve`]: all of it, as the program `bulkhead-controller`.
//!
//! [`authority`] makes the certificates and [`token`] the administrator's token.
//!
//! What does not live here: the REST contract and the agent session's messages (crate `api`), how
//! a host carries out its plan (`host-agent`), and the metering of traffic (`flow-collector`).

mod answers;
pub mod authority;
mod caps;
pub mod change;
pub mod compile;
mod fabric;
pub mod fleet;
pub mod intent;
mod journal;
mod leaving;
pub mod object;
mod quarantine;
mod secret_file;
pub mod serve;
pub mod service;
pub mod store;
pub mod token;
mod trace;
mod writer;
