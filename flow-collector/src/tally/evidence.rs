//! What the amounts of an interval rest on, kept for whoever disputes them: which readings of counters,
//! and which datagrams.
//!
//! A run is what only grew: counters of an interface until they begin anew, sequence numbers of a
//! sub-agent until it starts anew. Runs of an interval are few, and bounded: beyond that the last one
//! goes on, although it is several.

use model::{HostId, PortId};

use super::meter::Reading;
use super::order::Stamp;

/// So many runs of a port's counters are kept of an interval.
const MOST_COUNTER_RUNS: usize = 8;
/// So many runs of a host's datagrams.
const MOST_DATAGRAM_RUNS: usize = 16;

/// Counters of a port from one reading to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterRun {
    /// Its interface in the host's kernel.
    pub if_index: u32,
    /// The reading that is counted from.
    pub from: Reading,
    /// The last one.
    pub to: Reading,
    /// How many there were in the interval.
    pub readings: u32,
}

/// Datagrams of one sub-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramRun {
    /// Which.
    pub sub_agent: u32,
    /// The first one.
    pub first: Stamp,
    /// The last one.
    pub last: Stamp,
    /// How many were taken.
    pub taken: u32,
}

/// One of the runs of an interval: absolute, so that writing it twice does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered<Of, Run> {
    /// When the interval starts, in seconds since 1970.
    pub interval_start: i64,
    /// Of whom.
    pub of: Of,
    /// Which of its runs of the interval, from 0 on.
    pub number: u32,
    /// It.
    pub run: Run,
}

/// Whose counters.
pub type OfPort = (HostId, PortId);

/// The evidence of amounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Of the counted amounts.
    pub counters: Vec<Numbered<OfPort, CounterRun>>,
    /// Of what was heard.
    pub datagrams: Vec<Numbered<HostId, DatagramRun>>,
}

/// Adds a reading to a port's runs; `from` is what it was counted from.
pub(super) fn add_reading(runs: &mut Vec<CounterRun>, if_index: u32, from: Reading, to: Reading) {
    let full = runs.len() >= MOST_COUNTER_RUNS;
    match runs.last_mut() {
        Some(run) if full || run.if_index == if_index && run.to == from => {
            run.to = to;
            run.readings = run.readings.saturating_add(1);
        }
        _ => {
            // Most ports have one in an interval, and there are many ports.
            runs.reserve_exact(1);
            runs.push(CounterRun {
                if_index,
                from,
                to,
                readings: 1,
            });
        }
    }
}

/// Where a datagram belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its sub-agent went on.
    InTheRun,
    /// Its sub-agent started anew.
    InANewRun,
}

/// Adds a datagram that was taken to a host's runs.
pub(super) fn add_datagram(
    runs: &mut Vec<DatagramRun>,
    sub_agent: u32,
    stamp: Stamp,
    place: Place,
) {
    let full = runs.len() >= MOST_DATAGRAM_RUNS;
    let mut of_it = runs.iter_mut().filter(|run| run.sub_agent == sub_agent);
    let run = of_it.next_back();
    match run {
        Some(run) if full || place == Place::InTheRun => {
            run.taken = run.taken.saturating_add(1);
            // Sequence numbers wrap: the nearer way round is meant.
            let ahead = stamp.sequence.wrapping_sub(run.last.sequence);
            let before = run.first.sequence.wrapping_sub(stamp.sequence);
            if ahead <= u32::MAX / 2 || full && place == Place::InANewRun {
                run.last = stamp;
            } else if before <= u32::MAX / 2 {
                run.first = stamp;
            }
        }
        _ if full => {}
        _ => {
            runs.reserve_exact(1);
            runs.push(DatagramRun {
                sub_agent,
                first: stamp,
                last: stamp,
                taken: 1,
            });
        }
    }
}

/// Runs with their numbers.
pub(super) fn numbered<Of: Copy, Run: Copy>(
    interval_start: i64,
    of: Of,
    runs: &[Run],
) -> impl Iterator<Item = Numbered<Of, Run>> {
    let runs = (0u32..).zip(runs);
    runs.map(move |(number, run)| Numbered {
        interval_start,
        of,
        number,
        run: *run,
    })
}
