//! What every decoder and encoder of this crate stands on: the protocol versions,
//! the two errors, and a reader that cannot run past its end.

use thiserror::Error;

/// How deep actions may nest (`ct(exec(...))`, `clone(...)`) before decoding refuses.
pub const MAX_NESTING: usize = 8;

/// The protocol versions this crate speaks; the value is the version byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// OpenFlow 1.4 (ONF TS-012).
    V1_4 = 5,
    /// OpenFlow 1.5 (ONF TS-020).
    V1_5 = 6,
}

impl Version {
    /// The version byte of an OpenFlow header.
    pub const fn wire(self) -> u8 {
        self as u8
    }

    /// The version with this byte in the header, if we speak it.
    pub const fn from_wire(byte: u8) -> Option<Version> {
        match byte {
            5 => Some(Version::V1_4),
            6 => Some(Version::V1_5),
            _ => None,
        }
    }
}

/// Why bytes are not what they claim to be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end before the structure does.
    #[error("{what} is cut short")]
    Truncated {
        /// The structure that was being read.
        what: &'static str,
    },
    /// A length field contradicts the structure it belongs to.
    #[error("{what} claims an impossible length of {length} bytes")]
    BadLength {
        /// The structure that was being read.
        what: &'static str,
        /// The length it claims.
        length: usize,
    },
    /// A field holds a value the specification does not allow there.
    #[error("{what} cannot be {value:#x}")]
    BadValue {
        /// The field that was being read.
        what: &'static str,
        /// What it holds.
        value: u64,
    },
    /// Structures are nested deeper than [`MAX_NESTING`].
    #[error("{what} is nested more than {MAX_NESTING} levels deep")]
    TooDeep {
        /// The structure that was being read.
        what: &'static str,
    },
}

/// Why something cannot be put into bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The structure is longer than its length field can say.
    #[error("{what} is {length} bytes long, more than its length field can hold")]
    TooLong {
        /// The structure that was being written.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// This version of the protocol has no way to say it.
    #[error("OpenFlow 1.{} cannot express {what}", version.wire() - 1)]
    Inexpressible {
        /// What was to be said.
        what: &'static str,
        /// The version it was to be said in.
        version: Version,
    },
}

/// A cursor over borrowed bytes. Every read names the structure it is part of, through
/// `what`, and fails with [`DecodeError::Truncated`] instead of running past the end.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, what }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(self.truncated())?;
        self.rest = rest;
        Ok(taken)
    }

    /// A reader of the next `length` bytes, which are a structure of their own.
    pub(crate) fn part(
        &mut self,
        what: &'static str,
        length: usize,
    ) -> Result<Reader<'a>, DecodeError> {
        self.bytes(length).map(|bytes| Reader::new(what, bytes))
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), DecodeError> {
        self.bytes(length).map(|_| ())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.truncated())?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A big-endian number of at most 16 bytes.
    pub(crate) fn number(&mut self, length: usize) -> Result<u128, DecodeError> {
        let bytes = self.bytes(length)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u128::from(byte)))
    }

    pub(crate) fn truncated(&self) -> DecodeError {
        DecodeError::Truncated { what: self.what }
    }

    pub(crate) fn bad_length(&self, length: usize) -> DecodeError {
        DecodeError::BadLength {
            what: self.what,
            length,
        }
    }
}

/// Appends the low `length` bytes of `value`, big-endian.
pub(crate) fn put_number(out: &mut Vec<u8>, value: u128, length: usize) {
    let bytes = value.to_be_bytes();
    out.extend_from_slice(&bytes[bytes.len() - length..]);
}

/// Appends zeros until what was written since `start` is a multiple of eight bytes.
pub(crate) fn pad8(out: &mut Vec<u8>, start: usize) {
    let length = (out.len() - start).next_multiple_of(8);
    out.resize(start + length, 0);
}

/// Fills in the 16-bit length of the structure that began at `start`; the length field
/// itself is `offset` bytes into it.
pub(crate) fn set_length(
    out: &mut [u8],
    start: usize,
    offset: usize,
    what: &'static str,
) -> Result<(), EncodeError> {
    let length = out.len() - start;
    let field = u16::try_from(length).map_err(|_| EncodeError::TooLong { what, length })?;
    out[start + offset..start + offset + 2].copy_from_slice(&field.to_be_bytes());
    Ok(())
}
