//! Meters: made before the flows that use them, changed where they are, and kept.
//!
//! Those of questions and of probes are there for each number that a port ever had; those of questions
//! change as VIFs get many or few, and those of limits are as the limits say. A meter is changed in place: whatever flows use it go on, and no
//! other is touched. None is deleted with its port: that would delete flows, and an unused meter
//! costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use openflow::client::{Client, Error};
use openflow::message::{MeterBand, MeterCommand, MeterConfig, MeterMod, MeterUnit, ToSwitch};
use openflow::{Action, Flow};

use crate::pipeline::answer::{is_question, rate};
use crate::pipeline::limits::Meter;
use crate::pipeline::{claim, probe};

/// How many meters are made in one go.
const BATCH: usize = 256;

/// The meters that there are for certain, and those that are to be.
#[derive(Debug, Default)]
pub(super) struct Meters {
    there: BTreeMap<u32, Meter>,
    /// Of limits: what the plan says.
    wanted: BTreeMap<u32, Meter>,
    /// Among how many VIFs the answers are shared.
    vifs: usize,
}

impl Meters {
    /// What the switch has.
    pub(super) fn found(&mut self, found: Vec<MeterConfig>) {
        let meters = found.into_iter().filter_map(|it| {
            let [band] = it.bands[..] else { return None };
            let meter = Meter {
                id: it.id,
                unit: it.unit?,
                rate: band.rate,
                burst: band.burst,
            };
            Some((it.id, meter))
        });
        self.there = meters.collect();
    }

    /// These limits hold from now on.
    pub(super) fn want(&mut self, meters: Vec<Meter>) {
        self.wanted.extend(meters.into_iter().map(|it| (it.id, it)));
    }

    /// Among so many VIFs the answers are shared from now on.
    pub(super) const fn share(&mut self, vifs: usize) {
        self.vifs = vifs;
    }

    /// Makes what these flows use be as it is wanted, and with it all shares of the answers.
    ///
    /// # Errors
    /// When the switch does not answer. Whether it refuses is seen when it refuses the flows.
    pub(super) async fn make<'a>(
        &mut self,
        client: &Client,
        flows: impl Iterator<Item = &'a Flow>,
    ) -> Result<(), Error> {
        let questions = self.there.keys().copied().filter(|id| is_question(*id));
        let used: BTreeSet<u32> = flows.filter_map(used).chain(questions).collect();
        let used = used.into_iter().map(|id| self.meter(id));
        let wrong: Vec<Meter> = used
            .filter(|it| self.there.get(&it.id) != Some(it))
            .collect();
        for batch in wrong.chunks(BATCH) {
            let changes = batch.iter().map(|it| {
                let command = match self.there.contains_key(&it.id) {
                    true => MeterCommand::Modify,
                    false => MeterCommand::Add,
                };
                modification(command, it)
            });
            match client.send(changes.collect()).await {
                Ok(()) | Err(Error::Refused(_)) => {
                    self.there.extend(batch.iter().map(|it| (it.id, *it)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The meter of this number as it is to be.
    fn meter(&self, id: u32) -> Meter {
        if let Some(limit) = self.wanted.get(&id) {
            return *limit;
        }
        let (rate, burst) = match id {
            probe::METER => (probe::PER_SECOND, probe::PER_SECOND),
            claim::METER => (claim::PER_SECOND, claim::PER_SECOND),
            _ => rate(id, self.vifs),
        };
        Meter {
            id,
            unit: MeterUnit::Packets,
            rate,
            burst,
        }
    }
}

fn used(flow: &Flow) -> Option<u32> {
    flow.instructions
        .apply
        .iter()
        .find_map(|action| match action {
            Action::Meter(id) => Some(*id),
            _ => None,
        })
}

fn modification(command: MeterCommand, meter: &Meter) -> ToSwitch {
    ToSwitch::MeterMod(MeterMod {
        command,
        id: meter.id,
        unit: meter.unit,
        bands: vec![MeterBand {
            rate: meter.rate,
            burst: meter.burst,
        }],
    })
}
