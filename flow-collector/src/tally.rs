//! From samples to amounts: pure, with no clock, socket or file.
//!
//! **Two meters.** The *counted* amounts are differences of successive interface counters, exact
//! whatever is lost on the way: the next reading catches up. The *estimate* multiplies each sampled
//! frame by its sampling rate, and only for what VIFs *send*: where a frame went, Open vSwitch's
//! samples do not say reliably, and overlay traffic is sampled on both hosts.
//!
//! **Where frames are counted:** at the VIF's port of the switch, as the switch sees them: from the
//! Ethernet header on, without FCS; a segment that was never cut into frames counts as one frame.
//! What a VIF sends is counted before any policy, so dropped frames are included; what it receives
//! is counted after.
//!
//! **Limits.** What flows between an interface's last reading and its end is not counted. Counters
//! that begin anew and overtake their former count between two readings count the difference only.
//! Both err in the tenant's favour.

pub mod evidence;
mod meter;
mod order;
mod reception;
pub mod split;

use model::{HostId, InventoryVif, NetworkId, PortId, TenantId, Timestamp, Traffic};
use rustc_hash::{FxHashMap, FxHashSet};
use sflow::{
    CounterRecord, CounterSample, Datagram, FlowRecord, FlowSample, Frame, Interface, Sample,
    SampledHeader,
};

use crate::attribute::Sender;
use evidence::{CounterRun, Evidence, OfPort, numbered};
pub use meter::{Beginning, Counter, Moved, Reading};
pub use order::{Admission, Clock, Order, Stamp, Window};
pub use reception::Heard;
use reception::Reception;
use split::{Kept, Split, Splits};

/// No frame is longer than this, in bytes: the largest segment a host hands over whole is 512 KiB.
const LONGEST_FRAME: u32 = 1 << 19;

/// What a port moved in one interval, by both meters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// By the interface counters.
    pub counted: Moved,
    /// By flow samples: what the VIF sent.
    pub sent_estimate: Traffic,
    /// How many samples that rests on.
    pub samples: u64,
}

/// One port's amounts on one host in one interval: absolute, so that writing it twice does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the interval starts, in seconds since 1970.
    pub interval_start: i64,
    /// Where.
    pub host: HostId,
    /// Who.
    pub port: PortId,
    /// The port's network.
    pub network: NetworkId,
    /// The port's tenant.
    pub tenant: TenantId,
    /// What it moved there and then.
    pub amounts: Amounts,
}

/// An interface of a host.
pub type InterfaceId = (HostId, u32);

/// What has to be kept together: either all of it is durable, or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The amounts that changed.
    pub entries: Vec<Entry>,
    /// The newest readings that these amounts include.
    pub readings: Vec<(InterfaceId, Reading)>,
    /// What was heard of hosts.
    pub heard: Vec<Heard>,
    /// What all of this rests on.
    pub evidence: Evidence,
    /// Splits of intervals that have ended, and of the open one if they were asked for.
    pub splits: Splits,
}

/// Where to go on from.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// When the ledger was begun, in milliseconds since 1970.
    pub begun: i64,
    /// When the open interval starts, in seconds since 1970.
    pub interval_start: i64,
    /// What is in it already.
    pub entries: Vec<Entry>,
    /// The newest readings of all interfaces.
    pub readings: Vec<(InterfaceId, Reading)>,
    /// What was heard of hosts in it already.
    pub heard: Vec<Heard>,
    /// The evidence of it.
    pub evidence: Evidence,
}

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It had been.
    Duplicate,
    /// It was too late to tell, or of an agent that has started anew since.
    Outdated,
    /// It was ahead of anything its agent can have sent.
    Stray,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Why it was not taken, if it was not.
    pub refused: Option<Refusal>,
    /// Datagrams before it that have not come.
    pub missing: u32,
    /// It was one of those.
    pub late: bool,
    /// Some of it could not be decoded.
    pub malformed: bool,
    /// Flow samples of VIFs.
    pub flow_samples: u32,
    /// Counter samples of VIFs.
    pub counter_samples: u32,
}

