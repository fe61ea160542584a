use proptest::prelude::*;

use super::*;
use crate::pipeline::counting::Counted;

const LENGTH: NonZeroU32 = NonZeroU32::new(300).unwrap();

fn intervals() -> Intervals {
    Intervals::resume(LENGTH, [], Vec::new())
}

fn grown(bytes: u64, direction: Direction) -> Grown {
    Grown {
        counted: Counted {
            port: Uuid::from_u128(1).into(),
            direction,
            class: TrafficClass::Public,
        },
        by: Traffic {
            bytes,
            packets: bytes / 7,
        },
    }
}

fn span(from: i64, to: i64) -> Span {
    Span { from, to }
}

fn offered(intervals: &mut Intervals, number: u64) -> Vec<UsageRecord> {
    let batch = intervals.offer(Uuid::nil(), number);
    batch.map_or_else(Vec::new, |batch| batch.records)
}

fn take(intervals: &mut Intervals, number: u64, refused: &[u32], now: i64) -> usize {
    let refused = refused.to_vec();
    intervals.taken(&UsageTaken { number, refused }, now)
}

#[test]
fn what_moved_over_a_boundary_is_shared_by_time_and_exact_in_sum() {
    let mut intervals = intervals();
    intervals.add(&grown(1001, Direction::Sent), span(299_000, 301_000));
    let records = offered(&mut intervals, 1);
    let moved: Vec<_> = records.iter().map(|it| it.moved.sent.bytes).collect();
    let starts: Vec<_> = records.iter().map(|it| it.interval_start).collect();
    let totals: Vec<_> = records.iter().map(|it| it.total.sent.bytes).collect();
    assert_eq!((starts, moved), (vec![0, 300], vec![500, 501]));
    assert_eq!(totals, [500, 1001]);
}

#[test]
fn a_record_is_offered_until_it_is_taken_as_it_is() {
    let mut intervals = intervals();
    intervals.add(&grown(10, Direction::Received), span(0, 1000));
    assert_eq!(offered(&mut intervals, 1).len(), 1);
    // It grew after it was offered.
    intervals.add(&grown(5, Direction::Received), span(1000, 2000));
    take(&mut intervals, 1, &[], 2000);
    let again = offered(&mut intervals, 2);
    assert_eq!(again[0].moved.received.bytes, 15);
    take(&mut intervals, 1, &[], 2000);
    assert_eq!(
        offered(&mut intervals, 3).len(),
        1,
        "an old answer says nothing"
    );
    take(&mut intervals, 3, &[], 2000);
    assert_eq!(offered(&mut intervals, 4), []);
}

#[test]
fn only_what_is_over_and_taken_is_forgotten() {
    let mut intervals = intervals();
    intervals.add(&grown(10, Direction::Sent), span(0, 1000));
    assert_eq!(intervals.tidy(10_000_000), 0);
    assert_eq!(offered(&mut intervals, 1).len(), 1);
    take(&mut intervals, 1, &[], 1000);
    intervals.tidy(599_000);
    assert_eq!(intervals.kept().count(), 1);
    intervals.tidy(601_000);
    assert_eq!(intervals.kept().count(), 0);
}

#[test]
fn what_the_ledger_refuses_is_offered_for_an_hour() {
    let mut intervals = intervals();
    intervals.add(&grown(10, Direction::Sent), span(0, 1000));
    offered(&mut intervals, 1);
    assert_eq!(take(&mut intervals, 1, &[0], 1000), 0);
    assert_eq!(offered(&mut intervals, 2).len(), 1);
    assert_eq!(take(&mut intervals, 2, &[0], 3_601_000), 1);
    assert_eq!(offered(&mut intervals, 3), []);
}

#[test]
fn lost_seconds_are_in_a_record_of_their_own_port_although_nothing_moved() {
    let mut intervals = intervals();
    intervals.unread(PortId::generate(), TrafficClass::Public, 4, 1000);
    assert_eq!(offered(&mut intervals, 1)[0].unread_seconds, 4);
}

proptest! {
    #[test]
    fn shares_are_exact_in_sum_and_in_order_whatever_the_span(
        bytes in any::<u32>(), from in 0i64..10_000_000, length in 0i64..10_000_000,
    ) {
        let mut intervals = intervals();
        intervals.add(&grown(bytes.into(), Direction::Sent), span(from, from + length));
        let records: Vec<_> = intervals.kept().map(|it| it.record.clone()).collect();
        let sum: u64 = records.iter().map(|it| it.moved.sent.bytes).sum();
        prop_assert_eq!(sum, u64::from(bytes));
        let packets: u64 = records.iter().map(|it| it.moved.sent.packets).sum();
        prop_assert_eq!(packets, u64::from(bytes / 7));
        let mut total = 0;
        for record in &records {
            total += record.moved.sent.bytes;
            prop_assert_eq!(record.total.sent.bytes, total);
        }
        prop_assert!(records.iter().all(|it| it.interval_start % 300 == 0));
    }
}
