//! The pieces all structures are made of: XDR words (RFC 4506) and length-delimited structures.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use nom::bytes::complete::take;
use nom::error::{ErrorKind, ParseError};
use nom::multi::length_data;
use nom::{IResult, Parser};

use crate::DecodeError;

/// The bytes ended too early. What ended is known to [`decode`]'s caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short;

impl ParseError<&[u8]> for Short {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Self
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, Short>;

/// Runs `parser` on `bytes`, which hold a `what`; gives what is left of them, too.
pub(crate) fn decode<'a, T>(
    what: &'static str,
    bytes: &'a [u8],
    mut parser: impl Parser<&'a [u8], Output = T, Error = Short>,
) -> Result<(&'a [u8], T), DecodeError> {
    parser
        .parse(bytes)
        .map_err(|_| DecodeError::Truncated(what))
}

/// An unsigned integer. By hand, because with nom's own `be_u32` datagrams take 1.4 times as long.
pub(crate) fn word(bytes: &[u8]) -> Parsed<'_, u32> {
    let (value, rest) = bytes.split_first_chunk().ok_or(nom::Err::Error(Short))?;
    Ok((rest, u32::from_be_bytes(*value)))
}

/// A run of unsigned integers: all of them or none, so that their length is checked once.
pub(crate) fn words<const N: usize>(bytes: &[u8]) -> Parsed<'_, [u32; N]> {
    let (rest, run) = take(4 * N).parse(bytes)?;
    let (chunks, _) = run.as_chunks::<4>();
    let mut values = [0; N];
    for (value, chunk) in values.iter_mut().zip(chunks) {
        *value = u32::from_be_bytes(*chunk);
    }
    Ok((rest, values))
}

/// Opaque data of variable length, after its length. The padding that follows stays.
pub(crate) fn opaque(bytes: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(word).parse(bytes)
}

/// An IPv4 address.
pub(crate) fn ipv4(bytes: &[u8]) -> Parsed<'_, Ipv4Addr> {
    word.map(Ipv4Addr::from).parse(bytes)
}

/// An IPv6 address.
pub(crate) fn ipv6(bytes: &[u8]) -> Parsed<'_, Ipv6Addr> {
    nom::number::complete::be_u128
        .map(Ipv6Addr::from)
        .parse(bytes)
}

/// What a structure is: who defined it, and the number they gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataFormat {
    /// The definer's SMI private enterprise number, 20 bits; 0 is sFlow.org's own.
    pub enterprise: u32,
    /// The number of the format, 12 bits.
    pub format: u32,
}

impl DataFormat {
    const fn from_word(word: u32) -> Self {
        Self {
            enterprise: word >> 12,
            format: word & 0xfff,
        }
    }
}

impl fmt::Display for DataFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.enterprise, self.format)
    }
}

/// A counted list of structures, each a format, a length and that many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Structures<'a> {
    what: &'static str,
    rest: &'a [u8],
    remaining: u32,
}

impl<'a> Structures<'a> {
    /// The list of `count` structures that starts `bytes`; each of them is a `what`.
    pub(crate) const fn new(what: &'static str, count: u32, bytes: &'a [u8]) -> Self {
        Self {
            what,
            rest: bytes,
            remaining: count,
        }
    }
}

impl<'a> Iterator for Structures<'a> {
    type Item = Result<(DataFormat, &'a [u8]), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        match decode(self.what, self.rest, (word, opaque)) {
            Ok((rest, (format, body))) => {
                self.rest = rest;
                Some(Ok((DataFormat::from_word(format), body)))
            }
            Err(error) => {
                // Nothing after a broken length can be trusted.
                self.remaining = 0;
                Some(Err(error))
            }
        }
    }
}
