//! Meters: made before the flows that use them, and kept.
//!
//! There are those of each number that a port ever had, alike for every port, so that none is ever
//! changed; and one for probes of the fabric. They
//! are not deleted with their port: that would delete flows, and an unused meter costs nothing.

use std::collections::BTreeSet;

use openflow::client::{Client, Error};
use openflow::message::{MeterBand, MeterCommand, MeterMod, MeterUnit, ToSwitch};
use openflow::{Action, Flow};

use crate::pipeline::answer::rate;
use crate::pipeline::probe;

/// How many meters are made in one go.
const BATCH: usize = 256;

/// The meters that are there for certain.
#[derive(Debug, Default)]
pub(super) struct Meters(BTreeSet<u32>);

impl Meters {
    /// Makes what these flows use and is not there yet.
    ///
    /// # Errors
    /// When the switch does not answer. Whether it refuses is seen when it refuses the flows.
    pub(super) async fn make<'a>(
        &mut self,
        client: &Client,
        flows: impl Iterator<Item = &'a Flow>,
    ) -> Result<(), Error> {
        let used: BTreeSet<u32> = flows.filter_map(used).collect();
        let missing: Vec<u32> = used.difference(&self.0).copied().collect();
        for batch in missing.chunks(BATCH) {
            // Of these two one is refused: a meter may have outlived an agent, or not be there.
            let commands = [MeterCommand::Modify, MeterCommand::Add];
            let changes = batch
                .iter()
                .flat_map(|id| commands.map(|command| meter(command, *id)));
            match client.send(changes.collect()).await {
                Ok(()) | Err(Error::Refused(_)) => self.0.extend(batch),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Somebody may have deleted some.
    pub(super) fn forget(&mut self) {
        self.0.clear();
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

fn meter(command: MeterCommand, id: u32) -> ToSwitch {
    let (rate, burst) = match id {
        probe::METER => (probe::PER_SECOND, probe::PER_SECOND),
        _ => rate(id),
    };
    ToSwitch::MeterMod(MeterMod {
        command,
        id,
        unit: MeterUnit::Packets,
        bands: vec![MeterBand { rate, burst }],
    })
}
