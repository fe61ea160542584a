//! The eight bytes every message begins with, and cutting a stream into messages.
//!
//! ```text
//!  0         1         2         3         4                             7
//! +---------+---------+-------------------+-------------------------------+
//! | version |  type   |      length       |  xid: a reply repeats its     |
//! |         |         | (with the header) |  request's                    |
//! +---------+---------+-------------------+-------------------------------+
//! ```

use bytes::{Bytes, BytesMut};

use crate::wire::{DecodeError, Reader};

/// Bytes of a header, and so of the shortest message.
pub const HEADER_LEN: usize = 8;

/// What every message begins with (OpenFlow 1.5.1 section 7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The version on the wire: 5 for OpenFlow 1.4, 6 for 1.5.
    pub version: u8,
    /// The message's type.
    pub kind: u8,
    /// Bytes of the whole message, these eight included.
    pub length: u16,
    /// Pairs a reply with its request.
    pub xid: u32,
}

impl Header {
    /// Reads the header in front of a message.
    ///
    /// # Errors
    /// When there are fewer than eight bytes, or the header claims a length below eight.
    pub fn decode(bytes: &[u8]) -> Result<Header, DecodeError> {
        let mut reader = Reader::new("message", bytes);
        let header = Header {
            version: reader.u8()?,
            kind: reader.u8()?,
            length: reader.u16()?,
            xid: reader.u32()?,
        };
        if usize::from(header.length) < HEADER_LEN {
            return Err(reader.bad_length(header.length.into()));
        }
        Ok(header)
    }
}

/// Takes the next whole message off the front of what a stream has brought so far; `None`
/// means that more has to arrive. A message is at most 65,535 bytes, so the buffer is bounded.
///
/// # Errors
/// When the next header claims a length that no message can have; the stream is beyond repair.
pub fn take_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, DecodeError> {
    if buffer.len() < HEADER_LEN {
        return Ok(None);
    }
    let length = usize::from(Header::decode(buffer)?.length);
    if buffer.len() < length {
        buffer.reserve(length - buffer.len());
        return Ok(None);
    }
    Ok(Some(buffer.split_to(length).freeze()))
}
