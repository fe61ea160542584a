use model::billing::{RatePlanAssignment, RateTerms};

use super::*;
use crate::seal::tests::Bench;

/// The first second of 2026-11 in Berlin and in UTC.
const BERLIN: i64 = 1_793_487_600;
const UTC: i64 = 1_793_491_200;

fn terms(timezone: &str, price: &str) -> RateTerms {
    RateTerms {
        currency: "EUR".parse().unwrap(),
        decimals: 2,
        timezone: timezone.parse().unwrap(),
        transfer: vec![price.parse().unwrap()],
        percentile: None,
    }
}

fn assign(bench: &Bench, name: &str, terms: &RateTerms, from: &str) -> Result<(), Problem> {
    let name = name.to_owned().try_into().unwrap();
    let now = Timestamp::from_unix_seconds(UTC);
    let plan = plans::create(&bench.connection, &name, terms, now).unwrap()?;
    let assignment = RatePlanAssignment {
        tenant_id: bench.tenant,
        rate_plan_id: plan.id,
        from: from.parse().unwrap(),
    };
    plans::assign(&bench.connection, &assignment).unwrap()
}

#[test]
fn a_bill_is_rated_by_the_plan_of_its_period() {
    let bench = Bench::new();
    for at in [UTC - 300, UTC] {
        bench.tell(0, at, 2_000_000_000);
    }
    assert_eq!(bench.bill("2026-11").total, Decimal::ZERO);
    assign(
        &bench,
        "old",
        &terms("UTC", "public:sent:1:0=0.10"),
        "2026-01",
    )
    .unwrap();
    assign(
        &bench,
        "new",
        &terms("UTC", "public:sent:0:0=1.00"),
        "2026-11",
    )
    .unwrap();
    assert_eq!(bench.bill("2026-10").total.to_string(), "0.10");
    assert_eq!(bench.bill("2026-11").total.to_string(), "2.00");
}

#[test]
fn a_month_is_that_of_the_plans_zone() {
    let bench = Bench::new();
    bench.tell(0, BERLIN, 7);
    assert_eq!(bench.bill("2026-11").classes, []);
    assign(
        &bench,
        "de",
        &terms("Europe/Berlin", "public:sent:1:0=1"),
        "2026-01",
    )
    .unwrap();
    let bill = bench.bill("2026-11");
    assert_eq!(bill.from.unix_seconds(), BERLIN);
    assert_eq!(bill.classes[0].sent.bytes, 7);
    assert_eq!(bench.bill("2026-10").classes, []);
    assert_eq!(bench.bill("2026-10").slots, 745 * 12);
}

#[test]
fn a_plan_is_unique_by_name_and_stays_while_it_is_somebodys() {
    let bench = Bench::new();
    let price = terms("UTC", "public:sent:1:0=0.10");
    assign(&bench, "standard", &price, "2026-01").unwrap();
    assign(&bench, "standard", &price, "2026-02").unwrap();
    let other = terms("UTC", "public:sent:2:0=0.10");
    assert!(assign(&bench, "standard", &other, "2026-01").is_err());
    let plan = plans::page(&bench.connection, page(0)).unwrap().remove(0);
    assert!(plans::delete(&bench.connection, plan.id).unwrap().is_err());
    let assignments = |offset| plans::assignments(&bench.connection, page(offset)).unwrap();
    assert_eq!((assignments(0).len(), assignments(1).len()), (2, 1));
}

#[test]
fn the_plan_of_a_sealed_period_cannot_be_changed() {
    let bench = Bench::new();
    bench.tell(0, UTC - 300, 2);
    bench.seal("2026-10").unwrap();
    let refused = assign(
        &bench,
        "late",
        &terms("UTC", "public:sent:1:0=0.10"),
        "2026-10",
    );
    assert!(refused.unwrap_err().errors[0].message.contains("is sealed"));
    assign(
        &bench,
        "late",
        &terms("UTC", "public:sent:1:0=0.10"),
        "2026-11",
    )
    .unwrap();
}

#[test]
fn everybody_has_a_bill_page_by_page_who_had_a_port_or_has_a_plan() {
    let bench = Bench::new();
    bench.tell(0, UTC, 2_000_000_000);
    let price = terms("UTC", "public:sent:0:0=0.10");
    assign(&bench, "standard", &price, "2026-01").unwrap();
    let plan = plans::page(&bench.connection, page(0)).unwrap().remove(0);
    let idle = RatePlanAssignment {
        tenant_id: TenantId::generate(),
        rate_plan_id: plan.id,
        from: "2026-11".parse().unwrap(),
    };
    plans::assign(&bench.connection, &idle).unwrap().unwrap();
    let now = Timestamp::from_unix_seconds(UTC + 86_400);
    let bills = |offset| {
        let query = BillsQuery {
            period: "2026-11".parse().unwrap(),
            page: page(offset),
        };
        bills(&bench.connection, query, now).unwrap()
    };
    let all = bills(0);
    let mut tenants = [bench.tenant, idle.tenant_id];
    tenants.sort_unstable();
    assert_eq!([all[0].tenant_id, all[1].tenant_id], tenants);
    let of_bench = all.iter().find(|it| it.tenant_id == bench.tenant);
    assert_eq!(of_bench.unwrap().total.to_string(), "0.20");
    assert_eq!(bills(1), all[1..]);
}

fn page(offset: u32) -> api::request::Paging {
    api::request::Paging { offset, limit: 10 }
}
