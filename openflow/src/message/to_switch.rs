//! What a controller says to a switch.

use bytes::BufMut;

use super::{
    AsyncConfig, BundleControl, FlowFilter, FlowMod, GroupMod, Hello, MeterMod, NICIRA, PacketOut,
    SwitchConfig, kind, monitor, multipart,
};
use crate::wire::{EncodeError, Version, set_length};

/// Nicira's `NXT_CT_FLUSH_ZONE`.
const FLUSH_CONNECTIONS: u32 = 29;

/// Nicira's `NXT_SET_PACKET_IN_FORMAT`, and its format that carries user data.
const SET_PACKET_IN_FORMAT: u32 = 16;
const PACKET_IN2: u32 = 2;

/// A message from the controller to the switch.
#[derive(Debug, Clone, PartialEq)]
pub enum ToSwitch {
    /// The first message on a connection.
    Hello(Hello),
    /// "No version in common", with a text for the operator.
    HelloFailed(String),
    /// Are you there? The answer repeats the bytes.
    EchoRequest(Vec<u8>),
    /// I am: the request's bytes.
    EchoReply(Vec<u8>),
    /// Asks for [`super::Features`].
    FeaturesRequest,
    /// Asks for [`SwitchConfig`].
    GetConfigRequest,
    /// Changes it; there is no reply.
    SetConfig(SwitchConfig),
    /// What to send unasked; there is no reply.
    SetAsync(AsyncConfig),
    /// Makes Open vSwitch send packet-ins that carry the `userdata` of the `controller` action.
    SetPacketInFormat2,
    /// Sends a packet out; there is no reply.
    PacketOut(PacketOut),
    /// Changes flows; there is no reply.
    FlowMod(FlowMod),
    /// Changes a group; there is no reply.
    GroupMod(GroupMod),
    /// Changes a meter; there is no reply.
    MeterMod(MeterMod),
    /// Makes Open vSwitch forget the connections that it tracks in a zone; there is no reply.
    FlushConnections {
        /// The zone.
        zone: u16,
    },
    /// Asks for a reply once everything before is done.
    BarrierRequest,
    /// A step of a bundle.
    BundleControl(BundleControl),
    /// Adds a message to a bundle.
    BundleAdd {
        /// The bundle.
        id: u32,
        /// The bundle's flags.
        flags: u16,
        /// What is added: flow, group and packet-out messages can be.
        message: Box<ToSwitch>,
    },
    /// Asks for all [`super::PortDescription`]s.
    PortsRequest,
    /// Asks for [`super::InstalledFlow`]s.
    FlowsRequest(FlowFilter),
    /// Asks for their sums as one [`super::Aggregate`].
    AggregateRequest(FlowFilter),
    /// Asks to be told of changes to flows from now on, under a number of the caller's.
    WatchFlows {
        /// Unique on the connection.
        monitor: u32,
    },
    /// Anything else.
    Raw {
        /// The message's type.
        kind: u8,
        /// What follows the header.
        body: Vec<u8>,
    },
}

impl ToSwitch {
    /// Appends the whole message, header included.
    ///
    /// # Errors
    /// When it is longer than 65,535 bytes or the version cannot express it. `out` then ends
    /// in part of it.
    pub fn encode(&self, version: Version, xid: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_u8(version.wire());
        out.put_u8(self.kind());
        out.put_u16(0); // the length, set below
        out.put_u32(xid);
        self.encode_body(version, xid, out)?;
        set_length(out, start, 2, "message")
    }

    fn kind(&self) -> u8 {
        match self {
            ToSwitch::Hello(_) => kind::HELLO,
            ToSwitch::HelloFailed(_) => kind::ERROR,
            ToSwitch::EchoRequest(_) => kind::ECHO_REQUEST,
            ToSwitch::EchoReply(_) => kind::ECHO_REPLY,
            ToSwitch::FeaturesRequest => kind::FEATURES_REQUEST,
            ToSwitch::GetConfigRequest => kind::GET_CONFIG_REQUEST,
            ToSwitch::SetConfig(_) => kind::SET_CONFIG,
            ToSwitch::SetAsync(_) => kind::SET_ASYNC,
            ToSwitch::SetPacketInFormat2 | ToSwitch::FlushConnections { .. } => kind::EXPERIMENTER,
            ToSwitch::PacketOut(_) => kind::PACKET_OUT,
            ToSwitch::FlowMod(_) => kind::FLOW_MOD,
            ToSwitch::GroupMod(_) => kind::GROUP_MOD,
            ToSwitch::MeterMod(_) => kind::METER_MOD,
            ToSwitch::BarrierRequest => kind::BARRIER_REQUEST,
            ToSwitch::BundleControl(_) => kind::BUNDLE_CONTROL,
            ToSwitch::BundleAdd { .. } => kind::BUNDLE_ADD_MESSAGE,
            ToSwitch::PortsRequest
            | ToSwitch::FlowsRequest(_)
            | ToSwitch::AggregateRequest(_)
            | ToSwitch::WatchFlows { .. } => kind::MULTIPART_REQUEST,
            ToSwitch::Raw { kind, .. } => *kind,
        }
    }

    fn encode_body(
        &self,
        version: Version,
        xid: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        match self {
            ToSwitch::Hello(hello) => hello.encode(out),
            ToSwitch::HelloFailed(text) => {
                out.put_u32(0); // type and code: hello failed, incompatible
                out.put_slice(text.as_bytes());
            }
            ToSwitch::EchoRequest(data) | ToSwitch::EchoReply(data) => out.put_slice(data),
            ToSwitch::FeaturesRequest | ToSwitch::GetConfigRequest | ToSwitch::BarrierRequest => {}
            ToSwitch::SetConfig(config) => config.encode(out),
            ToSwitch::SetAsync(config) => config.encode(out),
            ToSwitch::SetPacketInFormat2 => {
                out.put_u32(NICIRA);
                out.put_u32(SET_PACKET_IN_FORMAT);
                out.put_u32(PACKET_IN2);
            }
            ToSwitch::FlushConnections { zone } => {
                out.put_u32(NICIRA);
                out.put_u32(FLUSH_CONNECTIONS);
                out.put_bytes(0, 6);
                out.put_u16(*zone);
            }
            ToSwitch::PacketOut(packet) => packet.encode(version, out)?,
            ToSwitch::FlowMod(change) => change.encode(version, out)?,
            ToSwitch::GroupMod(change) => change.encode(version, out)?,
            ToSwitch::MeterMod(change) => change.encode(out),
            ToSwitch::BundleControl(control) => control.encode(out),
            ToSwitch::BundleAdd { id, flags, message } => {
                out.put_u32(*id);
                out.put_u16(0);
                out.put_u16(*flags);
                // The specification wants the same transaction id inside and outside.
                message.encode(version, xid, out)?;
            }
            ToSwitch::PortsRequest => multipart::encode_ports_request(version, out),
            ToSwitch::FlowsRequest(filter) => {
                multipart::encode_header(multipart::FLOWS, out);
                filter.encode(version, out)?;
            }
            ToSwitch::AggregateRequest(filter) => {
                multipart::encode_header(multipart::AGGREGATE, out);
                filter.encode(version, out)?;
            }
            ToSwitch::WatchFlows { monitor } => {
                multipart::encode_header(multipart::FLOW_MONITOR, out);
                monitor::encode_request(*monitor, out);
            }
            ToSwitch::Raw { body, .. } => out.put_slice(body),
        }
        Ok(())
    }
}
