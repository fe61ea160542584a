//! Many clients at once, on a real store.

use std::sync::Arc;

use api::backend::{Backend, Idempotency};
use api::problem::Code;
use api::request::TenantCreate;
use proptest::strategy::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::refused::{caller, start};
use super::{Op, assert_sound, decide, ops};
use crate::intent::Intent;
use crate::service::Service;
use crate::store::Store;
use crate::writer::Draft;

/// Asks for the operation as a client would, but for the JSON.
async fn perform(service: &Service, op: &Op) {
    let decide = |intent: &Intent| {
        let writes = decide(intent, op)?;
        Ok(Draft { writes, answer: () })
    };
    _ = service.writer.change(caller(), "test", decide).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_clients_at_once_leave_a_sound_intent_and_the_store_has_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let service = Arc::new(start(folder.path()));
    let mut runner = TestRunner::default();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let ops = ops(150).new_tree(&mut runner).unwrap().current();
            let service = service.clone();
            tokio::spawn(async move {
                for op in &ops {
                    perform(&service, op).await;
                    assert_sound(&service.intent());
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let store = Store::open(&folder.path().join("bulkhead.db")).unwrap();
    assert_eq!(store.load().unwrap(), *service.intent());
    assert!(service.intent().revision > 100);
}

#[tokio::test]
async fn a_creation_sent_many_times_under_one_key_is_done_once_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = |fingerprint| api::backend::Caller {
        idempotency: Some(Idempotency {
            key: "k".into(),
            fingerprint: [fingerprint; 32],
        }),
        ..caller()
    };
    let request = || TenantCreate {
        name: "a".parse().unwrap(),
        limits: model::Limits::default(),
    };
    let service = start(folder.path());
    let at_once = (0..16).map(|_| service.tenant_create(keyed(1), request()));
    let made = futures::future::join_all(at_once).await;
    let first = made[0].clone().unwrap();
    assert!(made.iter().all(|it| it.as_ref() == Ok(&first)));
    assert_eq!(service.tenants().len(), 1);
    let other = service
        .tenant_create(keyed(2), request())
        .await
        .unwrap_err();
    assert_eq!(other.code, Code::IdempotencyConflict);
    drop(service);

    let service = start(folder.path());
    assert_eq!(
        service.tenant_create(keyed(1), request()).await,
        Ok(first.clone())
    );
    // As it was created, even if it is gone by now.
    service.tenant_delete(caller(), first.id).await.unwrap();
    assert_eq!(service.tenant_create(keyed(1), request()).await, Ok(first));
    assert!(service.tenants().is_empty());
}
