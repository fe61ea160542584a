//! History: what is found in it, and that nobody rewrites it unseen, with SQLite itself as the tool.

use api::request::HistoryQuery;
use model::{HistoryKind, HistoryMark, HistoryRecord, HistoryVerification};

use super::*;
use crate::store::chain::{Expected, begin};

/// A store whose history has this many records at least.
fn written() -> (Store, u64) {
    let (mut store, mut intent) = pool();
    run(&mut store, &mut intent, &[Op::Host { name: 1 }]);
    for host in [1, 0, 1] {
        run(&mut store, &mut intent, &[Op::Bind { port: 0, host }]);
    }
    let newest = store.last_revision().unwrap();
    assert!(newest >= 8, "{newest}");
    (store, newest)
}

fn verify_all(store: &mut Store, newest: u64, mark: Option<HistoryMark>) -> HistoryVerification {
    let expected = Expected { newest, mark };
    chain::verify(&mut store.connection, &expected).unwrap()
}

/// Carries out what somebody with the file at hand could.
fn tampered(sql: &str) -> (Store, u64) {
    let (store, newest) = written();
    store.connection.execute_batch(sql).expect(sql);
    (store, newest)
}

#[test]
fn a_history_that_nobody_touched_fits() {
    let (mut store, newest) = written();
    let verified = verify_all(&mut store, newest, None);
    assert_eq!(verified.fault, None);
    assert_eq!(verified.records, newest);
    let mark = verified.newest.unwrap();
    assert_eq!(mark.revision, newest);
    let again = verify_all(&mut store, newest, Some(mark));
    assert_eq!(again.fault, None);
}

#[test]
fn a_record_that_is_changed_in_any_field_is_named() {
    for change in [
        "at = '2020-01-01T00:00:00Z'",
        "actor = 'somebody'",
        "actor = ''",
        "tenant_id = 'x'",
        "source = '198.51.100.1'",
        "source = NULL",
        "request_id = ''",
        "verb = 'start'",
        "objects = '[]'",
        "objects = replace(objects, 'null', ' null')",
        "hash = zeroblob(32)",
        "hash = x''",
        // The same letters, cut otherwise.
        "actor = actor || substr(request_id, 1, 1), request_id = substr(request_id, 2)",
    ] {
        let sql = format!("UPDATE audit SET {change} WHERE revision = 4");
        let (mut store, newest) = tampered(&sql);
        let fault = verify_all(&mut store, newest, None).fault.expect(change);
        assert_eq!(fault.revision, 4, "{change}: {}", fault.message);
        assert!(fault.message.contains("not what was written"), "{change}");
    }
}

#[test]
fn records_taken_out_put_in_exchanged_or_cut_off_are_named() {
    let copy = |revision: &str| {
        format!(
            "INSERT INTO audit SELECT {revision}, at, actor, request_id, verb, objects, tenant_id, \
             source, hash FROM audit WHERE revision = 3"
        )
    };
    let newest = written().1;
    let cases = [
        ("DELETE FROM audit WHERE revision = 1".to_owned(), 1),
        ("DELETE FROM audit WHERE revision = 5".to_owned(), 5),
        // Those after it move up, so that no number is missing.
        (
            "DELETE FROM audit WHERE revision = 5; \
             UPDATE audit SET revision = -revision WHERE revision > 5; \
             UPDATE audit SET revision = -revision - 1 WHERE revision < 0"
                .to_owned(),
            5,
        ),
        (copy("0"), 1),
        (copy(&(newest + 1).to_string()), newest + 1),
        (
            "UPDATE audit SET revision = -3 WHERE revision = 3; \
             UPDATE audit SET revision = 3 WHERE revision = 6; \
             UPDATE audit SET revision = 6 WHERE revision = -3"
                .to_owned(),
            3,
        ),
        ("DELETE FROM audit WHERE revision > 6".to_owned(), 7),
        ("DELETE FROM audit".to_owned(), 1),
    ];
    for (sql, named) in cases {
        let (mut store, newest) = tampered(&sql);
        let fault = verify_all(&mut store, newest, None).fault.expect(&sql);
        assert_eq!(fault.revision, named, "{sql}: {}", fault.message);
    }
}

#[test]
fn a_record_that_is_not_found_any_more_by_what_it_touched_is_named() {
    for sql in [
        "DELETE FROM audit_object WHERE revision = 4",
        "UPDATE audit_object SET tenant_id = NULL WHERE revision = 4",
        "UPDATE audit_object SET object_id = '00000000-0000-0000-0000-000000000000' \
         WHERE revision = 4",
        "INSERT INTO audit_object VALUES (4, '00000000-0000-0000-0000-000000000000', 'port', NULL)",
    ] {
        let (mut store, newest) = tampered(sql);
        let fault = verify_all(&mut store, newest, None).fault.expect(sql);
        assert_eq!(fault.revision, 4, "{sql}");
    }
}

