//! Counts as OpenFlow 1.5 has them: OXS, a list of type, length and value (section 7.2.4).
//!
//! ```text
//!  0         2         4                  8
//! +---------+---------+------------------+-------+--- - -
//! | 0       | length  | class, field,    | value | the next
//! |         |         | length of value  |       |
//! +---------+---------+------------------+-------+--- - -
//! ```

use std::time::Duration;

use super::decode_duration;
use crate::wire::{DecodeError, Reader};

/// OpenFlow's own counts.
const BASIC_CLASS: u16 = 0x8002;
const DURATION: u8 = 0;
const FLOWS: u8 = 3;
const PACKETS: u8 = 4;
const BYTES: u8 = 5;

/// What is known of a flow's use; what the switch does not say is zero.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) duration: Duration,
    pub(crate) flows: u32,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Counts {
    /// Takes the list and its padding to eight bytes off the front of `reader`.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Counts, DecodeError> {
        reader.skip(2)?;
        let length = usize::from(reader.u16()?);
        let list_len = length.checked_sub(4).ok_or(reader.bad_length(length))?;
        let mut list = reader.part("counts", list_len)?;
        reader.skip(length.next_multiple_of(8) - length)?;
        let mut counts = Counts::default();
        while !list.is_empty() {
            counts.take(&mut list)?;
        }
        Ok(counts)
    }

    fn take(&mut self, list: &mut Reader<'_>) -> Result<(), DecodeError> {
        let class = list.u16()?;
        let field = list.u8()? >> 1; // the low bit is reserved
        let length = usize::from(list.u8()?);
        let mut value = list.part("count", length)?;
        match (class, field) {
            (BASIC_CLASS, DURATION) => self.duration = decode_duration(&mut value)?,
            (BASIC_CLASS, FLOWS) => self.flows = value.u32()?,
            (BASIC_CLASS, PACKETS) => self.packets = value.u64()?,
            (BASIC_CLASS, BYTES) => self.bytes = value.u64()?,
            _ => {}
        }
        Ok(())
    }
}
