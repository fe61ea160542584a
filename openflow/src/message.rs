//! OpenFlow messages: [`ToSwitch`] is what a controller says and can be encoded,
//! [`FromSwitch`] what a switch says and can be decoded. Which is which is a matter of type,
//! so a message cannot be sent the wrong way.
//!
//! Every decoder takes exactly one message or one message's body, borrows nothing from
//! elsewhere, and fails on bytes it cannot understand; messages of an unknown type are kept
//! raw. For the connection that carries them see [`crate::client`].

mod bundle;
mod error;
mod flow_mod;
mod flow_removed;
mod from_switch;
mod group;
mod header;
mod hello;
mod meter;
mod monitor;
pub(crate) mod multipart;
mod packet;
mod port;
mod property;
mod stats;
mod switch;
mod to_switch;

pub use bundle::{ATOMIC, BundleControl, BundleStep, ORDERED};
pub use error::OpenFlowError;
pub use flow_mod::{FlowCommand, FlowMod};
pub use flow_removed::{FlowRemoved, RemovedReason};
pub use from_switch::FromSwitch;
pub use group::{Bucket, GroupCommand, GroupMod, GroupType};
pub use header::{HEADER_LEN, Header, take_frame};
pub use hello::Hello;
pub use meter::{MeterBand, MeterCommand, MeterConfig, MeterDrops, MeterMod, MeterUnit};
pub use monitor::FlowUpdate;
pub use multipart::MultipartReply;
pub use packet::{PacketIn, PacketOut};
pub use port::{PortChange, PortDescription, PortStatus};
pub use stats::{Aggregate, FlowFilter, InstalledFlow};
pub use switch::{AsyncConfig, Features, SwitchConfig};
pub use to_switch::ToSwitch;

pub(crate) use error::HELLO_FAILED;

/// The experimenter number of Nicira, whose extensions Open vSwitch speaks.
pub(crate) const NICIRA: u32 = 0x2320;

/// The types of messages (`OFPT_*`, the same in OpenFlow 1.4 and 1.5).
pub(crate) mod kind {
    pub(crate) const HELLO: u8 = 0;
    pub(crate) const ERROR: u8 = 1;
    pub(crate) const ECHO_REQUEST: u8 = 2;
    pub(crate) const ECHO_REPLY: u8 = 3;
    pub(crate) const EXPERIMENTER: u8 = 4;
    pub(crate) const FEATURES_REQUEST: u8 = 5;
    pub(crate) const FEATURES_REPLY: u8 = 6;
    pub(crate) const GET_CONFIG_REQUEST: u8 = 7;
    pub(crate) const GET_CONFIG_REPLY: u8 = 8;
    pub(crate) const SET_CONFIG: u8 = 9;
    pub(crate) const PACKET_IN: u8 = 10;
    pub(crate) const FLOW_REMOVED: u8 = 11;
    pub(crate) const PORT_STATUS: u8 = 12;
    pub(crate) const PACKET_OUT: u8 = 13;
    pub(crate) const FLOW_MOD: u8 = 14;
    pub(crate) const GROUP_MOD: u8 = 15;
    pub(crate) const MULTIPART_REQUEST: u8 = 18;
    pub(crate) const MULTIPART_REPLY: u8 = 19;
    pub(crate) const BARRIER_REQUEST: u8 = 20;
    pub(crate) const BARRIER_REPLY: u8 = 21;
    pub(crate) const SET_ASYNC: u8 = 28;
    pub(crate) const METER_MOD: u8 = 29;
    pub(crate) const BUNDLE_CONTROL: u8 = 33;
    pub(crate) const BUNDLE_ADD_MESSAGE: u8 = 34;
}

#[cfg(test)]
mod tests;
