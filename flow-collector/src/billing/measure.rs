//! Slots of five minutes: amounts, percentiles, means and peaks. Pure.

use std::collections::BTreeMap;

use model::billing::{ClassRates, Measure, RatePoint};
use model::{BothWays, ClassUsage, Timestamp, Traffic, TrafficClass};

/// The length of a slot, in seconds.
const SLOT: i64 = 300;

/// A tenant's traffic over a span, by class and slot.
#[derive(Debug)]
pub(crate) struct Slots {
    from: i64,
    count: usize,
    classes: BTreeMap<TrafficClass, Vec<BothWays>>,
    told: Vec<bool>,
}

/// What is read off the slots.
pub(crate) struct Measured {
    pub(crate) classes: Vec<ClassUsage>,
    pub(crate) rates: Vec<ClassRates>,
}

/// The longest span there are slots for: a hundred years, in slots.
const MOST: i64 = 100 * 366 * 288;

impl Slots {
    /// Slots over a span, in seconds since 1970; the last one may be cut short.
    pub(crate) fn new(from: i64, to: i64) -> Self {
        let count = (to - from).clamp(0, MOST * SLOT);
        let count = usize::try_from((count + SLOT - 1) / SLOT).unwrap_or(0);
        Self {
            from,
            count,
            classes: BTreeMap::new(),
            told: vec![false; count],
        }
    }

