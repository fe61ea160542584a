use std::collections::BTreeSet;

use api::backend::{Backend, UsageBackend};
use api::request::TenantCreate;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::fleet::Fleet;
use crate::service::{Service, Settings};
use api::token::TokenDigest;

fn open(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("bulkhead.db")).unwrap()
}

fn start(store: Store) -> Service {
    let token = TokenDigest::of("token");
    Service::start(
        store,
        Settings::default(),
        Arc::new(Fleet::default()),
        token,
    )
    .unwrap()
}

fn caller(key: Option<&str>) -> Caller {
    let idempotency = key.map(|key| Idempotency {
        key: key.into(),
        fingerprint: [1; 32],
    });
    Caller {
        actor: "admin".into(),
        held_to: None,
        source: None,
        request_id: "test".into(),
        idempotency,
        revised: Default::default(),
        precondition: None,
    }
}

async fn create(service: &Service, name: &str) -> Outcome<model::Tenant> {
    let request = TenantCreate {
        name: name.parse().unwrap(),
        limits: model::Limits::default(),
    };
    service.tenant_create(caller(Some(name)), request).await
}

/// From outside, as a bad disk would: every change fails, whatever it is.
fn break_store(folder: &TempDir) -> Connection {
    let outside = Connection::open(folder.path().join("bulkhead.db")).unwrap();
    outside
        .busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON audit \
                  BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END";
    outside.execute_batch(broken).unwrap();
    outside
}

fn names(intent: &Intent) -> BTreeSet<String> {
    intent
        .tenants
        .values()
        .map(|it| it.name.to_string())
        .collect()
}

#[tokio::test]
async fn a_change_that_the_store_cannot_keep_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(open(&folder));
    create(&service, "before").await.unwrap();
    let outside = break_store(&folder);
    let refused = create(&service, "refused").await.unwrap_err();
    assert_eq!(refused.code, Code::StoreUnavailable);
    assert_ne!(service.health().status, "ok");
    assert_eq!(
        names(&service.intent()),
        BTreeSet::from(["before".to_owned()])
    );
    outside.execute_batch("DROP TRIGGER broken").unwrap();
    // The same request under the same key is free to succeed now.
    create(&service, "refused").await.unwrap();
    assert_eq!(service.health().status, "ok");
    assert_eq!(open(&folder).load().unwrap(), *service.intent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_while_the_store_failed_now_and_then_is_exactly_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let service = Arc::new(start(open(&folder)));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let service = service.clone();
            tokio::spawn(async move {
                let mut kept = BTreeSet::new();
                for number in 0..40 {
                    let name = format!("{client}-{number}");
                    if create(&service, &name).await.is_ok() {
                        kept.insert(name);
                    }
                }
                kept
            })
        })
        .collect();
    for _ in 0..5 {
        let outside = break_store(&folder);
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        outside.execute_batch("DROP TRIGGER broken").unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let mut acknowledged = BTreeSet::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    assert_eq!(names(&service.intent()), acknowledged);
    assert_eq!(open(&folder).load().unwrap(), *service.intent());
}

#[tokio::test]
async fn a_full_disk_refuses_changes_and_memory_stays_what_the_disk_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.limit_pages(80);
    let service = start(store);
    let mut acknowledged = BTreeSet::new();
    let full = loop {
        let name = format!("t{}", acknowledged.len());
        match create(&service, &name).await {
            Ok(_) => acknowledged.insert(name),
            Err(problem) => break problem,
        };
    };
    assert_eq!(full.code, Code::StoreUnavailable);
    assert_eq!(names(&service.intent()), acknowledged);
    assert_eq!(open(&folder).load().unwrap(), *service.intent());
}

#[tokio::test]
async fn every_start_and_every_change_has_a_revision_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(open(&folder));
    assert_eq!(service.intent().revision, 1);
    create(&service, "a").await.unwrap();
    assert_eq!(service.intent().revision, 2);
    create(&service, "a").await.unwrap();
    assert_eq!(
        service.intent().revision,
        2,
        "an answer given again is no change"
    );
    drop(service);
    assert_eq!(start(open(&folder)).intent().revision, 3);
}
