//! Changes to meters (OpenFlow 1.5.1 section 7.3.4.4).

use bytes::BufMut;

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
