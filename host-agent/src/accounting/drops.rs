//! What limits dropped: a counting flow counts it all the same, because the switch counts a packet when it
//! finds out what to do with it. Nobody is billed for it.
//!
//! A meter's counts begin anew with every change of its limit. What was dropped in between the last
//! reading and such a change, three seconds at most, stays counted.

use std::collections::BTreeMap;

use model::{PortId, Traffic};
use openflow::client::{Client, Error};
use openflow::message::FlowFilter;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::journal::Row;
use super::series::Grown;
use crate::pipeline::cookie::{MARK, MARK_MASK};
use crate::pipeline::counting::{Counted, Direction, LIMITING};

/// What a meter dropped, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) meter: u32,
    pub(super) counted: Counted,
    pub(super) counts: Traffic,
}

/// A meter as it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DropState {
    meter: u32,
    port: PortId,
    counts: Traffic,
}

impl Row for DropState {
    type Key = u32;

    fn key(&self) -> u32 {
        self.meter
    }
}

/// What was dropped and not taken off yet.
#[derive(Debug, Default)]
pub(super) struct Drops {
    last: BTreeMap<u32, DropState>,
    /// Counts of flows come later than those of meters.
    owed: FxHashMap<(PortId, Direction), Traffic>,
}

/// What all limits dropped.
pub(super) async fn read(client: &Client) -> Result<Vec<Dropped>, Error> {
    let mut limiting = BTreeMap::new();
    for table in LIMITING {
        let filter = FlowFilter {
            table: Some(table),
            ..FlowFilter::cookie(MARK, MARK_MASK)
        };
        let flows = client.flows(filter).await?;
        limiting.extend(flows.iter().filter_map(|it| Counted::limited(&it.flow)));
    }
    let drops = client.meter_drops().await?.into_iter();
    let drops = drops.filter_map(|it| {
        Some(Dropped {
            meter: it.id,
            counted: *limiting.get(&it.id)?,
            counts: Traffic {
                bytes: it.bytes,
                packets: it.packets,
            },
        })
    });
    Ok(drops.collect())
}

impl Drops {
    pub(super) fn resume(last: Vec<DropState>) -> Self {
        let last = last.into_iter().map(|it| (it.meter, it));
        Self {
            last: last.collect(),
            owed: FxHashMap::default(),
        }
    }

    pub(super) fn state(&self) -> Vec<DropState> {
        self.last.values().copied().collect()
    }

    /// All that was dropped so far is past.
    pub(super) fn begin(&mut self, found: Vec<Dropped>) {
        self.read(found);
        self.owed.clear();
    }

    /// All meters began anew.
    pub(super) fn forget(&mut self) {
        self.last.clear();
    }

    /// A further reading.
    pub(super) fn read(&mut self, found: Vec<Dropped>) {
        let before = std::mem::take(&mut self.last);
        for Dropped {
            meter,
            counted,
            counts,
        } in found
        {
            let port = counted.port;
            let from = before.get(&meter).filter(|last| {
                last.port == port
                    && last.counts.packets <= counts.packets
                    && last.counts.bytes <= counts.bytes
            });
            let from = from.map_or_else(Traffic::default, |last| last.counts);
            let owed = self.owed.entry((port, counted.direction)).or_default();
            owed.bytes += counts.bytes - from.bytes;
            owed.packets += counts.packets - from.packets;
            let state = DropState {
                meter,
                port,
                counts,
            };
            self.last.insert(meter, state);
        }
        self.owed.retain(|_, owed| *owed != Traffic::default());
    }

    /// Takes off what was dropped, as far as it is counted by now.
    pub(super) fn take_off(&mut self, grown: &mut [Grown]) {
        for Grown { counted, by } in grown {
            let Some(owed) = self.owed.get_mut(&(counted.port, counted.direction)) else {
                continue;
            };
            let off = Traffic {
                bytes: owed.bytes.min(by.bytes),
                packets: owed.packets.min(by.packets),
            };
            for traffic in [owed, by] {
                traffic.bytes -= off.bytes;
                traffic.packets -= off.packets;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::TrafficClass;

    use super::*;

    fn traffic(packets: u64) -> Traffic {
        Traffic {
            bytes: packets * 100,
            packets,
        }
    }

    fn counted(port: u128, direction: Direction) -> Counted {
        Counted {
            port: uuid::Uuid::from_u128(port).into(),
            direction,
            class: TrafficClass::TenantInternal,
        }
    }

    fn dropped(meter: u32, port: u128, packets: u64) -> Dropped {
        Dropped {
            meter,
            counted: counted(port, Direction::Sent),
            counts: traffic(packets),
        }
    }

    /// What is left of so many packets that a port was counted to send.
    fn left(drops: &mut Drops, port: u128, packets: u64) -> u64 {
        let by = traffic(packets);
        let counted = counted(port, Direction::Sent);
        let mut grown = [Grown { counted, by }];
        drops.take_off(&mut grown);
        let left = grown[0].by;
        assert_eq!(left, traffic(left.packets));
        left.packets
    }

    #[test]
    fn what_was_dropped_is_taken_off_once_and_no_more_than_was_counted() {
        let mut drops = Drops::default();
        drops.read(vec![dropped(1, 7, 30), dropped(2, 7, 10), dropped(3, 8, 5)]);
        // Flows are counted later than meters.
        assert_eq!(left(&mut drops, 7, 25), 0);
        assert_eq!(left(&mut drops, 7, 100), 85);
        assert_eq!(left(&mut drops, 7, 100), 100);
        assert_eq!(left(&mut drops, 8, 100), 95);
        assert_eq!(left(&mut drops, 9, 100), 100);
        drops.read(vec![dropped(1, 7, 31), dropped(2, 7, 10)]);
        assert_eq!(left(&mut drops, 7, 100), 99);
        let counted = counted(7, Direction::Received);
        let by = traffic(10);
        let mut received = [Grown { counted, by }];
        drops.read(vec![dropped(1, 7, 40)]);
        drops.take_off(&mut received);
        assert_eq!(received[0].by, by);
    }

    #[test]
    fn a_meter_that_begins_anew_or_is_anothers_by_now_takes_off_what_it_shows() {
        let mut drops = Drops::default();
        drops.begin(vec![dropped(1, 7, 30)]);
        assert_eq!(left(&mut drops, 7, 100), 100);
        drops.read(vec![dropped(1, 7, 10)]);
        assert_eq!(left(&mut drops, 7, 100), 90);
        drops.read(vec![dropped(1, 8, 50)]);
        assert_eq!(left(&mut drops, 8, 100), 50);
        let mut resumed = Drops::resume(drops.state());
        resumed.read(vec![dropped(1, 8, 51)]);
        assert_eq!(left(&mut resumed, 8, 100), 99);
        resumed.forget();
        resumed.read(vec![dropped(1, 8, 60)]);
        assert_eq!(left(&mut resumed, 8, 100), 40);
    }
}
