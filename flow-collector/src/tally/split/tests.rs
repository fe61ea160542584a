use std::net::Ipv4Addr;

use super::*;

fn key(n: u8) -> Key {
    Key::Address(Some(Ipv4Addr::new(10, 0, 0, n).into()))
}

fn add(summary: &mut Summary, n: u8, bytes: u64) {
    let cell = summary.cell(TrafficClass::Public, key(n));
    cell.bytes += bytes;
    cell.samples += 1;
}

/// What a key can have sent at most, by what is kept.
fn most(summary: &Summary, n: u8) -> u64 {
    let mut cells = summary.cells.iter();
    let cell = cells.find(|(_, of, _)| *of == key(n));
    cell.map_or(summary.floor, |(_, _, cell)| cell.bytes + cell.hidden)
}

#[test]
fn a_few_keys_are_kept_whole() {
    let mut summary = Summary::default();
    (0..8).for_each(|n| add(&mut summary, n, 100));
    let summary = summary.cut();
    assert_eq!((summary.cells.len(), summary.floor), (8, 0));
    assert!(summary.other.is_empty());
    assert!(summary.cells.iter().all(|(_, _, cell)| cell.hidden == 0));
}

proptest::proptest! {
    #[test]
    fn nothing_is_lost_and_what_may_be_hidden_is_bounded(
        steps in proptest::collection::vec((0u8..100, 1u64..1000), 1..800),
    ) {
        let mut summary = Summary::default();
        let mut truth = [0u64; 100];
        for (n, bytes) in steps {
            add(&mut summary, n, bytes);
            truth[usize::from(n)] += bytes;
            proptest::prop_assert!(summary.cells.len() <= MOST_CELLS);
        }
        let summary = summary.cut();
        proptest::prop_assert!(summary.cells.len() <= KEPT_CELLS);
        let kept: u64 = summary.cells.iter().map(|(_, _, cell)| cell.bytes).sum();
        let other: u64 = summary.other.iter().map(|(_, cell)| cell.bytes).sum();
        proptest::prop_assert_eq!(kept + other, truth.iter().sum::<u64>());
        for (n, truth) in (0u8..).zip(truth) {
            proptest::prop_assert!(truth <= most(&summary, n), "{}", n);
        }
    }
}
