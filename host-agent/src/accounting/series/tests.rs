use model::{PortId, TrafficClass};
use uuid::Uuid;

use super::*;
use crate::pipeline::counting::Direction;

fn port(number: u8) -> Counted {
    Counted {
        port: PortId::from(Uuid::from_u128(number.into())),
        direction: Direction::Sent,
        class: TrafficClass::TenantInternal,
    }
}

fn name(in_port: u32) -> FlowName {
    FlowName::new(16, 100, &Match::new().in_port(in_port))
}

fn traffic(bytes: u64) -> Traffic {
    Traffic {
        bytes,
        packets: bytes / 100,
    }
}

fn found(number: u8, born: u64, bytes: u64) -> Found {
    Found {
        name: name(1),
        counted: port(number),
        born,
        counts: traffic(bytes),
    }
}

fn sum(grown: &[Grown], number: u8) -> u64 {
    let grown = grown.iter().filter(|it| it.counted == port(number));
    grown.map(|it| it.by.bytes).sum()
}

fn saved(series: &Series) -> Vec<(FlowName, Live)> {
    let live = series.live();
    live.map(|(name, live)| (name.clone(), *live)).collect()
}

#[test]
fn what_flows_show_at_the_very_first_is_past() {
    let mut series = Series::default();
    let (grown, lost) = series.begin(vec![found(1, 1000, 5000)], Before::Unknown);
    assert_eq!((grown.as_slice(), lost.as_slice()), (&[][..], &[][..]));
    let grown = series.read(vec![found(1, 1000, 5700)]);
    assert_eq!(sum(&grown, 1), 700);
}

#[test]
fn a_restarted_agent_goes_on_where_it_was() {
    let mut series = Series::default();
    series.begin(vec![found(1, 1000, 5000)], Before::Known);
    let mut series = Series::resume(saved(&series));
    let (grown, lost) = series.begin(vec![found(1, 1900, 5300)], Before::Known);
    assert_eq!((sum(&grown, 1), lost.len()), (300, 0));
}

#[test]
fn a_restarted_switch_counts_from_nothing_and_what_it_forgot_is_said() {
    let mut series = Series::default();
    series.begin(vec![found(1, 1000, 5000)], Before::Known);
    // Both younger, and one even with more counts than the flow of before.
    for bytes in [100, 9000] {
        let mut series = Series::resume(saved(&series));
        let (grown, lost) = series.begin(vec![found(1, 60_000, bytes)], Before::Known);
        assert_eq!(sum(&grown, 1), bytes);
        let replaced = Some(60_000);
        let counted = port(1);
        assert_eq!(lost, [Lost { counted, replaced }]);
    }
}

#[test]
fn a_number_that_another_port_got_meanwhile_bills_each_its_own() {
    let mut series = Series::default();
    series.begin(vec![found(1, 1000, 5000)], Before::Known);
    let mut series = Series::resume(saved(&series));
    let (grown, lost) = series.begin(vec![found(2, 1000, 8000)], Before::Known);
    assert_eq!((sum(&grown, 1), sum(&grown, 2)), (0, 8000));
    assert_eq!(lost.len(), 1);
}

#[test]
fn the_last_counts_of_a_flow_that_went_are_its_own_whatever_came_in_its_place() {
    let mut series = Series::default();
    series.begin(vec![found(1, 1000, 5000)], Before::Known);
    series.removed(&name(1));
    series.added(name(1), port(2));
    series.removed(&name(1));
    series.added(name(1), port(1));
    let grown = series.read(vec![found(1, 9000, 6000)]);
    assert_eq!(sum(&grown, 1), 6000);
    let first = series.last_counts(&name(1), traffic(5400)).unwrap();
    assert_eq!((first.counted, first.by.bytes), (port(1), 400));
    let second = series.last_counts(&name(1), traffic(700)).unwrap();
    assert_eq!((second.counted, second.by.bytes), (port(2), 700));
}

#[test]
fn a_flow_that_came_and_went_between_readings_is_counted() {
    let mut series = Series::default();
    series.begin(Vec::new(), Before::Known);
    series.added(name(1), port(1));
    series.removed(&name(1));
    assert!(series.read(Vec::new()).is_empty());
    let grown = series.last_counts(&name(1), traffic(1234)).unwrap();
    assert_eq!(grown.by, traffic(1234));
    assert_eq!(series.last_counts(&name(1), traffic(1234)), None);
}

#[test]
fn last_counts_of_flows_nobody_knows_are_nobodys() {
    let mut series = Series::default();
    assert_eq!(series.last_counts(&name(1), traffic(1)), None);
}

#[test]
fn flows_whose_last_counts_never_come_are_given_up() {
    let mut series = Series::default();
    for _ in 0..100 {
        series.added(name(1), port(1));
        series.removed(&name(1));
        series.read(Vec::new());
    }
    assert!(series.ended[&name(1)].len() <= PATIENCE as usize);
}