/// The open interval, and what is needed to add to it.
#[derive(Debug, Default)]
pub struct Tally {
    begun: i64,
    interval_start: i64,
    entries: FxHashMap<(HostId, PortId), Entry>,
    readings: FxHashMap<InterfaceId, Reading>,
    receptions: FxHashMap<HostId, Reception>,
    changed_entries: FxHashSet<(HostId, PortId)>,
    changed_readings: FxHashSet<InterfaceId>,
    /// Of intervals that have ended since the last batch.
    ended: Vec<Entry>,
    ended_heard: Vec<Heard>,
    /// What the counted amounts of the open interval rest on.
    runs: FxHashMap<OfPort, Vec<CounterRun>>,
    ended_evidence: Evidence,
    splits: FxHashMap<OfPort, Split>,
    /// Whose splits changed since they were asked for.
    changed_splits: FxHashSet<OfPort>,
    ended_splits: Splits,
}

impl Tally {
    /// Goes on where a ledger ends.
    #[must_use]
    pub fn resume(from: Resume) -> Self {
        let entries = from.entries.into_iter();
        let mut receptions: FxHashMap<_, _> = from.heard.into_iter().map(reception_of).collect();
        for it in from.evidence.datagrams {
            if let Some(reception) = receptions.get_mut(&it.of) {
                reception.runs.push(it.run);
            }
        }
        let mut runs: FxHashMap<OfPort, Vec<CounterRun>> = FxHashMap::default();
        for it in from.evidence.counters {
            runs.entry(it.of).or_default().push(it.run);
        }
        Self {
            begun: from.begun,
            interval_start: from.interval_start,
            entries: entries
                .map(|entry| ((entry.host, entry.port), entry))
                .collect(),
            readings: from.readings.into_iter().collect(),
            receptions,
            runs,
            ..Self::default()
        }
    }

    /// From now on it is this interval, unless a later one has begun already.
    pub fn begin(&mut self, interval_start: i64) {
        if interval_start <= self.interval_start {
            return;
        }
        self.cut_splits();
        self.splits.clear();
        for (of, runs) in self.runs.drain() {
            if self.changed_entries.contains(&of) {
                let ended = numbered(self.interval_start, of, &runs);
                self.ended_evidence.counters.extend(ended);
            }
        }
        for (key, mut entry) in self.entries.drain() {
            let is_right = self.receptions.get_mut(&key.0).is_none_or(|reception| {
                let heard = &reception.heard;
                let estimate = &mut entry.amounts.sent_estimate;
                estimate.bytes = heard.put_right(estimate.bytes);
                estimate.packets = heard.put_right(estimate.packets);
                heard.samples_missing == 0
            });
            if self.changed_entries.remove(&key) || !is_right {
                self.ended.push(entry);
            }
        }
        self.changed_entries.clear();
        let before = std::mem::replace(&mut self.interval_start, interval_start);
        for (host, reception) in &mut self.receptions {
            let ended = numbered(before, *host, &reception.runs);
            self.ended_evidence.datagrams.extend(ended);
            reception.runs.clear();
            let next = Heard::new(interval_start, *host);
            let ended = std::mem::replace(&mut reception.heard, next);
            self.ended_heard.extend(something(&ended));
        }
    }

