//! Changes to meters (OpenFlow 1.5.1 section 7.3.4.4), what meters there are and what they dropped
//! (sections 7.3.5.13 and 7.3.5.14).

use bytes::BufMut;

use crate::wire::{DecodeError, Reader};

/// What to do to a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeterCommand {
    /// Add it; there must be none.
    Add = 0,
    /// Change it; it must be there.
    Modify = 1,
    /// Delete it.
    Delete = 2,
}

/// What a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeterUnit {
    /// Rates are in kbit/s, bursts in kbit.
    Kilobits = 1,
    /// Rates are in packets per second, bursts in packets.
    Packets = 2,
}

/// The rate above which a meter drops packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterBand {
    /// In the meter's unit per second.
    pub rate: u32,
    /// In the meter's unit; 0: what the switch thinks fit.
    pub burst: u32,
}

/// A change to a meter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MeterMod {
    /// What to do.
    pub command: MeterCommand,
    /// The meter's number, from 1.
    pub id: u32,
    /// What it counts.
    pub unit: MeterUnit,
    /// Its rates; none when deleting.
    pub bands: Vec<MeterBand>,
}

/// Flags: bursts are given, and statistics are wanted.
const BURST: u16 = 4;
const STATISTICS: u16 = 8;
/// The band that drops.
const DROP: u16 = 1;

impl MeterMod {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let has_burst = self.bands.iter().any(|band| band.burst > 0);
        let burst = if has_burst { BURST } else { 0 };
        out.put_u16(self.command as u16);
        out.put_u16(self.unit as u16 | burst | STATISTICS);
        out.put_u32(self.id);
        for band in &self.bands {
            out.put_u16(DROP);
            out.put_u16(16);
            out.put_u32(band.rate);
            out.put_u32(band.burst);
            out.put_bytes(0, 4);
        }
    }
}

/// A meter as the switch has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MeterConfig {
    /// Its number.
    pub id: u32,
    /// What it counts; `None` when it is neither of the two.
    pub unit: Option<MeterUnit>,
    /// Its rates that drop.
    pub bands: Vec<MeterBand>,
}

impl MeterConfig {
    /// Takes one meter off the front of what `reader` has left.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<MeterConfig, DecodeError> {
        let length = usize::from(reader.clone().u16()?);
        let mut entry = reader.part("meter", length)?;
        entry.skip(2)?;
        let flags = entry.u16()?;
        let id = entry.u32()?;
        let mut bands = Vec::new();
        while !entry.is_empty() {
            let mut head = entry.clone();
            let (kind, length) = (head.u16()?, usize::from(head.u16()?));
            let mut band = entry.part("meter band", length)?;
            band.skip(4)?;
            let rates = MeterBand {
                rate: band.u32()?,
                burst: band.u32()?,
            };
            bands.extend(Some(rates).filter(|_| kind == DROP));
        }
        let has = |unit: MeterUnit| flags & unit as u16 != 0;
        let unit = match (has(MeterUnit::Kilobits), has(MeterUnit::Packets)) {
            (true, false) => Some(MeterUnit::Kilobits),
            (false, true) => Some(MeterUnit::Packets),
            _ => None,
        };
        Ok(MeterConfig { id, unit, bands })
    }
}

/// What a meter dropped since it was made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterDrops {
    /// Its number.
    pub id: u32,
    /// Packets, by all bands.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl MeterDrops {
    /// Takes one meter's counts off the front of what `reader` has left.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<MeterDrops, DecodeError> {
        let mut head = reader.clone();
        head.skip(4)?;
        let length = usize::from(head.u16()?);
        let mut entry = reader.part("meter statistics", length)?;
        let mut drops = MeterDrops {
            id: entry.u32()?,
            packets: 0,
            bytes: 0,
        };
        entry.skip(36)?; // length, padding, flows, what came in, age
        while !entry.is_empty() {
            drops.packets = drops.packets.saturating_add(entry.u64()?);
            drops.bytes = drops.bytes.saturating_add(entry.u64()?);
        }
        Ok(drops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A meter of kilobits with two bands, of which the second does not drop.
    const METER: [u8; 40] = [
        0, 40, 0, 13, 0, 2, 0, 1, // length, flags, number
        0, 1, 0, 16, 0, 0, 0x13, 0x88, 0, 0, 1, 0xf4, 0, 0, 0, 0, //
        0, 2, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0,
    ];

    #[test]
    fn a_meter_and_what_it_dropped_are_read_whole_or_not_at_all() {
        let meter = MeterConfig::decode(&mut Reader::new("test", &METER)).unwrap();
        let band = MeterBand {
            rate: 5_000,
            burst: 500,
        };
        assert_eq!(
            (meter.id, meter.unit),
            (0x2_0001, Some(MeterUnit::Kilobits))
        );
        assert_eq!(meter.bands, [band]);
        let mut counts = vec![0; 72];
        (counts[3], counts[5]) = (7, 72);
        (counts[47], counts[55], counts[63], counts[71]) = (1, 100, 2, 200);
        let drops = MeterDrops::decode(&mut Reader::new("test", &counts)).unwrap();
        assert_eq!((drops.id, drops.packets, drops.bytes), (7, 3, 300));
        for end in 0..METER.len() {
            let cut = MeterConfig::decode(&mut Reader::new("test", &METER[..end]));
            assert!(cut.is_err(), "cut at {end}");
        }
        for end in 0..counts.len() {
            let cut = MeterDrops::decode(&mut Reader::new("test", &counts[..end]));
            assert!(cut.is_err(), "cut at {end}");
        }
        // Lengths that would never end, or end within something.
        for length in [0, 1, 8, 9, 23] {
            let mut wrong = METER;
            wrong[1] = length;
            let read = MeterConfig::decode(&mut Reader::new("test", &wrong));
            assert!(length == 8 || read.is_err(), "{length}");
            wrong = METER;
            wrong[11] = length;
            let read = MeterConfig::decode(&mut Reader::new("test", &wrong));
            assert!(read.is_err(), "{length}");
        }
    }
}
