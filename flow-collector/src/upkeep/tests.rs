use model::{Traffic, Usage, UsageOf};

use super::*;
use crate::report::{self, Range};
use crate::seal::tests::Bench;

/// The first second of months of 2026, in UTC.
const SEPTEMBER: i64 = 1_788_220_800;
const OCTOBER: i64 = 1_790_812_800;
const NOVEMBER: i64 = 1_793_491_200;

fn days(days: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(days)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

/// All that a pass does, at a moment.
fn pass(upkeep: Upkeep, bench: &Bench, now: i64) {
    let (it, now) = (&bench.connection, at(now));
    while rollup::roll(it, now).unwrap() > 0 {}
    while upkeep.seal_one(it, now).unwrap() {}
    while upkeep.forget_one(it, now).unwrap() {}
    upkeep.forget_sums(it, now).unwrap();
}

fn three_months() -> Bench {
    let bench = Bench::new();
    for (month, bytes) in [(SEPTEMBER, 100), (OCTOBER, 200), (NOVEMBER, 400)] {
        for n in 0..20 {
            bench.tell(0, month + n * 300, bytes);
        }
    }
    bench
}

fn sealed(bench: &Bench) -> Vec<String> {
    let seals = seal::page(
        &bench.connection,
        api::request::Paging {
            offset: 0,
            limit: 100,
        },
    )
    .unwrap();
    seals.iter().map(|seal| seal.period.to_string()).collect()
}

fn rows(bench: &Bench, what: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {what}");
    bench
        .connection
        .query_row(&sql, [], |row| row.get(0))
        .unwrap()
}

fn sent(bench: &Bench, from: i64, to: i64) -> u64 {
    let query = api::request::UsageQuery::by(UsageOf::Tenant);
    let range = Range {
        from: at(from),
        to: at(to),
    };
    let usage: Vec<Usage> = report::usage(&bench.connection, &query, range).unwrap();
    let sent = usage.iter().map(|it| it.sent);
    sent.fold(Traffic::default(), |sum, it| Traffic {
        bytes: sum.bytes + it.bytes,
        ..sum
    })
    .bytes
}

#[test]
fn months_are_sealed_in_order_when_their_grace_is_over_and_not_before() {
    let bench = three_months();
    let upkeep = Upkeep {
        seal_after_days: days(5),
        ..Upkeep::default()
    };
    pass(upkeep, &bench, OCTOBER + 4 * rollup::DAY);
    assert_eq!(sealed(&bench), [""; 0]);
    pass(upkeep, &bench, NOVEMBER + 6 * rollup::DAY);
    assert_eq!(sealed(&bench), ["2026-09", "2026-10"]);
    assert_eq!(seal::verify(&bench.connection).unwrap().fault, None);
}

#[test]
fn what_is_not_said_is_never_done() {
    let bench = three_months();
    pass(Upkeep::default(), &bench, NOVEMBER + 10_000 * rollup::DAY);
    assert_eq!(sealed(&bench), [""; 0]);
    assert_eq!(rows(&bench, "account"), 60);
}

#[test]
fn an_open_month_keeps_its_records_however_old_they_are() {
    let bench = three_months();
    let upkeep = Upkeep {
        keep_intervals_days: days(1),
        keep_hours_days: days(1),
        keep_days_days: days(1),
        ..Upkeep::default()
    };
    bench.seal("2026-09").unwrap();
    pass(upkeep, &bench, NOVEMBER + 10_000 * rollup::DAY);
    assert_eq!(rows(&bench, "account"), 40);
    assert_eq!(rows(&bench, "rollup WHERE seconds = 86400"), 2);
    assert_eq!(
        sent(&bench, OCTOBER, NOVEMBER + rollup::DAY),
        20 * (200 + 400)
    );
}

#[test]
fn a_month_without_its_records_has_its_bill_its_sums_and_its_place_in_the_chain() {
    let bench = three_months();
    bench.seal("2026-09").unwrap();
    bench.seal("2026-10").unwrap();
    let before = bench.bill("2026-09");
    let upkeep = Upkeep {
        keep_intervals_days: days(40),
        keep_hours_days: days(60),
        ..Upkeep::default()
    };
    pass(upkeep, &bench, NOVEMBER + 20 * rollup::DAY);
    assert_eq!(rows(&bench, "account"), 40);
    assert_eq!(bench.bill("2026-09"), before);
    // Nothing was lost but resolution: the hours have gone, the days are there.
    assert_eq!(
        rows(
            &bench,
            "rollup WHERE seconds = 3600 AND starts < 1790812800"
        ),
        0
    );
    assert_eq!(sent(&bench, SEPTEMBER, OCTOBER), 2000);
    let verification = seal::verify(&bench.connection).unwrap();
    let figures = (
        verification.seals,
        verification.seals_without_records,
        verification.records,
    );
    assert_eq!((verification.fault, figures), (None, (2, 1, 20)));
}

#[test]
fn a_forged_hash_of_a_month_without_records_is_noticed() {
    let bench = three_months();
    bench.seal("2026-09").unwrap();
    bench.seal("2026-10").unwrap();
    let upkeep = Upkeep {
        keep_intervals_days: days(40),
        ..Upkeep::default()
    };
    pass(upkeep, &bench, NOVEMBER + 20 * rollup::DAY);
    let forge = "UPDATE seal SET hash = zeroblob(32) WHERE number = 1";
    bench.connection.execute(forge, []).unwrap();
    let fault = seal::verify(&bench.connection).unwrap().fault.unwrap();
    assert!(fault.contains("2026-10"), "{fault}");
}

#[test]
fn what_comes_for_a_month_without_records_is_refused_and_not_billed_again() {
    let bench = three_months();
    bench.seal("2026-09").unwrap();
    bench.seal("2026-10").unwrap();
    let upkeep = Upkeep {
        keep_intervals_days: days(40),
        ..Upkeep::default()
    };
    pass(upkeep, &bench, NOVEMBER + 20 * rollup::DAY);
    let before = bench.bill("2026-11");
    assert_eq!(bench.offer(0, SEPTEMBER, 100).refused, [0]);
    assert_eq!(bench.offer(0, OCTOBER, 300).refused, [0; 0]);
    let after = bench.bill("2026-11");
    assert_eq!(before.adjustments, []);
    assert_eq!(after.adjustments[0].sent_bytes, 100);
}