#[test]
fn what_a_chain_by_itself_cannot_see_a_mark_that_was_kept_elsewhere_shows() {
    let cut = "DELETE FROM audit WHERE revision > 6";
    let rewritten = "UPDATE audit SET actor = 'somebody' WHERE revision = 2";
    for (sql, named) in [(cut, 7), (rewritten, 0)] {
        let (mut store, newest) = written();
        let mark = verify_all(&mut store, newest, None).newest.unwrap();
        store.connection.execute_batch(sql).unwrap();
        // Somebody who computes as this program does.
        let transaction = store.connection.transaction().unwrap();
        begin(&transaction).unwrap();
        transaction.commit().unwrap();
        // A controller that has just started knows of no more than what is there.
        let unseen = verify_all(&mut store, 0, None);
        assert_eq!(unseen.fault, None, "{sql}");
        let seen = verify_all(&mut store, 0, Some(mark.clone())).fault;
        let named = if named == 0 { mark.revision } else { named };
        assert_eq!(seen.expect(sql).revision, named, "{sql}");
    }
}

fn revisions(records: &[HistoryRecord]) -> Vec<u64> {
    records.iter().map(|it| it.revision).collect()
}

#[test]
fn records_of_a_tenant_are_found_page_by_page() {
    let (store, _) = written();
    let all = HistoryQuery::default();
    let find =
        |query: &HistoryQuery| crate::store::history::records(&store.connection, query).unwrap();
    let (records, _) = find(&all);
    let change = records.first().unwrap().changes.first().unwrap();
    let mut paged = Vec::new();
    let mut query = HistoryQuery {
        tenant_id: change.tenant_id,
        limit: 2,
        ..all.clone()
    };
    loop {
        let (part, next) = find(&query);
        paged.extend(revisions(&part));
        query.cursor = next;
        if next.is_none() {
            break;
        }
    }
    let owned = |it: &&HistoryRecord| {
        let mut changes = it.changes.iter();
        changes.any(|it| it.tenant_id == change.tenant_id)
    };
    let expected: Vec<_> = records.iter().filter(owned).cloned().collect();
    assert_eq!(paged, revisions(&expected));
}

#[test]
fn records_are_found_by_object_actor_tenant_verb_and_time() {
    let (store, newest) = written();
    let all = HistoryQuery::default();
    let find =
        |query: &HistoryQuery| crate::store::history::records(&store.connection, query).unwrap();
    let (records, more) = find(&all);
    assert_eq!(more, None);
    assert!(revisions(&records).into_iter().eq((1..=newest).rev()));
    assert!(records.iter().all(|it| it.actor == "admin"));
    assert!(
        records
            .iter()
            .all(|it| it.source.as_deref() == Some("192.0.2.7"))
    );

    let bound = records.first().unwrap();
    let change = bound.changes.first().unwrap();
    assert_eq!(
        (change.noun.as_str(), change.kind),
        ("port", HistoryKind::Changed)
    );
    let host = &change.fields["host_id"];
    assert!(host.before.is_some() && host.after.is_some());
    assert_ne!(host.before, host.after);
    let object = HistoryQuery {
        object_id: Some(change.object_id),
        ..all.clone()
    };
    let (of_port, _) = find(&object);
    assert_eq!(of_port.len(), 4, "made, and bound three times");
    assert_eq!(
        of_port.last().unwrap().changes[0].kind,
        HistoryKind::Created
    );

    for nobody in [
        HistoryQuery {
            actor: Some("nobody".into()),
            ..all.clone()
        },
        HistoryQuery {
            by_tenant_id: change.tenant_id,
            ..all.clone()
        },
        HistoryQuery {
            to: Some(records.last().unwrap().at),
            ..all.clone()
        },
        HistoryQuery {
            from: Some(Timestamp::now().after(std::time::Duration::from_secs(60))),
            ..all.clone()
        },
        HistoryQuery {
            verb: Some("'; DROP TABLE audit; --".into()),
            ..all
        },
    ] {
        assert_eq!(find(&nobody).0, [], "{nobody:?}");
    }
}

#[test]
fn what_was_written_before_there_was_a_chain_is_chained_and_rid_of_digests() {
    let mut connection = Connection::open_in_memory().unwrap();
    configure(&connection).unwrap();
    for migration in &MIGRATIONS[..CHAINED - 1] {
        connection.execute_batch(migration).unwrap();
    }
    let version = CHAINED - 1;
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
    let id = uuid::Uuid::now_v7();
    let tenant = uuid::Uuid::now_v7();
    let old = serde_json::json!([
        {"noun": "access_token", "id": id, "before": null,
         "after": {"id": id, "tenant_id": tenant, "digest": "c0ffee", "name": "ci"}},
        {"noun": "tenant", "id": tenant, "before": {"id": tenant, "name": "acme"}, "after": null},
    ]);
    for (revision, objects) in [(1, "[]".to_owned()), (2, old.to_string())] {
        let sql = "INSERT INTO audit VALUES (?1, '2026-11-22T12:00:00Z', 'admin', 'r', 'v', ?2)";
        connection.execute(sql, params![revision, objects]).unwrap();
    }
    migrate(&mut connection).unwrap();
    let path = PathBuf::new();
    let mut store = Store { connection, path };
    let verified = verify_all(&mut store, 2, None);
    assert_eq!((verified.records, verified.fault), (2, None));
    let query = HistoryQuery {
        tenant_id: Some(tenant.into()),
        ..HistoryQuery::default()
    };
    let (records, _) = crate::store::history::records(&store.connection, &query).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].changes.len(), 2);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("c0ffee") && text.contains("ci"), "{text}");
    let kept = "SELECT count(*) FROM audit WHERE objects LIKE '%c0ffee%'";
    let kept: u32 = store
        .connection
        .query_row(kept, [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 0);
}
