use std::collections::BTreeSet;

use model::billing::Way;
use model::{CapAction, CapClass, CapId, CapPeriod, TenantId};
use proptest::prelude::*;

use super::*;

/// 2026-11-22T23:00:00Z.
const START: i64 = 1_795_388_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(START + seconds)
}

fn cap(bytes: u64, warn_at: &[u8]) -> Cap {
    Cap {
        id: CapId::generate(),
        tenant_id: TenantId::generate(),
        port_id: None,
        class: CapClass::All,
        way: Way::Both,
        period: CapPeriod::Hour,
        bytes: bytes.try_into().unwrap(),
        warn_at: warn_at.iter().map(|it| (*it).try_into().unwrap()).collect(),
        action: CapAction::Suspend,
        state: CapState::fresh(at(0)),
        created_at: at(0),
    }
}

fn share(percent: u8) -> Share {
    percent.try_into().unwrap()
}

/// Decides, and what was decided is from now on.
fn step(cap: &mut Cap, seconds: i64, moved: u64) -> Vec<News> {
    let verdict = decide(cap, span(cap, at(seconds)), moved);
    cap.state = verdict.state;
    // As the store keeps it.
    let kept = serde_json::to_string(cap).unwrap();
    assert_eq!(&serde_json::from_str::<Cap>(&kept).unwrap(), cap);
    verdict.news
}

#[test]
fn a_cap_warns_once_at_each_share_is_reached_and_is_lifted_by_the_next_period() {
    let mut cap = cap(1_000, &[80, 90]);
    assert_eq!(step(&mut cap, 1, 799), []);
    assert_eq!(step(&mut cap, 2, 800), [News::Warned(share(80))]);
    assert_eq!(step(&mut cap, 3, 801), []);
    assert_eq!(step(&mut cap, 4, 950), [News::Warned(share(90))]);
    assert_eq!(step(&mut cap, 5, 999), []);
    assert_eq!(step(&mut cap, 6, 1_000), [News::Reached]);
    assert_eq!(step(&mut cap, 7, 1_500), []);
    assert_eq!(step(&mut cap, 3_599, 1_500), []);
    let lifted = News::Lifted(Why::NewPeriod);
    assert_eq!(step(&mut cap, 3_600, 0), [lifted]);
    assert_eq!(step(&mut cap, 3_601, 10), []);
    assert_eq!(step(&mut cap, 3_700, 850), [News::Warned(share(80))]);
}

#[test]
fn what_jumps_past_everything_is_warned_of_once_and_reached_at_the_same_time() {
    let mut cap = cap(1_000, &[50, 80, 90]);
    let news = [News::Warned(share(90)), News::Reached];
    assert_eq!(step(&mut cap, 1, 70_000), news);
    assert_eq!(step(&mut cap, 2, 70_000), []);
    // In the next period it is over the cap from its first look on.
    let lifted = News::Lifted(Why::NewPeriod);
    let news = [lifted, News::Warned(share(90)), News::Reached];
    assert_eq!(step(&mut cap, 3_605, 2_000), news);
}

#[test]
fn a_cap_that_is_raised_beyond_what_was_moved_is_lifted_and_by_less_it_is_not() {
    let mut cap = cap(1_000, &[]);
    assert_eq!(step(&mut cap, 1, 1_200), [News::Reached]);
    cap.bytes = 1_200.try_into().unwrap();
    assert_eq!(step(&mut cap, 2, 1_200), []);
    cap.bytes = 1_201.try_into().unwrap();
    assert_eq!(step(&mut cap, 3, 1_200), [News::Lifted(Why::Raised)]);
    assert_eq!(step(&mut cap, 4, 1_201), [News::Reached]);
}

#[test]
fn a_ledger_that_was_lost_lifts_no_cap() {
    let mut cap = cap(1_000, &[80]);
    assert_eq!(step(&mut cap, 1, 1_000).len(), 2);
    for moved in [0, 1, 999] {
        assert_eq!(step(&mut cap, 2, moved), []);
    }
    assert_eq!(cap.state.standing, CapStanding::Reached);
}

#[test]
fn a_lift_of_an_operator_lasts_as_long_as_the_period() {
    let mut cap = cap(1_000, &[]);
    assert_eq!(step(&mut cap, 1, 1_000), [News::Reached]);
    cap.state.standing = CapStanding::Lifted;
    assert_eq!(step(&mut cap, 2, 9_000), []);
    assert_eq!(step(&mut cap, 3_600, 10), []);
    assert_eq!(step(&mut cap, 3_700, 1_000), [News::Reached]);
}

