use std::sync::atomic::{AtomicUsize, Ordering};

use model::Id;

use super::*;

/// A journal that has a writer, and how often that was woken.
fn journal() -> (Journal, Arc<AtomicUsize>) {
    let journal = Journal::default();
    let woken = Arc::<AtomicUsize>::default();
    let counted = woken.clone();
    let wake = move || _ = counted.fetch_add(1, Ordering::Relaxed);
    journal.begin(0, Vec::new(), Box::new(wake));
    (journal, woken)
}

/// Publishes so many routine events, as the writer's thread would.
fn publish(journal: &Journal, last: &mut u64, count: usize) {
    for _ in 0..count {
        let note = Note::new(EventKind::ObjectChanged, "a thing changed");
        let events = numbered(*last, vec![note]);
        *last += 1;
        journal.publish(events);
    }
}

fn ids(after: After) -> Vec<u64> {
    match after {
        After::Events(events) => events.iter().map(|event| event.id).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_told_is_seen_only_when_it_is_written() {
    let (journal, woken) = journal();
    journal.tell(Note::new(EventKind::HostLost, "gone"));
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert_eq!(journal.told(), []);
    assert_eq!(journal.after(0, 10), After::Events(Vec::new()));
    let events = numbered(0, journal.take());
    journal.publish(events);
    assert_eq!(journal.told()[0].message, "gone");
    assert_eq!(ids(journal.after(0, 10)), [1]);
    assert_eq!(*journal.newest().borrow(), 1);
}

#[test]
fn what_could_not_be_written_keeps_its_place() {
    let (journal, _) = journal();
    for message in ["one", "two"] {
        journal.tell(Note::new(EventKind::Remark, message));
    }
    let failed = journal.take();
    journal.tell(Note::new(EventKind::Remark, "three"));
    journal.put_back(failed);
    let messages = journal.take().into_iter().map(|note| note.message);
    assert!(messages.eq(["one", "two", "three"]));
}

#[test]
fn a_store_that_does_not_write_costs_bounded_memory() {
    let (journal, _) = journal();
    for _ in 0..3 * WAITING_MAX {
        journal.tell(Note::new(EventKind::PortActive, "again"));
    }
    let failed = journal.take();
    assert_eq!(failed.len(), WAITING_MAX + 1);
    let said = &failed.last().unwrap().message;
    assert_eq!(
        said,
        &format!(
            "{} events are left out: too many at the same time",
            2 * WAITING_MAX
        )
    );
    for _ in 0..WAITING_MAX {
        journal.tell(Note::new(EventKind::PortActive, "again"));
    }
    journal.put_back(failed);
    assert_eq!(journal.take().len(), WAITING_MAX + 1);
}

#[test]
fn whoever_is_behind_reads_from_disk_and_whoever_is_too_far_behind_hears_of_a_gap() {
    let (journal, _) = journal();
    let mut last = 0;
    publish(&journal, &mut last, IN_MEMORY);
    assert_eq!(ids(journal.after(0, 2)), [1, 2]);
    publish(&journal, &mut last, 1);
    assert_eq!(journal.after(0, 2), After::OnDisk);
    assert_eq!(ids(journal.after(1, 2)), [2, 3]);
    assert_eq!(ids(journal.after(last - 1, 2)), [last]);
    assert_eq!(ids(journal.after(last, 2)), [0; 0]);
    assert_eq!(journal.after(last + 1, 2), After::Lost(last));
    // Long after.
    let far = crate::store::events::KEPT + 5;
    let notes = vec![Note::new(EventKind::ObjectChanged, "a thing changed")];
    journal.publish(numbered(far - 1, notes));
    assert_eq!(journal.after(4, 2), After::Lost(5));
    assert_eq!(ids(journal.after(5, 2)), [6, 7]);
}

#[test]
fn after_a_start_all_before_it_is_on_disk_and_what_operators_are_told_is_there() {
    let journal = Journal::default();
    let told = numbered(6, vec![Note::new(EventKind::HostLost, "before the start")]);
    journal.begin(9, told, Box::new(|| ()));
    assert_eq!(journal.after(8, 2), After::OnDisk);
    assert_eq!(ids(journal.after(9, 2)), [0; 0]);
    assert_eq!(journal.told()[0].id, 7);
}

#[test]
fn what_goes_on_all_day_does_not_push_out_what_operators_are_told() {
    let (journal, _) = journal();
    let lost = Note {
        host_id: Some(Id::generate()),
        ..Note::new(EventKind::HostLost, "gone")
    };
    journal.publish(numbered(0, vec![lost]));
    publish(&journal, &mut 1, 2 * IN_MEMORY);
    assert_eq!(journal.told()[0].id, 1);
}
