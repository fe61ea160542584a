//! The datagram: who sent it, in which order, and its samples.
//!
//! ```text
//! +---------+--------------+---------------+-----------+----------+--------+---------+---------+
//! | version | address type | agent address | sub-agent | sequence | uptime | samples | sample…
//! |   = 5   | 0, 1 or 2    | 0, 4 or 16 B  |           |          |   ms   |  count  |
//! +---------+--------------+---------------+-----------+----------+--------+---------+---------+
//! ```

use std::net::IpAddr;

use nom::Parser;

use crate::wire::{Structures, decode, ipv4, ipv6, word};
use crate::{DecodeError, Sample};

/// Version 5 is the only one in use; version 4 has another layout.
const VERSION: u32 = 5;

const HEADER: &str = "datagram header";

/// One sFlow version 5 datagram, borrowed from its buffer.
#[derive(Clone, Debug)]
pub struct Datagram<'a> {
    /// Who sent it, by its own word.
    pub agent: Agent,
    /// Counts this sub-agent's datagrams, from 1; a gap is loss in the network. Wraps.
    pub sequence: u32,
    /// Time since the agent started, in milliseconds. Wraps after 49.7 days. Open vSwitch
    /// advances it in steps of a second, and starts it anew with every change of its options.
    pub uptime_milliseconds: u32,
    samples: Structures<'a>,
}

/// The sender of a datagram, as it names itself. Not proof of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Its address, unless it sent none.
    pub address: Option<IpAddr>,
    /// Tells apart the sampling processes of one agent: in Open vSwitch, its bridges.
    pub sub_agent: u32,
}

impl<'a> Datagram<'a> {
    /// Decodes the header of the datagram in `bytes`; the samples are decoded as they are iterated.
    ///
    /// Bytes after the last sample are ignored.
    ///
    /// # Errors
    ///
    /// When the version is not 5, the agent's address is of an unknown type, or the header is cut.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (rest, (version, address_type)) = decode(HEADER, bytes, (word, word))?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let (rest, address) = decode_address(address_type, rest)?;
        let (rest, (sub_agent, sequence, uptime_milliseconds, count)) =
            decode(HEADER, rest, (word, word, word, word))?;
        Ok(Self {
            agent: Agent { address, sub_agent },
            sequence,
            uptime_milliseconds,
            samples: Structures::new("sample", count, rest),
        })
    }

    /// The samples, in wire order.
    #[must_use]
    pub fn samples(&self) -> Samples<'a> {
        Samples(self.samples.clone())
    }
}

fn decode_address(address_type: u32, bytes: &[u8]) -> Result<(&[u8], Option<IpAddr>), DecodeError> {
    match address_type {
        0 => Ok((bytes, None)),
        1 => decode(HEADER, bytes, ipv4.map(|address| Some(address.into()))),
        2 => decode(HEADER, bytes, ipv6.map(|address| Some(address.into()))),
        unknown => Err(DecodeError::AddressType(unknown)),
    }
}

/// The samples of a datagram.
///
/// A sample whose content is broken gives an error and the next one follows; a broken length ends
/// the iteration with its error.
#[derive(Clone, Debug)]
pub struct Samples<'a>(Structures<'a>);

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let structure = self.0.next()?;
        Some(structure.and_then(|(format, body)| Sample::decode(format, body)))
    }
}
