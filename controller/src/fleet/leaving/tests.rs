use model::{Departure, HostId, Id};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

const BEGAN: i64 = 1_000;

fn migration() -> InstanceMigration {
    InstanceMigration {
        to: HostId::generate(),
        address: "192.0.2.1".parse().unwrap(),
        began_at: at(BEGAN),
    }
}

fn seen(contact: Contact, running: bool) -> Seen {
    let report = InstanceReport {
        id: Id::generate(),
        running,
        handle: None,
        reason: None,
        departure: None,
    };
    let report = Some(report);
    Seen { contact, report }
}

fn here() -> Seen {
    seen(Contact::Open, true)
}

fn empty() -> Seen {
    seen(Contact::Open, false)
}

/// A host that says what came of a migration that began then.
fn says(host: Seen, began: i64, failure: Option<&str>) -> Seen {
    let departure = Departure {
        began_at: at(began),
        failure: failure.map(str::to_owned),
    };
    let departure = Some(departure);
    let report = host.report.map(|it| InstanceReport { departure, ..it });
    Seen { report, ..host }
}

/// How it ends, seen so at each of these times.
fn ends(from: &Seen, to: &Seen, times: &[i64]) -> Option<End> {
    let (id, migration, mut lost) = (Id::generate(), migration(), BTreeMap::new());
    let mut judge = |now: &i64| end((id, &migration), (from, to), &mut lost, at(*now));
    times.iter().map(&mut judge).last().flatten()
}

fn ends_now(from: &Seen, to: &Seen) -> Option<End> {
    ends(from, to, &[BEGAN + 5])
}

fn stayed(reason: &str) -> Option<End> {
    Some(End::Stayed(reason.to_owned()))
}

#[test]
fn what_its_old_host_says_came_of_it_is_believed() {
    let left = says(empty(), BEGAN, None);
    for to in [empty(), here(), seen(Contact::Lost, false)] {
        assert_eq!(ends_now(&left, &to), Some(End::There));
    }
    let failed = says(here(), BEGAN, Some("no memory"));
    assert_eq!(ends_now(&failed, &empty()), stayed("no memory"));
}

#[test]
fn what_came_of_an_earlier_migration_says_nothing_of_this_one() {
    for failure in [None, Some("no memory")] {
        let from = says(here(), BEGAN - 60, failure);
        assert_eq!(ends_now(&from, &empty()), None);
    }
}

#[test]
fn where_it_runs_says_it_if_nobody_else_does() {
    assert_eq!(ends_now(&empty(), &here()), Some(End::There));
    assert_eq!(
        ends_now(&seen(Contact::Lost, true), &here()),
        Some(End::There)
    );
    // It is on its way as long as it is on both, or a host that may still have it is away.
    for from in [
        here(),
        seen(Contact::Away, true),
        seen(Contact::Away, false),
    ] {
        assert_eq!(ends_now(&from, &here()), None);
    }
    let failed = says(empty(), BEGAN, Some("it timed out"));
    assert_eq!(ends_now(&failed, &here()), Some(End::There));
}

#[test]
fn it_is_lost_when_both_hosts_have_had_nothing_of_it_for_a_while_without_a_break() {
    let (first, later) = (BEGAN + 100, BEGAN + 116);
    assert_eq!(ends(&empty(), &empty(), &[first]), None);
    assert!(matches!(
        ends(&empty(), &empty(), &[first, later]),
        Some(End::Stayed(_))
    ));
    let away = seen(Contact::Away, false);
    assert_eq!(ends(&empty(), &away, &[first, later]), None);
    let silent = Seen {
        contact: Contact::Open,
        report: None,
    };
    assert_eq!(ends(&empty(), &silent, &[first, later]), None);

    let (id, migration, mut lost) = (Id::generate(), migration(), BTreeMap::new());
    let mut judge = |from: &Seen, now| end((id, &migration), (from, &empty()), &mut lost, at(now));
    assert_eq!(judge(&empty(), first), None);
    assert_eq!(judge(&here(), first + 10), None, "it was there after all");
    assert_eq!(judge(&empty(), later), None);
}
