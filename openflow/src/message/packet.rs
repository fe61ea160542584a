//! Packets to and from the controller (OpenFlow 1.5.1 sections 7.3.6 and 7.4.1, and Nicira's
//! `NXT_PACKET_IN2`, which carries the user data of the `controller` action).

use bytes::BufMut;

use super::property::{self, put_length};
use crate::action::{Action, Reason};
use crate::field::Field;
use crate::matching::Match;
use crate::port::PortNo;
use crate::wire::{DecodeError, EncodeError, Reader, Version};

/// "The packet is in this message", not in a buffer of the switch.
const NO_BUFFER: u32 = u32::MAX;

/// Properties of `NXT_PACKET_IN2`.
mod nicira {
    pub(super) const PACKET: u16 = 0;
    pub(super) const FULL_LENGTH: u16 = 1;
    pub(super) const TABLE: u16 = 3;
    pub(super) const COOKIE: u16 = 4;
    pub(super) const REASON: u16 = 5;
    pub(super) const METADATA: u16 = 6;
    pub(super) const USERDATA: u16 = 7;
}

/// A packet that a flow sent to us.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PacketIn {
    /// Why.
    pub reason: Reason,
    /// The table of the flow.
    pub table: u8,
    /// The cookie of the flow.
    pub cookie: u64,
    /// Ingress port, registers, metadata, tunnel and connection tracking as they were.
    pub metadata: Match,
    /// Bytes of the packet; `data` has fewer when the flow asked for fewer.
    pub total_bytes: u32,
    /// The packet, from its Ethernet header on.
    pub data: Vec<u8>,
    /// What the `controller` action was told to say.
    pub userdata: Vec<u8>,
}

impl PacketIn {
    /// The port it came in through.
    #[must_use]
    pub fn in_port(&self) -> Option<PortNo> {
        let port = self.metadata.exact_value(Field::InPort)?;
        u32::try_from(port).ok().map(PortNo)
    }

    pub(super) fn decode(body: &[u8]) -> Result<PacketIn, DecodeError> {
        let mut reader = Reader::new("packet in", body);
        reader.skip(4)?; // buffer id
        let total_bytes = u32::from(reader.u16()?);
        let (reason, table) = (Reason::from_wire(reader.u8()?), reader.u8()?);
        let cookie = reader.u64()?;
        let metadata = Match::decode(&mut reader)?;
        reader.skip(2)?; // so that the IP header is aligned
        Ok(PacketIn {
            reason,
            table,
            cookie,
            metadata,
            total_bytes,
            data: reader.rest().to_vec(),
            userdata: Vec::new(),
        })
    }

    /// Decodes what follows experimenter and subtype.
    pub(super) fn decode_nicira(mut reader: Reader<'_>) -> Result<PacketIn, DecodeError> {
        let mut packet = PacketIn::default();
        let mut total_bytes = None;
        while !reader.is_empty() {
            let (kind, mut content) = property::take(&mut reader)?;
            match kind {
                nicira::PACKET => packet.data = content.rest().to_vec(),
                nicira::FULL_LENGTH => total_bytes = Some(content.u32()?),
                nicira::TABLE => packet.table = content.u8()?,
                nicira::COOKIE => {
                    content.skip(4)?; // so that the cookie is aligned
                    packet.cookie = content.u64()?;
                }
                nicira::REASON => packet.reason = Reason::from_wire(content.u8()?),
                nicira::METADATA => packet.metadata = Match::decode_fields(content.rest())?,
                nicira::USERDATA => packet.userdata = content.rest().to_vec(),
                _ => {}
            }
        }
        let carried = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
        packet.total_bytes = total_bytes.unwrap_or(carried);
        Ok(packet)
    }
}

/// A packet that a switch shall send.
#[derive(Debug, Clone, PartialEq)]
pub struct PacketOut {
    /// What to take for its ingress port: a real one, or [`PortNo::CONTROLLER`]. A packet
    /// does not go out again where it came in, but by output to [`PortNo::IN_PORT`].
    pub in_port: PortNo,
    /// What to do with it.
    pub actions: Vec<Action>,
    /// The packet, from its Ethernet header on.
    pub data: Vec<u8>,
}

impl PacketOut {
    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_u32(NO_BUFFER);
        match version {
            Version::V1_4 => {
                out.put_u32(self.in_port.0);
                out.put_bytes(0, 8); // length of the actions, padding
            }
            Version::V1_5 => {
                out.put_bytes(0, 4); // likewise
                Match::new().in_port(self.in_port).encode(version, out)?;
            }
        }
        let actions = out.len();
        Action::encode_list(&self.actions, version, out)?;
        let length_at = match version {
            Version::V1_4 => start + 8,
            Version::V1_5 => start + 4,
        };
        put_length(out, length_at, actions, "the actions of a packet-out")?;
        out.put_slice(&self.data);
        Ok(())
    }
}