#[test]
fn a_clock_that_is_set_back_a_little_does_not_bring_the_period_before_back() {
    let mut cap = cap(1_000, &[]);
    assert_eq!(step(&mut cap, 3_000, 1_000), [News::Reached]);
    assert_eq!(step(&mut cap, 3_600, 1_000).len(), 2);
    assert_eq!(cap.state.period_start, at(3_600));
    assert_eq!(span(&cap, at(3_599)).from, at(3_600));
    assert_eq!(span(&cap, at(3_000)).from, at(3_600));
    assert_eq!(step(&mut cap, 3_590, 1_000), []);
    // Further than that it was wrong before: the period that it is now is what counts.
    assert_eq!(span(&cap, at(2_999)).from, at(0));
    // And far ahead is another period, whatever comes of it when it is set right.
    assert_eq!(span(&cap, at(8_000)).from, at(7_200));
}

/// What may happen: the time goes on, something is moved, the controller starts anew, the ledger is
/// lost, or an operator lifts or sets the cap.
#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    Move(u64),
    LedgerLost,
    Lift,
    Set(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1..1_200i64).prop_map(Event::Wait),
        6 => (0..400u64).prop_map(Event::Move),
        1 => Just(Event::LedgerLost),
        1 => Just(Event::Lift),
        1 => (1..3_000u64).prop_map(Event::Set),
    ];
    proptest::collection::vec(event, 1..80)
}

proptest! {
    #[test]
    fn a_reached_cap_bounds_until_a_new_period_an_operator_or_a_raise_and_nothing_is_said_twice(
        events in events(), warn in proptest::collection::btree_set(1..=100u8, 0..4),
    ) {
        let warn: Vec<u8> = warn.into_iter().collect();
        let mut cap = cap(1_000, &warn);
        let (mut now, mut moved, mut truth) = (0, 0, 0u64);
        let mut period = span(&cap, at(now)).from;
        let mut said: BTreeSet<Share> = BTreeSet::new();
        let mut reached = 0;
        for event in events {
            let before = cap.clone();
            let (mut lifted, mut set) = (false, false);
            match event {
                Event::Wait(seconds) => now += seconds,
                Event::Move(bytes) => (moved, truth) = (moved + bytes, truth + bytes),
                Event::LedgerLost => moved = 0,
                Event::Lift if cap.state.standing == CapStanding::Reached => {
                    cap.state.standing = CapStanding::Lifted;
                    lifted = true;
                }
                Event::Lift => {}
                Event::Set(bytes) => {
                    cap.bytes = bytes.try_into().unwrap();
                    // Other shares of another amount.
                    (set, said) = (true, BTreeSet::new());
                    cap.state.warned_at = cap.state.warned_at.min(cap.passed(cap.state.noted_bytes));
                }
            }
            let new_period = span(&cap, at(now)).from != period;
            if new_period {
                period = span(&cap, at(now)).from;
                (moved, truth, reached) = (0, 0, 0);
                said.clear();
            }
            if set {
                reached = 0;
            }
            let news = step(&mut cap, now, moved);
            // A second look finds nothing new, nor does one after a restart.
            prop_assert_eq!(step(&mut cap, now, moved), []);
            for it in &news {
                match it {
                    News::Warned(share) => prop_assert!(said.insert(*share), "warned twice"),
                    News::Reached => {
                        reached += 1;
                        prop_assert_eq!(reached, 1, "reached twice");
                        prop_assert!(truth >= cap.bytes.get());
                    }
                    News::Lifted(Why::NewPeriod) => prop_assert!(new_period),
                    News::Lifted(Why::Raised) => {
                        prop_assert!(set && cap.bytes > before.bytes && !new_period);
                    }
                }
            }
            let was = before.state.standing == CapStanding::Reached;
            let is = cap.state.standing == CapStanding::Reached;
            if was && !is {
                prop_assert!(new_period || lifted || (set && cap.bytes > before.bytes));
            }
            if moved == truth && cap.state.standing != CapStanding::Lifted {
                prop_assert_eq!(is, truth >= cap.bytes.get(), "not as it should be");
            }
        }
    }
}
