//! A switch's ports (OpenFlow 1.5.1 section 7.2.1).

use super::property;
use crate::port::PortNo;
use crate::wire::{DecodeError, Reader};

/// Bytes of a port before its properties.
const PORT_LEN: usize = 40;

/// The property that carries speeds.
const ETHERNET_PROPERTY: u16 = 0;

/// One port of a switch, as it describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortDescription {
    /// The number that flows match on and output to.
    pub number: PortNo,
    /// The interface's name; Open vSwitch cuts it after 15 bytes.
    pub name: String,
    /// The interface's own MAC address.
    pub hardware_address: [u8; 6],
    /// `OFPPC_*` bits: 0x1 administratively down.
    pub config: u32,
    /// `OFPPS_*` bits: 0x1 no carrier, 0x4 live.
    pub state: u32,
    /// Current bit rate in kbit/s; 0 when unknown.
    pub current_speed_kbps: u32,
    /// Highest bit rate in kbit/s; 0 when unknown.
    pub max_speed_kbps: u32,
}

impl PortDescription {
    /// Takes one port off the front of what `reader` has left.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<PortDescription, DecodeError> {
        let mut whole = reader.clone();
        whole.skip(4)?;
        let length = usize::from(whole.u16()?);
        if length < PORT_LEN {
            return Err(reader.bad_length(length));
        }
        let mut entry = reader.part("port", length)?;
        let number = PortNo(entry.u32()?);
        entry.skip(4)?; // length and padding
        let hardware_address = entry.array()?;
        entry.skip(2)?;
        let mut port = PortDescription {
            number,
            name: until_nul(entry.bytes(16)?),
            hardware_address,
            config: entry.u32()?,
            state: entry.u32()?,
            current_speed_kbps: 0,
            max_speed_kbps: 0,
        };
        port.decode_properties(entry)?;
        Ok(port)
    }

    fn decode_properties(&mut self, mut properties: Reader<'_>) -> Result<(), DecodeError> {
        while !properties.is_empty() {
            let (kind, mut content) = property::take(&mut properties)?;
            if kind == ETHERNET_PROPERTY {
                content.skip(20)?; // padding and four bitmaps of features
                self.current_speed_kbps = content.u32()?;
                self.max_speed_kbps = content.u32()?;
            }
        }
        Ok(())
    }
}

fn until_nul(name: &[u8]) -> String {
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    String::from_utf8_lossy(&name[..end]).into_owned()
}

/// What happened to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChange {
    /// The port is new.
    Added,
    /// The port is gone.
    Deleted,
    /// Something about it is different.
    Modified,
    /// A reason this crate does not know.
    Other(u8),
}

/// A switch's word that one of its ports changed (section 7.4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortStatus {
    /// What happened.
    pub change: PortChange,
    /// The port as it is now, or last was.
    pub port: PortDescription,
}

impl PortStatus {
    pub(super) fn decode(body: &[u8]) -> Result<PortStatus, DecodeError> {
        let mut reader = Reader::new("port status", body);
        let change = match reader.u8()? {
            0 => PortChange::Added,
            1 => PortChange::Deleted,
            2 => PortChange::Modified,
            other => PortChange::Other(other),
        };
        reader.skip(7)?;
        let port = PortDescription::decode(&mut reader)?;
        Ok(PortStatus { change, port })
    }
}
