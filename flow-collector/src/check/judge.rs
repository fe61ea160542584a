//! Whether the meters of one host agree in one interval: values in, findings out.
//!
//! The estimate is of what VIFs send, before any guard drops it; so are the interfaces' counters. The
//! pipeline counts what the guards let through, but at the right moment, where counters are read late.
//! The truth lies between the two, and the estimate must, too, but for chance.
//!
//! **Chance.** Of n samples, the error is four times √(8/n) at most: four standard deviations, and eight
//! samples count as one, for the frames of a super-frame may be sampled together. With fewer samples
//! than make that a half, nothing is said.

use std::collections::BTreeMap;

use model::{FindingCause, HostId, PortId};

use crate::tally::Heard;

/// Standard deviations that are called chance.
const DEVIATIONS: f64 = 4.0;
/// So many samples count as one.
const CLUSTER: f64 = 8.0;
/// With a larger error than that, the estimate says nothing.
const VAGUE: f64 = 0.5;
/// One datagram in so many may be lost without a word.
const LOST_QUIETLY: u64 = 100;
/// So much a silent host may have moved without a word, in bytes.
const SILENT_BYTES: u64 = 1_000_000;
/// By so much counters may be behind, in bytes, and for a hundredth of what there was.
const BEHIND_BYTES: u64 = 100_000;
/// An estimate below so much of the truth is no longer explained by samples that were dropped here
/// and there.
const HALF_GONE: f64 = 0.6;

/// Bytes and frames of each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) sent: [u64; 2],
    pub(super) received: [u64; 2],
}

/// The meters of a port on a host in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PortMeters {
    /// By the pipeline.
    pub(super) counted: Both,
    /// By the interface's counters, if they were read.
    pub(super) interface: Option<Both>,
    /// By the interface's counters in the interval after.
    pub(super) interface_next: Both,
    /// What it sent by the samples, put right for those that were lost.
    pub(super) estimate: [u64; 2],
    /// How many samples that rests on.
    pub(super) samples: u64,
    /// Whether it is there in the interval after.
    pub(super) stays: bool,
}

/// The meters of a host.
#[derive(Clone, Debug)]
pub(super) struct HostMeters {
    pub(super) host: HostId,
    /// Of its sFlow; none if nothing came.
    pub(super) heard: Option<Heard>,
    pub(super) ports: BTreeMap<PortId, PortMeters>,
}

impl HostMeters {
    pub(super) const fn new(host: HostId) -> Self {
        Self {
            host,
            heard: None,
            ports: BTreeMap::new(),
        }
    }
}

/// What does not fit: of which port, or of the host; why; and in words.
pub(super) type Found = (Option<PortId>, FindingCause, String);

/// What does not fit on a host.
pub(super) fn judge(host: &HostMeters) -> Vec<Found> {
    let Some(heard) = host.heard.filter(|heard| heard.datagrams > 0) else {
        return silence(host).into_iter().collect();
    };
    let of_host = [loss(&heard), clocks(&heard), drops(&heard)];
    let of_host = of_host.into_iter().flatten();
    let of_host = of_host.map(|(cause, message)| (None, cause, message));
    let of_ports = host.ports.iter().flat_map(|(port, meters)| {
        let found = [estimate(meters, &heard), counters(meters)];
        let found = found.into_iter().flatten();
        found.map(|(cause, message)| (Some(*port), cause, message))
    });
    of_host.chain(of_ports).collect()
}

type Fault = (FindingCause, String);

fn silence(host: &HostMeters) -> Option<Found> {
    let moved = host.ports.values().fold(0u64, |sum, port| {
        let [sent, received] = [port.counted.sent[0], port.counted.received[0]];
        sum.saturating_add(sent).saturating_add(received)
    });
    let message = format!("no sFlow came from the host, while its ports moved {moved} bytes");
    (moved >= SILENT_BYTES).then_some((None, FindingCause::SilentAgent, message))
}

fn loss(heard: &Heard) -> Option<Fault> {
    let all = heard.datagrams.saturating_add(heard.missing);
    let by_agent = match heard.dropped_by_agent {
        0 => String::new(),
        dropped => format!(" ({dropped} of them the host's agent could not hand on)"),
    };
    let message = format!(
        "{} of {all} sFlow datagrams were lost on the way{by_agent}, and with the rest of the losses \
         {} flow samples; the estimate makes up for them",
        heard.missing, heard.samples_missing
    );
    let is_much = heard.missing.saturating_mul(LOST_QUIETLY) >= all && heard.missing > 0;
    is_much.then_some((FindingCause::LostDatagrams, message))
}

fn clocks(heard: &Heard) -> Option<Fault> {
    let message = format!(
        "a clock was set {} times, the host's or the collector's: intervals may be of other lengths \
         than they say",
        heard.clock_steps
    );
    (heard.clock_steps > 0).then_some((FindingCause::ClockStep, message))
}

fn drops(heard: &Heard) -> Option<Fault> {
    let message = format!(
        "the switch dropped {} of its flow samples: the estimate lacks them",
        heard.sample_drops
    );
    (heard.sample_drops > 0).then_some((FindingCause::SampleDrops, message))
}

/// How far an estimate of so many samples may be off by chance, as a part of it.
fn chance(samples: f64) -> f64 {
    DEVIATIONS * (CLUSTER / samples.max(1.0)).sqrt()
}

fn estimate(meters: &PortMeters, heard: &Heard) -> Option<Fault> {
    let interface = meters.interface?;
    let [counted, by_interface] = [meters.counted.sent, interface.sent];
    let least = counted.map(|it| it as f64);
    let [least_bytes, least_frames] = [
        least[0].min(by_interface[0] as f64),
        least[1].min(by_interface[1] as f64),
    ];
    let most_bytes = counted[0].max(by_interface[0]) as f64;
    let estimate = meters.estimate[0] as f64;
    let rate = f64::from(heard.rates[1].max(1));
    let says = |compared: &str, bytes: f64| {
        format!(
            "the estimate of {estimate} sent bytes from {} samples is {compared} the {bytes} that were \
             counted can explain",
            meters.samples
        )
    };
    // How many samples there should be, and how many there are.
    let too_little = chance(least_frames / rate);
    if too_little < VAGUE && estimate < least_bytes * (1.0 - too_little) {
        let cause = match estimate < least_bytes * HALF_GONE && heard.sample_drops == 0 {
            true => FindingCause::WrongRate,
            false => FindingCause::SampleDrops,
        };
        return Some((cause, says("less than", least_bytes)));
    }
    let too_much = chance(meters.samples as f64);
    let is_too_much = too_much < VAGUE && estimate > most_bytes * (1.0 + too_much);
    is_too_much.then(|| (FindingCause::WrongRate, says("more than", most_bytes)))
}

/// A port that stays has had its counters read since.
fn counters(meters: &PortMeters) -> Option<Fault> {
    let shown = meters.interface.filter(|_| meters.stays)?;
    let next = meters.interface_next;
    for (way, counted, shown) in [
        (
            "sent",
            meters.counted.sent[0],
            [shown.sent[0], next.sent[0]],
        ),
        (
            "received",
            meters.counted.received[0],
            [shown.received[0], next.received[0]],
        ),
    ] {
        let shown = shown[0].saturating_add(shown[1]);
        let allowed = BEHIND_BYTES.saturating_add(counted / 100);
        if counted > shown.saturating_add(allowed) {
            let message = format!(
                "the interface's counters show {shown} {way} bytes in this interval and the next, the \
                 pipeline counted {counted} in this one"
            );
            return Some((FindingCause::CountersBehind, message));
        }
    }
    None
}
