use api::request::UsageQuery;
use model::{Usage, UsageOf, UsageSort, UsageStep};
use proptest::prelude::*;

use super::*;
use crate::report::{self, Range};
use crate::seal::tests::Bench;

/// 2026-11-01 in UTC, a Sunday.
const START: i64 = 1_793_491_200;

fn query(from: i64, to: i64) -> UsageQuery {
    UsageQuery {
        from: Some(Timestamp::from_unix_seconds(from)),
        to: Some(Timestamp::from_unix_seconds(to)),
        ..UsageQuery::by(UsageOf::Port)
    }
}

fn ask(bench: &Bench, query: &UsageQuery) -> Vec<Usage> {
    let range = Range::of(query, Timestamp::from_unix_seconds(0));
    report::usage(&bench.connection, query, range).unwrap()
}

fn roll_all(bench: &Bench, now: i64) {
    while roll(&bench.connection, Timestamp::from_unix_seconds(now)).unwrap() > 0 {}
}

fn sent(usage: &[Usage]) -> u64 {
    usage.iter().map(|it| it.sent.bytes).sum()
}

#[test]
fn a_range_is_cut_where_hours_and_days_begin() {
    let cuts = Cuts::of(START - 5000, START + 2 * DAY + 4000, i64::MAX);
    assert_eq!(cuts.hours, [START - HOUR, START + 2 * DAY + HOUR]);
    assert_eq!(cuts.days, [START, START + 2 * DAY]);
    // Too short for a whole hour: intervals alone.
    let short = Cuts::of(START + 10, START + HOUR, i64::MAX);
    assert_eq!(short.hours, [short.to; 2]);
    // In steps of an hour days are of no use.
    let hourly = Cuts::of(START, START + DAY, HOUR);
    assert_eq!(hourly.days, [hourly.hours[1]; 2]);
    // The ends of time are no reason to fail.
    Cuts::of(i64::MIN, i64::MAX, i64::MAX);
}

#[test]
fn what_is_rolled_up_answers_when_the_intervals_are_gone() {
    let bench = Bench::new();
    for n in 0..600 {
        bench.tell(0, START + n * 300, 10);
    }
    roll_all(&bench, START + 3 * DAY);
    bench.connection.execute("DELETE FROM account", []).unwrap();
    let whole = ask(&bench, &query(START, START + 3 * DAY));
    assert_eq!(sent(&whole), 6000);
    let hour = ask(&bench, &query(START + HOUR, START + 2 * HOUR));
    assert_eq!(sent(&hour), 120);
}

#[test]
fn a_record_that_comes_late_or_again_is_in_the_sums_at_once_and_once() {
    let bench = Bench::new();
    bench.tell(0, START, 10);
    bench.tell(1, START + 300, 5);
    roll_all(&bench, START + DAY);
    bench.tell(0, START, 30);
    bench.tell(0, START + 600, 1);
    let asked = query(START, START + 2 * DAY);
    assert_eq!(sent(&ask(&bench, &asked)), 36);
    roll_all(&bench, START + DAY);
    assert_eq!(sent(&ask(&bench, &asked)), 36);
    let rows = "SELECT count(*) FROM rollup WHERE seconds = 86400";
    let rows: i64 = bench
        .connection
        .query_row(rows, [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 2);
}

#[test]
fn an_hour_that_is_not_over_is_left_alone() {
    let bench = Bench::new();
    bench.tell(0, START, 10);
    let soon = Timestamp::from_unix_seconds(START + HOUR + 60);
    assert_eq!(roll(&bench.connection, soon).unwrap(), 0);
    let later = Timestamp::from_unix_seconds(START + HOUR + 120);
    assert_eq!(roll(&bench.connection, later).unwrap(), 1);
}

#[test]
fn a_history_has_a_row_for_each_step_and_adds_up() {
    let bench = Bench::new();
    for n in 0..400 {
        bench.tell(0, START + n * 300, 10);
    }
    roll_all(&bench, START + DAY);
    let steps = |step, to| {
        let asked = UsageQuery {
            step: Some(step),
            ..query(START + 600, to)
        };
        ask(&bench, &asked)
    };
    let days = steps(UsageStep::Day, START + 2 * DAY);
    let figures: Vec<_> = days.iter().map(|it| it.sent.bytes).collect();
    assert_eq!(figures, [2860, 1120]);
    // The first day is not whole.
    assert_eq!(days[0].from.unix_seconds(), START + 600);
    assert_eq!(days[0].to, days[1].from);
    let hours = steps(UsageStep::Hour, START + 2 * DAY);
    assert_eq!(hours.len(), 34);
    assert_eq!(sent(&hours), 3980);
}

#[test]
fn the_top_talkers_come_first_and_pages_add_up() {
    let bench = Bench::new();
    bench.tell(0, START, 10);
    bench.tell(1, START, 20);
    let page = |sort, limit, cursor| {
        let asked = UsageQuery {
            sort,
            limit,
            cursor,
            ..query(START, START + DAY)
        };
        ask(&bench, &asked)
    };
    let top = page(UsageSort::MostBytesFirst, 1, 0);
    assert_eq!((top.len(), sent(&top)), (1, 20));
    let pages = [0, 1, 2].map(|cursor| page(UsageSort::Id, 1, cursor));
    assert_eq!(pages.each_ref().map(Vec::len), [1, 1, 0]);
    assert_eq!(sent(&pages.concat()), 30);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_written_and_rolled_up_when_a_sum_is_that_of_the_intervals(
        steps in prop::collection::vec((0..2usize, 0..900i64, 0..1000u64, 0..40i64), 1..60),
        range in (0..80i64, 1..80i64, 0..2i64),
    ) {
        let bench = Bench::new();
        for (port, interval, bytes, hours) in steps {
            bench.tell(port, START + interval * 300, bytes);
            // Not every time, and not all that is over.
            let now = Timestamp::from_unix_seconds(START + hours * 2 * HOUR);
            roll(&bench.connection, now).unwrap();
        }
        let (from, length, odd) = range;
        let from = START + from * HOUR + odd * 450;
        let to = from + length * HOUR;
        let truth = "SELECT coalesce(sum(sent_bytes), 0) FROM account
            WHERE interval_start >= ? AND interval_start < ?";
        let truth: i64 = bench.connection
            .query_row(truth, [from, to], |row| row.get(0)).unwrap();
        let asked = query(from, to);
        prop_assert_eq!(sent(&ask(&bench, &asked)), truth.unsigned_abs());
        let hourly = UsageQuery { step: Some(UsageStep::Hour), ..asked };
        prop_assert_eq!(sent(&ask(&bench, &hourly)), truth.unsigned_abs());
    }
}