    /// Adds what a datagram of this sender says; it came at `arrived`, in milliseconds since 1970.
    pub fn take(&mut self, sender: &Sender, datagram: &Datagram<'_>, arrived: i64) -> Taken {
        let mut taken = Taken::default();
        let stamp = Stamp {
            arrived,
            uptime: datagram.uptime_milliseconds,
            sequence: datagram.sequence,
        };
        let sub_agent = datagram.agent.sub_agent;
        let reception = self.reception(sender.host);
        taken.refused = match reception.admit(sub_agent, stamp) {
            Admission::New { missing } => {
                taken.missing = missing;
                None
            }
            Admission::Restarted => None,
            Admission::Late => {
                taken.late = true;
                None
            }
            Admission::Duplicate => Some(Refusal::Duplicate),
            Admission::Outdated => Some(Refusal::Outdated),
            Admission::Stray => Some(Refusal::Stray),
        };
        if taken.refused.is_some() {
            return taken;
        }
        for sample in datagram.samples() {
            if let Ok(Sample::Flow(flow)) = sample {
                reception.note(sub_agent, &flow);
            }
        }
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(flow)) => self.take_flow(sender, &flow, &mut taken),
                Ok(Sample::Counters(it)) => self.take_counters(sender, &it, stamp, &mut taken),
                Ok(Sample::Unknown { .. }) => {}
                Err(_) => taken.malformed = true,
            }
        }
        taken
    }

    /// Notes datagrams of a host that its agent says it could not hand on.
    pub fn note_dropped(&mut self, host: HostId, datagrams: u64) {
        let heard = &mut self.reception(host).heard;
        heard.dropped_by_agent = heard.dropped_by_agent.saturating_add(datagrams);
    }

    /// What changed since the last batch.
    pub fn batch(&mut self) -> Batch {
        let mut entries = std::mem::take(&mut self.ended);
        let mut evidence = std::mem::take(&mut self.ended_evidence);
        let start = self.interval_start;
        for key in self.changed_entries.drain() {
            entries.extend(self.entries.get(&key));
            let runs = self.runs.get(&key).map_or(&[][..], Vec::as_slice);
            evidence.counters.extend(numbered(start, key, runs));
        }
        for (host, reception) in &self.receptions {
            let runs = numbered(start, *host, &reception.runs);
            evidence.datagrams.extend(runs);
        }
        let readings = self.changed_readings.drain();
        let readings = readings.filter_map(|id| Some((id, *self.readings.get(&id)?)));
        let mut heard = std::mem::take(&mut self.ended_heard);
        heard.extend(
            self.receptions
                .values()
                .filter_map(|it| something(&it.heard)),
        );
        Batch {
            entries,
            readings: readings.collect(),
            heard,
            evidence,
            splits: std::mem::take(&mut self.ended_splits),
        }
    }

    /// The next batch shall have the splits of the open interval, too, as far as they changed.
    pub fn cut_splits(&mut self) {
        for key in self.changed_splits.drain() {
            let (Some(entry), Some(split)) = (self.entries.get(&key), self.splits.get(&key)) else {
                continue;
            };
            self.ended_splits.push(Kept {
                interval_start: self.interval_start,
                host: entry.host,
                port: entry.port,
                network: entry.network,
                tenant: entry.tenant,
                split: split.cut(),
            });
        }
    }

    fn take_flow(&mut self, sender: &Sender, flow: &FlowSample<'_>, taken: &mut Taken) {
        let Interface::Index(if_index) = flow.input else {
            return;
        };
        let Some(vif) = sender.vif(if_index) else {
            return;
        };
        let Some((header, length)) = sampled_frame(flow) else {
            taken.malformed = true;
            return;
        };
        let rate = u64::from(flow.sampling_rate);
        let amounts = &mut self.entry(sender.host, vif).amounts;
        add(
            &mut amounts.sent_estimate,
            Traffic {
                bytes: rate.saturating_mul(length.into()),
                packets: rate,
            },
        );
        amounts.samples = amounts.samples.saturating_add(1);
        taken.flow_samples += 1;
        let frame = Frame::read(header.header);
        if let Some((frame, peers)) = frame.zip(sender.peers(vif.network_id)) {
            let key = (sender.host, vif.port_id);
            let split = self.splits.entry(key).or_default();
            split.add(flow, &frame, length, peers);
            self.changed_splits.insert(key);
        }
    }

    fn take_counters(
        &mut self,
        sender: &Sender,
        sample: &CounterSample<'_>,
        stamp: Stamp,
        taken: &mut Taken,
    ) {
        let Some((vif, counters)) = interface_counters(sender, sample) else {
            taken.malformed |= sample.records().any(|record| record.is_err());
            return;
        };
        let Some(reading) = Reading::new(stamp, vif.port_id, &counters) else {
            return;
        };
        let id = (sender.host, vif.ifindex);
        let beginning = self.beginning(vif.since);
        let last = self.readings.get(&id).copied();
        let moved = match &last {
            Some(last) => reading.since(last),
            None => Some(reading.first(beginning)),
        };
        let Some(moved) = moved else {
            return;
        };
        let from = reading.counted_from(last.as_ref(), beginning);
        let runs = self.runs.entry((sender.host, vif.port_id)).or_default();
        evidence::add_reading(runs, vif.ifindex, from, reading);
        self.readings.insert(id, reading);
        self.changed_readings.insert(id);
        let counted = &mut self.entry(sender.host, vif).amounts.counted;
        add(&mut counted.sent, moved.sent);
        add(&mut counted.received, moved.received);
        taken.counter_samples += 1;
    }

    fn reception(&mut self, host: HostId) -> &mut Reception {
        let start = self.interval_start;
        let reception = self.receptions.entry(host);
        reception.or_insert_with(|| Reception::new(Heard::new(start, host)))
    }

    fn beginning(&self, since: Timestamp) -> Beginning {
        if since.unix_milliseconds() >= self.begun {
            Beginning::Watched
        } else {
            Beginning::Unwatched
        }
    }

    /// The open interval's entry of a VIF, about to change.
    fn entry(&mut self, host: HostId, vif: &InventoryVif) -> &mut Entry {
        let key = (host, vif.port_id);
        self.changed_entries.insert(key);
        self.entries.entry(key).or_insert_with(|| Entry {
            interval_start: self.interval_start,
            host,
            port: vif.port_id,
            network: vif.network_id,
            tenant: vif.tenant_id,
            amounts: Amounts::default(),
        })
    }
}

