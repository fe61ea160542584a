use std::num::NonZeroU32;

use model::{BothWays, PortId, Traffic, TrafficClass};
use openflow::Match;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::intervals::{Intervals, Span};
use super::super::series::{FlowName, Grown, Live};
use super::*;
use crate::pipeline::counting::{Counted, Direction};

const FIVE_MINUTES: NonZeroU32 = NonZeroU32::new(300).unwrap();

fn counted(n: u16) -> Counted {
    Counted {
        port: Uuid::from_u128(n.into()).into(),
        direction: Direction::Sent,
        class: TrafficClass::Public,
    }
}

/// A flow that counts for a port of its own.
fn flow(n: u16, bytes: u64) -> FlowState {
    let live = Live {
        counted: counted(n),
        born: Some(7),
        counts: Traffic { bytes, packets: 1 },
    };
    FlowState::new(&FlowName::new(16, n + 10_000, &Match::new()), &live)
}

/// A state with these flows, whose ports moved as much as these counted.
fn state(flows: &BTreeMap<u16, u64>, batch: u64) -> State {
    let none: [(PortId, TrafficClass, BothWays); 0] = [];
    let mut intervals = Intervals::resume(FIVE_MINUTES, none, Vec::new());
    for (n, bytes) in flows {
        let by = Traffic {
            bytes: *bytes,
            packets: 1,
        };
        let counted = counted(*n);
        let to = 1_000_000_000;
        intervals.add(&Grown { counted, by }, Span { from: to, to });
    }
    let meters = intervals.meters();
    State {
        epoch: Uuid::nil(),
        batch,
        read: None,
        flows: flows.iter().map(|(n, bytes)| flow(*n, *bytes)).collect(),
        meters: meters
            .map(|(port, class, total)| MeterState { port, class, total })
            .collect(),
        kept: intervals.kept().cloned().collect(),
        ..State::fresh(FIVE_MINUTES)
    }
}

fn load(folder: &Path) -> io::Result<State> {
    Journal::load(folder).1
}

#[test]
fn what_was_saved_last_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, nothing) = Journal::load(folder.path());
    assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::NotFound);
    for n in 0..5 {
        let state = state(&BTreeMap::from([(n, 100), (7, u64::from(n))]), n.into());
        journal.save(state.clone()).unwrap();
        assert_eq!(load(folder.path()).unwrap(), state);
    }
}

#[test]
fn what_is_written_is_as_much_as_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::load(folder.path());
    let mut flows: BTreeMap<u16, u64> = (0..2000).map(|n| (n, 100)).collect();
    journal.save(state(&flows, 1)).unwrap();
    let length = || {
        fs::metadata(folder.path().join("usage.journal"))
            .unwrap()
            .len()
    };
    let whole = length();
    flows.insert(77, 200);
    journal.save(state(&flows, 2)).unwrap();
    assert!(length() - whole < 2000, "{} of {whole}", length() - whole);
    assert_eq!(load(folder.path()).unwrap(), state(&flows, 2));
}

#[test]
fn a_journal_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::load(folder.path());
    for n in 0..2000 {
        journal.save(state(&BTreeMap::from([(1, n)]), n)).unwrap();
    }
    let length = fs::metadata(folder.path().join("usage.journal"))
        .unwrap()
        .len();
    assert!(length < 2 * SHORT, "{length}");
    assert_eq!(load(folder.path()).unwrap().batch, 1999);
}

#[test]
fn what_an_earlier_version_wrote_is_gone_on_with_and_then_gone() {
    let folder = tempfile::tempdir().unwrap();
    let former = folder.path().join("usage.json");
    let before = state(&BTreeMap::from([(1, 5)]), 9);
    plan_store::replace(&former, &before).unwrap();
    let (mut journal, found) = Journal::load(folder.path());
    assert_eq!(found.unwrap(), before);
    journal.save(before.clone()).unwrap();
    assert!(!former.exists());
    assert_eq!(load(folder.path()).unwrap(), before);
}

#[test]
fn a_journal_without_its_beginning_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("usage.journal"), "0123456789abcdef {}\n").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

/// States that follow each other: flows that grow, come and go.
fn histories() -> impl Strategy<Value = Vec<BTreeMap<u16, u64>>> {
    let flows = proptest::collection::btree_map(0u16..12, 0u64..1000, 0..8);
    proptest::collection::vec(flows, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn wherever_power_is_cut_the_last_whole_line_counts(
        history in histories(),
        cut in any::<prop::sample::Index>(),
        garbage in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.journal");
        let (mut journal, _) = Journal::load(folder.path());
        let mut saved = Vec::new();
        for (batch, flows) in (1..).zip(&history) {
            let state = state(flows, batch);
            journal.save(state.clone()).unwrap();
            saved.push((fs::metadata(&path).unwrap().len(), state));
        }
        // Only what was written after the first line can be cut: that one was renamed into its place.
        let bytes = fs::read(&path).unwrap();
        let first = usize::try_from(saved[0].0).unwrap();
        let at = first + cut.index(bytes.len() - first + 1);
        let mut torn = bytes[..at].to_vec();
        torn.extend(&garbage);
        fs::write(&path, &torn).unwrap();
        let whole = saved.iter().rfind(|(length, _)| *length <= at as u64).unwrap();
        let found = load(folder.path()).unwrap();
        prop_assert_eq!(&found, &whole.1);

        // And it goes on from there.
        let (mut journal, _) = Journal::load(folder.path());
        let next = state(&history[0], 100);
        journal.save(found).unwrap();
        journal.save(next.clone()).unwrap();
        prop_assert_eq!(load(folder.path()).unwrap(), next);
    }
}