    /// Adds what was moved in an interval, given as its start and length.
    pub(crate) fn add(
        &mut self,
        (start, seconds): (i64, u32),
        class: TrafficClass,
        moved: BothWays,
    ) {
        let first = (start - self.from).div_euclid(SLOT);
        let touched = (i64::from(seconds) / SLOT).max(1);
        let slots = self.classes.entry(class);
        let slots = slots.or_insert_with(|| vec![BothWays::default(); self.count]);
        for n in 0..touched {
            let slot = usize::try_from(first + n).unwrap_or(usize::MAX);
            let Some(sum) = slots.get_mut(slot) else {
                continue;
            };
            let share = |whole: u64| part(whole, n, touched);
            add(&mut sum.sent, moved.sent, share);
            add(&mut sum.received, moved.received, share);
            self.told[slot] = true;
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count as u64
    }

    /// How many of them nothing was told of.
    pub(crate) fn silent(&self) -> u64 {
        self.told.iter().filter(|told| !**told).count() as u64
    }

    /// Amounts and rates of every class.
    pub(crate) fn measure(&self) -> Measured {
        let classes = self.classes.iter().map(|(class, slots)| {
            let mut sum = BothWays::default();
            for slot in slots {
                add(&mut sum.sent, slot.sent, |it| it);
                add(&mut sum.received, slot.received, |it| it);
            }
            ClassUsage {
                class: *class,
                sent: sum.sent,
                received: sum.received,
            }
        });
        let rates = self.classes.keys().map(|class| self.rates(*class));
        Measured {
            classes: classes.collect(),
            rates: rates.collect(),
        }
    }

    fn rates(&self, class: TrafficClass) -> ClassRates {
        let one = [class];
        let sums = self.rates_of(&one, |it| it.sent.bytes.saturating_add(it.received.bytes));
        let count = u128::try_from(sums.len().max(1)).unwrap_or(1);
        let mean = sums.iter().map(|rate| u128::from(*rate)).sum::<u128>() / count;
        ClassRates {
            class,
            p95_in: self.percentile(&one, Measure::In),
            p95_out: self.percentile(&one, Measure::Out),
            p95_sum: self.percentile(&one, Measure::Sum),
            mean: u64::try_from(mean).unwrap_or(u64::MAX),
            peak: sums.iter().copied().max().unwrap_or(0),
        }
    }

    /// The 95th percentile of these classes' traffic, summed first, in bits a second.
    pub(crate) fn percentile(&self, classes: &[TrafficClass], measure: Measure) -> u64 {
        let of = |amount: fn(&BothWays) -> u64| nearest_rank(self.rates_of(classes, amount));
        let received = || of(|it| it.received.bytes);
        let sent = || of(|it| it.sent.bytes);
        match measure {
            Measure::In => received(),
            Measure::Out => sent(),
            Measure::Max => received().max(sent()),
            Measure::Sum => of(|it| it.sent.bytes.saturating_add(it.received.bytes)),
        }
    }

    /// The slot that has this percentile, the first of several: when it begins.
    pub(crate) fn slot_of_percentile(
        &self,
        classes: &[TrafficClass],
        measure: Measure,
    ) -> Option<Timestamp> {
        let rate = self.percentile(classes, measure);
        let of: &[fn(&BothWays) -> u64] = match measure {
            Measure::In => &[|it| it.received.bytes],
            Measure::Out => &[|it| it.sent.bytes],
            Measure::Max => &[|it| it.received.bytes, |it| it.sent.bytes],
            Measure::Sum => &[|it| it.sent.bytes.saturating_add(it.received.bytes)],
        };
        let mut found = of
            .iter()
            .filter(|it| nearest_rank(self.rates_of(classes, **it)) == rate)
            .filter_map(|it| {
                self.rates_of(classes, *it)
                    .iter()
                    .position(|it| *it == rate)
            });
        let slot = i64::try_from(found.next()?).ok()?;
        Some(Timestamp::from_unix_seconds(self.from + slot * SLOT))
    }

    /// The rate in each slot, in bits a second.
    fn rates_of(&self, classes: &[TrafficClass], amount: impl Fn(&BothWays) -> u64) -> Vec<u64> {
        let mut bytes = vec![0u64; self.count];
        for slots in classes.iter().filter_map(|class| self.classes.get(class)) {
            for (sum, slot) in bytes.iter_mut().zip(slots) {
                *sum = sum.saturating_add(amount(slot));
            }
        }
        bytes.into_iter().map(rate).collect()
    }

    /// The mean rates over the span, in at most so many points.
    pub(crate) fn course(&self, most: usize) -> Vec<RatePoint> {
        let width = self.count.div_ceil(most.max(1)).max(1);
        let all: Vec<TrafficClass> = self.classes.keys().copied().collect();
        let received = self.rates_of(&all, |it| it.received.bytes);
        let sent = self.rates_of(&all, |it| it.sent.bytes);
        let starts = (self.from..).step_by(width * 300);
        let points = received.chunks(width).zip(sent.chunks(width)).zip(starts);
        let points = points.map(|((received, sent), at)| RatePoint {
            at: Timestamp::from_unix_seconds(at),
            received: mean(received),
            sent: mean(sent),
        });
        points.collect()
    }
}

fn rate(bytes: u64) -> u64 {
    let rate = u128::from(bytes) * 8 / 300;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

fn mean(rates: &[u64]) -> u64 {
    let sum: u128 = rates.iter().map(|rate| u128::from(*rate)).sum();
    let count = u128::try_from(rates.len().max(1)).unwrap_or(1);
    u64::try_from(sum / count).unwrap_or(u64::MAX)
}

/// The smallest rate that at least 95 of 100 slots do not exceed.
fn nearest_rank(mut rates: Vec<u64>) -> u64 {
    rates.sort_unstable();
    let rank = (rates.len() * 95).div_ceil(100);
    rank.checked_sub(1)
        .and_then(|at| rates.get(at).copied())
        .unwrap_or(0)
}

/// The `n`th of `of` parts, which add up to the whole.
fn part(whole: u64, n: i64, of: i64) -> u64 {
    let up_to =
        |n: i64| u128::from(whole) * u128::from(n.unsigned_abs()) / u128::from(of.unsigned_abs());
    u64::try_from(up_to(n + 1) - up_to(n)).unwrap_or(0)
}

fn add(sum: &mut Traffic, more: Traffic, share: impl Fn(u64) -> u64) {
    sum.bytes = sum.bytes.saturating_add(share(more.bytes));
    sum.packets = sum.packets.saturating_add(share(more.packets));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: TrafficClass = TrafficClass::Public;

    fn moved(sent: u64, received: u64) -> BothWays {
        let traffic = |bytes| Traffic { bytes, packets: 1 };
        BothWays {
            sent: traffic(sent),
            received: traffic(received),
        }
    }

    /// 20 slots, of which the nth sent n times 300 bytes: rates of 8, 16, ... bits a second.
    fn rising() -> Slots {
        let mut slots = Slots::new(0, 20 * SLOT);
        for n in 1..=20 {
            let at = (n - 1) * SLOT;
            slots.add((at, 300), PUBLIC, moved(n.unsigned_abs() * 300, 300));
        }
        slots
    }

    #[test]
    fn the_95th_percentile_is_the_nearest_rank() {
        let slots = rising();
        assert_eq!(slots.percentile(&[PUBLIC], Measure::Out), 19 * 8);
        assert_eq!(slots.percentile(&[PUBLIC], Measure::In), 8);
        assert_eq!(slots.percentile(&[PUBLIC], Measure::Max), 19 * 8);
        assert_eq!(slots.percentile(&[PUBLIC], Measure::Sum), 20 * 8);
        assert_eq!(nearest_rank(Vec::new()), 0);
        assert_eq!(nearest_rank(vec![7]), 7);
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(nearest_rank(hundred), 95);
    }

    #[test]
    fn a_gap_counts_as_silence_and_never_raises_the_percentile() {
        let mut slots = Slots::new(0, 100 * SLOT);
        for n in 0..90 {
            slots.add((n * SLOT, 300), PUBLIC, moved(3000, 0));
        }
        let with_gap = slots.percentile(&[PUBLIC], Measure::Out);
        assert_eq!((slots.count(), slots.silent()), (100, 10));
        for n in 90..100 {
            slots.add((n * SLOT, 300), PUBLIC, moved(3000, 0));
        }
        assert!(with_gap <= slots.percentile(&[PUBLIC], Measure::Out));
    }

    #[test]
    fn several_vifs_are_summed_before_they_are_ranked() {
        let mut slots = Slots::new(0, 2 * SLOT);
        for vif in [1, 2] {
            slots.add((0, 300), PUBLIC, moved(vif * 300, 0));
        }
        assert_eq!(slots.measure().rates[0].peak, 24);
    }

    #[test]
    fn intervals_of_other_lengths_come_to_the_same_amounts() {
        let mut slots = Slots::new(0, 12 * SLOT);
        slots.add((0, 3600), PUBLIC, moved(1001, 13));
        for minute in 0..60 {
            slots.add((minute * 60, 60), PUBLIC, moved(7, 1));
        }
        let usage = slots.measure().classes[0];
        assert_eq!(
            (usage.sent.bytes, usage.received.bytes),
            (1001 + 420, 13 + 60)
        );
        assert_eq!(slots.silent(), 0);
    }

    #[test]
    fn a_year_of_course_fits_into_its_points() {
        let slots = Slots::new(0, 366 * 288 * SLOT);
        assert!(slots.course(800).len() <= 800);
    }
}
