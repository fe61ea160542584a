//! The meters behind the limits of ports: which number each has, and what it lets pass.
//!
//! ```text
//!   1 ...             questions of the port with this number   see `answer`
//!   0x1_0000 ...      its queries of names                     see `answer`
//!   0x2_0000 + 5 n    limits of the port whose zone is n: what it sends to many, bits and packets
//!                     that it sends, bits and packets that it is sent
//! ```
//!
//! A flow can have but one meter. Where several bound the same frames there is a flow for each, which
//! writes down that the frame passed it, and has the table asked again.

use model::{Burst, Limits};
use openflow::message::MeterUnit;
use openflow::{Action, Flow, Match};

use crate::zones;

use super::counting::Counted;
use super::registers::Register;
use super::{LocalPort, NetworkView, Table};

/// Where the meters of limits begin.
const FIRST: u32 = 0x2_0000;

/// How many a port has room for.
const KINDS: u32 = 5;

/// Open vSwitch has meters up to this number, with the userspace datapath.
const LAST: u32 = 0x4_0000;

const _: () = assert!(FIRST + (*zones::OF_PORTS.end() as u32 + 1) * KINDS <= LAST);

/// The least that may come at once, in kilobits and in packets: the largest frame that segmentation
/// offload makes, and a page of small ones. A meter would never let a larger one pass.
const LEAST_BURST: (u32, u32) = (600, 20);

/// A meter as it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its number.
    pub id: u32,
    /// What it counts.
    pub unit: MeterUnit,
    /// How many of these it lets pass in a second.
    pub rate: u32,
    /// And at once.
    pub burst: u32,
}

/// What of a port a meter bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    /// Frames that it sends to more than one receiver.
    Floods,
    /// Bits that it sends.
    RateOut,
    /// Packets that it sends.
    PacketsOut,
    /// Bits that it is sent.
    RateIn,
    /// Packets that it is sent.
    PacketsIn,
}

impl Limited {
    const ALL: [Self; KINDS as usize] = [
        Self::Floods,
        Self::RateOut,
        Self::PacketsOut,
        Self::RateIn,
        Self::PacketsIn,
    ];

    fn meter(self, port: &LocalPort) -> u32 {
        FIRST + number(port) * KINDS + self as u32
    }

    /// What it lets pass in a second, if it is limited at all.
    fn rate(self, limits: &Limits) -> Option<(MeterUnit, u32)> {
        let bits = |rate: Option<model::BitRate>| Some((MeterUnit::Kilobits, rate?.kilobits()));
        let packets = |rate: Option<model::PacketRate>| Some((MeterUnit::Packets, rate?.packets()));
        match self {
            Self::Floods => packets(Some(limits.floods_out.unwrap_or(Limits::FLOODS))),
            Self::RateOut => bits(limits.rate_out),
            Self::PacketsOut => packets(limits.packets_out),
            Self::RateIn => bits(limits.rate_in),
            Self::PacketsIn => packets(limits.packets_in),
        }
    }
}

/// What tells a port from all others of this host, those of its own trunk included.
fn number(port: &LocalPort) -> u32 {
    port.policy.zone.into()
}

/// The meters of a network's ports here.
pub fn meters(network: &NetworkView) -> impl Iterator<Item = Meter> {
    network.locals.iter().flat_map(|port| {
        Limited::ALL.into_iter().filter_map(|limited| {
            let (unit, rate) = limited.rate(&port.limits)?;
            let burst = port.limits.burst_milliseconds.unwrap_or(Burst::DEFAULT);
            let least = match unit {
                MeterUnit::Kilobits => LEAST_BURST.0,
                MeterUnit::Packets => LEAST_BURST.1,
            };
            Some(Meter {
                id: limited.meter(port),
                unit,
                rate,
                burst: burst.of(rate).max(least),
            })
        })
    })
}

/// What passes one of these steps and then the next: which limit it is, of which frames, and where it
/// is written down that they passed, if a step may follow. `counted`: whose frames they are.
pub(super) fn chain(
    table: &Table,
    port: &LocalPort,
    steps: Vec<(Limited, Match, Option<&Register>)>,
    next: u8,
    counted: Counted,
) -> Vec<Flow> {
    let last = steps.len().saturating_sub(1);
    let priorities = (1..).map(|step| 1_000 - 100 * step);
    let flows = steps.into_iter().zip(priorities).enumerate();
    let flows = flows.map(|(index, ((limited, matching, passed), priority))| {
        let metered = |matching| {
            let flow = table.flow(priority, matching);
            counted.limited_by(flow.action(Action::Meter(limited.meter(port))))
        };
        match passed.filter(|_| index < last) {
            Some(passed) => {
                let flow = metered(passed.is(0, matching));
                flow.action(passed.set(1))
                    .action(Action::resubmit(table.id))
            }
            None => metered(matching).goto(next),
        }
    });
    flows.collect()
}
