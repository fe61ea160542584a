use model::{CapPeriod, Timestamp};

use super::*;
use crate::seal::tests::Bench;

/// 2026-11-01 in UTC.
const START: i64 = 1_793_491_200;

fn sent(bench: &Bench, period: CapPeriod, moment: i64, of: &[TenantId]) -> Vec<u64> {
    let span = period.span(Timestamp::from_unix_seconds(moment));
    let tenants = of.iter().copied().collect();
    let moved = moved(&bench.connection, span, &tenants).unwrap();
    assert!(moved.iter().all(|it| it.class == TrafficClass::Public));
    moved.iter().map(|it| it.moved.sent.bytes).collect()
}

#[test]
fn a_period_holds_what_began_in_it_rolled_up_or_not_and_of_the_tenants_asked_for() {
    let bench = Bench::new();
    bench.tell(0, START - 300, 1);
    bench.tell(0, START, 10);
    bench.tell(0, START + 3_300, 20);
    bench.tell(0, START + 3_600, 40);
    bench.tell(1, START + 86_400, 80);
    let (tenant, other) = (bench.tenant, TenantId::generate());
    for rolled in [false, true] {
        if rolled {
            let later = Timestamp::from_unix_seconds(START + 10 * 86_400);
            while rollup::roll(&bench.connection, later).unwrap() > 0 {}
        }
        let of = |period, moment| sent(&bench, period, moment, &[other, tenant]);
        assert_eq!(of(CapPeriod::Hour, START + 1), [30]);
        assert_eq!(of(CapPeriod::Hour, START + 3_600), [40]);
        assert_eq!(of(CapPeriod::Day, START + 7), [70]);
        let mut month = of(CapPeriod::Month, START + 7);
        month.sort_unstable();
        assert_eq!(month, [70, 80]);
        assert_eq!(of(CapPeriod::Month, START - 1), [1]);
        assert_eq!(sent(&bench, CapPeriod::Month, START, &[other]), [0; 0]);
        assert_eq!(sent(&bench, CapPeriod::Month, START, &[]), [0; 0]);
    }
}

#[test]
fn what_comes_late_counts_in_the_period_that_it_is_of() {
    let bench = Bench::new();
    bench.tell(0, START + 7_200, 5);
    bench.tell(0, START, 10);
    bench.tell(0, START, 25);
    let hour = |moment| sent(&bench, CapPeriod::Hour, moment, &[bench.tenant]);
    assert_eq!(hour(START), [25]);
    assert_eq!(hour(START + 7_200), [5]);
}
