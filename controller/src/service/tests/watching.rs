//! Events of real changes, over restarts of the controller with a real store.

use std::path::Path;

use api::backend::{Backend, WatchBackend};
use model::{Event, EventKind};
use rusqlite::Connection;
use serde_json::json;

use super::refused::{World, caller, request, start};
use crate::service::Service;

/// All events after one, page by page.
async fn after(service: &Service, mut after: u64, page: usize) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let found = service.events_after(after, page).await.unwrap();
        assert!(found.events.len() <= page);
        let Some(last) = found.events.last() else {
            return events;
        };
        after = last.id;
        events.extend(found.events.iter().map(|event| (**event).clone()));
    }
}

fn newest(service: &Service) -> u64 {
    *service.newest_event().borrow()
}

#[tokio::test]
async fn every_object_that_a_change_writes_is_told_with_its_tenant_and_the_fields_that_differ() {
    let world = World::new().await;
    let service = &world.service;
    let before = newest(service);
    let group = json!({"tenant_id": world.tenants[0], "name": "web"});
    let group = service.address_group_create(caller(), request(group)).await;
    let group = group.unwrap();
    let revision = service.intent().revision;
    let to = request(json!({"add_prefixes": ["192.0.2.0/24"]}));
    let changed = service.address_group_update(caller(), group.id, to).await;
    changed.unwrap();
    let deleted = service.address_group_delete(caller(), group.id).await;
    deleted.unwrap();
    let told = after(service, before, 2).await;
    let words = told.iter().map(|it| (it.kind, it.message.as_str()));
    let words: Vec<_> = words.collect();
    assert_eq!(
        words,
        [
            (EventKind::ObjectCreated, "address group web created"),
            (
                EventKind::ObjectChanged,
                "address group web changed: prefixes"
            ),
            (EventKind::ObjectDeleted, "address group web deleted"),
        ]
    );
    for event in &told {
        assert_eq!(event.tenant_id, Some(world.tenants[0]));
        assert_eq!(event.noun.as_deref(), Some("address_group"));
        assert_eq!(event.object_id, Some(group.id.uuid()));
    }
    let revisions = told.iter().map(|it| it.revision.unwrap());
    assert!(revisions.eq(revision..revision + 3));
}

#[tokio::test]
async fn whoever_resumes_after_a_restart_misses_no_change_and_no_number_is_given_twice() {
    let world = World::new().await;
    let tenant = world.tenants[0];
    let seen = newest(&world.service);
    let make = async |service: &Service, name: &str| {
        let group = json!({"tenant_id": tenant, "name": name});
        let made = service.address_group_create(caller(), request(group));
        made.await.unwrap();
    };
    make(&world.service, "one").await;
    make(&world.service, "two").await;
    let last = newest(&world.service);
    let folder = world.into_folder();
    let service = start(folder.path());
    make(&service, "three").await;
    for page in [1, 2, 100] {
        let told = after(&service, seen, page).await;
        let kinds = told.iter().map(|it| it.kind);
        assert!(kinds.eq([
            EventKind::ObjectCreated,
            EventKind::ObjectCreated,
            EventKind::ControllerStarted,
            EventKind::ObjectCreated,
        ]));
        assert!(told.is_sorted_by(|one, next| one.id < next.id));
        assert_eq!(told[1].id, last);
    }
}

#[tokio::test]
async fn what_operators_were_told_is_listed_after_a_restart_too() {
    let world = World::new().await;
    let told = |service: &Service| {
        service.settled();
        let all = service.events().into_iter();
        let all = all.filter(|it| it.kind == EventKind::Remark);
        all.collect::<Vec<_>>()
    };
    let message = "something odd".to_owned();
    world.service.fleet().note(EventKind::Remark, message);
    let before = told(&world.service);
    assert_eq!(before.len(), 1);
    let folder = world.into_folder();
    assert_eq!(told(&start(folder.path())), before);
}

#[tokio::test]
async fn a_reader_that_was_away_for_long_or_comes_from_another_time_hears_where_to_go_on() {
    let world = World::new().await;
    let last = newest(&world.service);
    let folder = world.into_folder();
    let far = last + 200_000;
    put(folder.path(), far, "2026-01-01T00:00:00Z");
    let service = start(folder.path());
    let forgotten = newest(&service) - crate::store::events::KEPT;
    let found = service.events_after(last, 10).await.unwrap();
    assert_eq!(found.after, forgotten);
    assert_eq!(found.events[0].id, far);
    let found = service.events_after(far + 1_000_000, 10).await.unwrap();
    assert_eq!(found.after, newest(&service));
    assert!(found.events.is_empty());
}

/// As if so many events had been.
fn put(folder: &Path, id: u64, at: &str) {
    let store = Connection::open(folder.join("bulkhead.db")).unwrap();
    let body = json!({"id": id, "at": at, "kind": "object-changed", "host_id": null,
        "message": "x"});
    let values = rusqlite::params![id, body.to_string()];
    let sql = "INSERT INTO event VALUES (?1, 1, ?2)";
    store.execute(sql, values).unwrap();
}

#[tokio::test]
async fn old_events_are_forgotten_and_what_operators_were_told_is_kept_longer() {
    let world = World::new().await;
    let message = "something odd".to_owned();
    world.service.fleet().note(EventKind::Remark, message);
    world.service.settled();
    let folder = world.into_folder();
    put(folder.path(), 300_000 - 2, "2026-01-01T00:00:00Z");
    // The start is told as number 299999, and what comes next at a full thousand.
    let service = start(folder.path());
    service.fleet().note(EventKind::Remark, "again".to_owned());
    service.settled();
    drop(service);
    let store = Connection::open(folder.path().join("bulkhead.db")).unwrap();
    let count = |sql: &str| -> u64 { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        count("SELECT count(*) FROM event WHERE id <= 200000 AND routine = 1"),
        0
    );
    let told = "SELECT count(*) FROM event WHERE body ->> 'message' = 'something odd'";
    assert_eq!(count(told), 1);
}
