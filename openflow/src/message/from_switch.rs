//! What a switch says to a controller.

use super::{
    BundleControl, Features, FlowRemoved, Header, Hello, MultipartReply, NICIRA, OpenFlowError,
    PacketIn, PortStatus, SwitchConfig, header::HEADER_LEN, kind,
};
use crate::wire::{DecodeError, Reader, Version};

/// Nicira's `NXT_PACKET_IN2`.
const PACKET_IN2: u32 = 30;

/// A message from the switch to the controller.
#[derive(Debug, Clone, PartialEq)]
pub enum FromSwitch {
    /// The first message on a connection.
    Hello(Hello),
    /// A message of ours was refused: the one with the same transaction id.
    Error(OpenFlowError),
    /// Are you there? The answer repeats the bytes.
    EchoRequest(Vec<u8>),
    /// I am.
    EchoReply(Vec<u8>),
    /// What the switch is.
    Features(Features),
    /// How it is configured.
    SwitchConfig(SwitchConfig),
    /// A packet for the controller.
    PacketIn(PacketIn),
    /// A flow is no more.
    FlowRemoved(FlowRemoved),
    /// A port changed.
    PortStatus(PortStatus),
    /// Everything before the barrier is done.
    BarrierReply,
    /// A step of a bundle is done.
    BundleControl(BundleControl),
    /// One part of an answer that may have several.
    Multipart(MultipartReply),
    /// A message of another type.
    Unknown {
        /// Its type.
        kind: u8,
        /// What follows the header.
        body: Vec<u8>,
    },
}

impl FromSwitch {
    /// Decodes one whole message, header included, and its transaction id.
    ///
    /// # Errors
    /// When the bytes are not exactly one message, or it is in a version we do not speak
    /// (hello and errors are understood in any), or its content is malformed.
    pub fn decode(message: &[u8]) -> Result<(u32, FromSwitch), DecodeError> {
        let header = Header::decode(message)?;
        if usize::from(header.length) != message.len() {
            return Err(DecodeError::BadLength {
                what: "message",
                length: header.length.into(),
            });
        }
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        let decoded = match header.kind {
            kind::HELLO => FromSwitch::Hello(Hello::decode(header.version, body)?),
            kind::ERROR => FromSwitch::Error(OpenFlowError::decode(body)?),
            _ => FromSwitch::decode_versioned(header, body)?,
        };
        Ok((header.xid, decoded))
    }

    fn decode_versioned(header: Header, body: &[u8]) -> Result<FromSwitch, DecodeError> {
        let version = Version::from_wire(header.version).ok_or(DecodeError::BadValue {
            what: "message version",
            value: header.version.into(),
        })?;
        Ok(match header.kind {
            kind::ECHO_REQUEST => FromSwitch::EchoRequest(body.to_vec()),
            kind::ECHO_REPLY => FromSwitch::EchoReply(body.to_vec()),
            kind::FEATURES_REPLY => FromSwitch::Features(Features::decode(body)?),
            kind::GET_CONFIG_REPLY => FromSwitch::SwitchConfig(SwitchConfig::decode(body)?),
            kind::PACKET_IN => FromSwitch::PacketIn(PacketIn::decode(body)?),
            kind::FLOW_REMOVED => FromSwitch::FlowRemoved(FlowRemoved::decode(version, body)?),
            kind::PORT_STATUS => FromSwitch::PortStatus(PortStatus::decode(body)?),
            kind::BARRIER_REPLY => FromSwitch::BarrierReply,
            kind::BUNDLE_CONTROL => FromSwitch::BundleControl(BundleControl::decode(body)?),
            kind::MULTIPART_REPLY => FromSwitch::Multipart(MultipartReply::decode(version, body)?),
            kind::EXPERIMENTER => FromSwitch::decode_experimenter(body)?,
            kind => unknown(kind, body),
        })
    }

    fn decode_experimenter(body: &[u8]) -> Result<FromSwitch, DecodeError> {
        let mut reader = Reader::new("experimenter message", body);
        let (experimenter, subtype) = (reader.u32()?, reader.u32()?);
        Ok(match (experimenter, subtype) {
            (NICIRA, PACKET_IN2) => FromSwitch::PacketIn(PacketIn::decode_nicira(reader)?),
            _ => unknown(kind::EXPERIMENTER, body),
        })
    }
}

fn unknown(kind: u8, body: &[u8]) -> FromSwitch {
    FromSwitch::Unknown {
        kind,
        body: body.to_vec(),
    }
}
