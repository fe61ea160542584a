//! OpenFlow 1.4 and 1.5 with the Open vSwitch extensions.
//!
//! What a flow is, in the order to read it:
//!
//! - [`field`]: everything a flow can match on or write, one table row each;
//! - [`matching`]: which packets a flow is for, in one canonical form;
//! - [`action`]: what is done with them, the same for every version;
//! - [`flow`]: match, instructions and the rest;
//! - [`text`]: all of it as `ovs-ofctl` prints and parses it.
//!
//! And what is done with flows:
//!
//! - [`message`]: what controller and switch say to each other;
//! - [`client`]: a connection to a switch: flows in one bundle, statistics, events;
//! - [`table`]: an evaluator: packet in, packets out, no switch.
//!
//! Decoding takes bytes from a stranger: it never panics, never allocates more than a
//! small multiple of what it was given, and keeps what it does not know as raw bytes.
//!
//! What is not here: which flows make a network (that is the agent's pipeline), and the
//! configuration of a switch, which is OVSDB's.

pub mod action;
pub mod client;
pub mod field;
pub mod flow;
pub mod matching;
pub mod message;
pub mod port;
pub mod protocol;
pub mod table;
pub mod text;
pub mod wire;

pub use action::Action;
pub use field::Field;
pub use flow::{Flow, FlowFlags, Instructions};
pub use matching::{FieldMatch, Match};
pub use port::PortNo;
pub use wire::{DecodeError, EncodeError, Version};
