use proptest::prelude::*;

use super::*;

const CLASSES: [TrafficClass; 2] = [TrafficClass::Public, TrafficClass::TenantInternal];

/// Of every kind of key some.
fn key(n: u8) -> Key {
    match n % 4 {
        0 => Key::Address(Some(Ipv4Addr::new(10, 0, 0, n).into())),
        1 => Key::Address(Some(Ipv6Addr::from(u128::from(n)).into())),
        2 => Key::Peer(Peer::Port(PortId::from(Uuid::from_u128(n.into())))),
        _ => Key::Ip(n, Some(443)),
    }
}

fn add(summary: &mut OpenSummary, class: TrafficClass, n: u8, bytes: u64) {
    let sampled = Sampled {
        bytes,
        packets: 1,
        variance: 0.0,
    };
    summary.add(class, key(n), &sampled);
}

/// What a key can have sent at most, by what is kept.
fn most(summary: &Summary, class: TrafficClass, n: u8) -> u64 {
    let mut cells = summary.cells.iter();
    let cell = cells.find(|(its, of, _)| (*its, *of) == (class, key(n)));
    cell.map_or(summary.floor, |(_, _, cell)| cell.bytes + cell.hidden)
}

#[test]
fn a_few_keys_are_kept_whole() {
    let mut open = OpenSummary::default();
    (0..8).for_each(|n| add(&mut open, TrafficClass::Public, n, 100));
    let summary = open.cut();
    assert_eq!((summary.cells.len(), summary.floor), (8, 0));
    assert!(summary.other.is_empty());
    assert!(summary.cells.iter().all(|(_, _, cell)| cell.hidden == 0));
}

#[test]
fn every_key_comes_out_as_it_went_in() {
    let service = |n| Key::Ip(n, Some(u16::MAX - u16::from(n)));
    let keys = (0..6).map(key).chain((0..3).map(service)).chain([
        Key::Peer(Peer::Pool),
        Key::Peer(Peer::Outside),
        Key::Peer(Peer::Everybody),
        Key::Peer(Peer::Unknown),
        Key::Ip(255, None),
        Key::Ethernet(0x88cc),
        Key::Address(None),
    ]);
    for key in keys {
        let mut open = OpenSummary::default();
        open.add(TrafficClass::Public, key, &Sampled::default());
        assert_eq!(open.cut().cells[0].1, key);
    }
}

/// There are 30,000 of these lists for 10,000 ports.
#[test]
fn a_cell_takes_34_bytes_and_its_list_grows_by_few() {
    assert_eq!(size_of::<OpenCell>(), 34);
    let mut open = OpenSummary::default();
    for n in 0..=u8::MAX {
        add(&mut open, TrafficClass::Public, n, 1000);
        assert!(open.cells.capacity() <= (open.cells.len() + 4).min(MOST_CELLS));
        assert!(open.long.len() <= open.cells.len());
    }
}

proptest! {
    #[test]
    fn what_may_be_hidden_is_never_rounded_down(bytes: u64) {
        prop_assert!(whole(at_least(bytes)) >= bytes);
    }

    #[test]
    fn nothing_is_lost_and_what_may_be_hidden_is_bounded(
        steps in proptest::collection::vec((0usize..2, 0u8..100, 1u64..1 << 40), 1..800),
    ) {
        let mut open = OpenSummary::default();
        let mut truth = [[0u64; 100]; 2];
        for (class, n, bytes) in steps {
            add(&mut open, CLASSES[class], n, bytes);
            truth[class][usize::from(n)] += bytes;
            prop_assert!(open.cells.len() <= MOST_CELLS);
        }
        let summary = open.cut();
        for (class, truth) in CLASSES.into_iter().zip(truth) {
            let cells = summary.cells.iter().filter(|(its, ..)| *its == class);
            let kept: Vec<u64> = cells.map(|(_, _, cell)| cell.bytes).collect();
            prop_assert!(kept.len() <= KEPT_CELLS);
            let other = summary.other.iter().filter(|(its, _)| *its == class);
            let other: u64 = other.map(|(_, cell)| cell.bytes).sum();
            prop_assert_eq!(kept.iter().sum::<u64>() + other, truth.iter().sum::<u64>());
            for (n, truth) in (0u8..).zip(truth) {
                prop_assert!(truth <= most(&summary, class, n), "{}", n);
            }
        }
    }
}