fn reception_of(heard: Heard) -> (HostId, Reception) {
    (heard.host, Reception::new(heard))
}

/// It, unless nothing was heard.
fn something(heard: &Heard) -> Option<Heard> {
    let counts = [heard.datagrams, heard.refused, heard.dropped_by_agent];
    counts.iter().any(|it| *it > 0).then_some(*heard)
}

/// The sampled frame's first bytes, and its length as the switch saw it, in bytes.
fn sampled_frame<'s>(flow: &FlowSample<'s>) -> Option<(SampledHeader<'s>, u32)> {
    let header = flow.records().find_map(|record| match record {
        Ok(FlowRecord::Header(header)) => Some(header),
        _ => None,
    })?;
    let length = header.frame_length.checked_sub(header.stripped)?;
    (length <= LONGEST_FRAME).then_some((header, length))
}

/// The interface's counters and the VIF they belong to, if there is one.
fn interface_counters<'s>(
    sender: &'s Sender,
    sample: &CounterSample<'_>,
) -> Option<(&'s InventoryVif, sflow::InterfaceCounters)> {
    let mut counters = None;
    let mut name = None;
    for record in sample.records().map_while(Result::ok) {
        match record {
            CounterRecord::Interface(found) => counters = Some(found),
            CounterRecord::PortName(found) => name = Some(found),
            _ => {}
        }
    }
    let counters = counters?;
    let vif = sender.vif(counters.if_index)?;
    // An ifIndex may have gone to another interface that the inventory does not know of yet.
    let same = name.is_none_or(|name| name == vif.interface.as_bytes());
    same.then_some((vif, counters))
}

fn add(sum: &mut Traffic, more: Traffic) {
    sum.bytes = sum.bytes.saturating_add(more.bytes);
    sum.packets = sum.packets.saturating_add(more.packets);
}
