use api::request::{Paging, TenantPeriod};
use model::UsageRecord;

use super::*;
use crate::seal::tests::Bench;

/// The first second of 2026-11 in UTC.
const NOVEMBER: i64 = 1_793_491_200;

fn query(bench: &Bench) -> RecordQuery {
    let period = "2026-11".parse().unwrap();
    let tenant_id = bench.tenant;
    RecordQuery::of(TenantPeriod { tenant_id, period })
}

#[test]
fn records_are_found_by_class_port_and_time_and_paged() {
    let bench = Bench::new();
    for n in 0..5 {
        bench.tell(0, NOVEMBER + n * 300, 100);
        bench.tell(1, NOVEMBER + n * 300, 200);
    }
    let whole = query(&bench);
    let found = |query: &RecordQuery| records(&bench.connection, query).unwrap();
    let all = found(&whole);
    assert_eq!(all.len(), 10);
    let mut paged = Vec::new();
    for offset in [0, 4, 8] {
        paged.extend(found(&RecordQuery {
            page: Paging { offset, limit: 4 },
            ..whole
        }));
    }
    assert_eq!(paged, all);
    let sum: u64 = all.iter().map(|record| record.moved.sent.bytes).sum();
    assert_eq!(bench.bill("2026-11").classes[0].sent.bytes, sum);
    let one = RecordQuery {
        port_id: Some(all[0].port_id),
        from: Some(Timestamp::from_unix_seconds(NOVEMBER + 300)),
        to: Some(Timestamp::from_unix_seconds(NOVEMBER + 900)),
        ..whole
    };
    assert_eq!(found(&one).len(), 2);
    let other = RecordQuery {
        class: Some(TrafficClass::PoolInternal),
        ..whole
    };
    assert_eq!(found(&other), []);
}

#[test]
fn a_record_tells_the_last_counts_of_flows_that_went() {
    let bench = Bench::new();
    let last = Traffic {
        bytes: 70,
        packets: 1,
    };
    let change = |record: &mut UsageRecord| record.last_counts.received = last;
    bench.tell_changed((0, NOVEMBER, 100), change);
    let found = records(&bench.connection, &query(&bench)).unwrap();
    assert_eq!(found[0].last_counts.received, last);
    assert_eq!(found[0].last_counts.sent, Traffic::default());
}

#[test]
fn what_came_too_late_explains_the_bill_that_it_is_on() {
    let bench = Bench::new();
    bench.tell(0, NOVEMBER - 600, 1000);
    bench.seal("2026-10").unwrap();
    // More, and then less, than was sealed.
    for (sent, adjusted) in [(1300, 300), (400, -600)] {
        bench.tell(0, NOVEMBER - 600, sent);
        let found = records(&bench.connection, &query(&bench)).unwrap();
        assert_eq!(found[0].adjustment.unwrap().sent_bytes, adjusted);
        assert_eq!(found[0].moved, BothWays::default());
        assert_eq!(found.len(), 1);
    }
}
