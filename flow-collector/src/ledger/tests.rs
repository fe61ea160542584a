use std::path::PathBuf;

use api::request::UsageQuery;
use model::{NetworkId, PortId, TenantId, Timestamp, Traffic, Usage, UsageOf};
use tempfile::TempDir;

use super::*;
use crate::report::{self, Range};
use crate::tally::evidence::Evidence;
use crate::tally::{Amounts, Counter, Moved, Stamp};

fn scratch() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/ledger.sqlite");
    (folder, path)
}

fn entry(interval_start: i64, bytes: u64) -> Entry {
    let traffic = |bytes| Traffic { bytes, packets: 1 };
    Entry {
        interval_start,
        host: HostId::generate(),
        port: PortId::generate(),
        network: NetworkId::generate(),
        tenant: TenantId::generate(),
        amounts: Amounts {
            counted: Moved {
                sent: traffic(bytes),
                received: traffic(2 * bytes),
            },
            sent_estimate: traffic(3 * bytes),
            samples: 4,
        },
    }
}

fn reading(host: HostId, if_index: u32, arrived: i64) -> (InterfaceId, Reading) {
    let counter = |bytes| Counter {
        bytes,
        packets: u32::MAX,
    };
    let reading = Reading {
        stamp: Stamp {
            arrived,
            uptime: u32::MAX,
            sequence: 3,
        },
        port: PortId::generate(),
        sent: counter(u64::MAX - 1),
        received: counter(7),
    };
    ((host, if_index), reading)
}

/// What the entry may rest on.
fn evidence(of: &Entry) -> Evidence {
    let (_, to) = reading(of.host, 7, 5);
    let to = Reading {
        port: of.port,
        ..to
    };
    let run = CounterRun {
        if_index: 7,
        from: to,
        to,
        readings: 3,
    };
    let datagrams = DatagramRun {
        sub_agent: 1,
        first: to.stamp,
        last: to.stamp,
        taken: u32::MAX,
    };
    Evidence {
        counters: vec![Numbered {
            interval_start: of.interval_start,
            of: (of.host, of.port),
            number: 0,
            run,
        }],
        datagrams: vec![Numbered {
            interval_start: of.interval_start,
            of: of.host,
            number: 0,
            run: datagrams,
        }],
    }
}

async fn write(path: &Path, batches: Vec<Batch>) {
    let (ledger, _) = Ledger::open(path, 0).unwrap();
    for batch in batches {
        let (done, written) = oneshot::channel();
        let place = ledger.wait_for_place().await.unwrap();
        place.write(batch, vec![done]);
        written.await.unwrap();
    }
    ledger.close().await.unwrap();
}

fn entries(entries: &[Entry]) -> Batch {
    Batch {
        entries: entries.to_vec(),
        ..Batch::default()
    }
}

fn sums(path: &Path, query: &UsageQuery) -> Vec<Usage> {
    let range = Range::of(query, Timestamp::from_unix_seconds(100_000));
    report::usage(&open_to_read(path).unwrap(), query, range).unwrap()
}

fn query(by: UsageOf) -> UsageQuery {
    UsageQuery {
        from: Some(Timestamp::from_unix_seconds(0)),
        ..UsageQuery::by(by)
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart_to_the_last_bit() {
    let (_folder, path) = scratch();
    let entry = entry(600, 1000);
    let batch = Batch {
        entries: vec![entry],
        readings: vec![reading(entry.host, 7, 5)],
        evidence: evidence(&entry),
        ..Batch::default()
    };
    write(&path, vec![batch.clone()]).await;
    let (ledger, resume) = Ledger::open(&path, 600).unwrap();
    assert_eq!(resume.entries, batch.entries);
    assert_eq!(resume.readings, batch.readings);
    assert_eq!(resume.evidence, batch.evidence);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn the_time_a_ledger_was_begun_never_changes() {
    let (_folder, path) = scratch();
    let (ledger, first) = Ledger::open(&path, 0).unwrap();
    ledger.close().await.unwrap();
    let (ledger, second) = Ledger::open(&path, 0).unwrap();
    ledger.close().await.unwrap();
    assert_eq!(first.begun, second.begun);
    assert!(first.begun > 0);
}

#[tokio::test]
async fn an_interval_that_has_ended_is_not_gone_on_with() {
    let (_folder, path) = scratch();
    write(&path, vec![entries(&[entry(600, 1000)])]).await;
    let (ledger, resume) = Ledger::open(&path, 900).unwrap();
    ledger.close().await.unwrap();
    assert_eq!((resume.interval_start, resume.entries.len()), (900, 0));
    // Unless our clock has been set back.
    let (ledger, resume) = Ledger::open(&path, 300).unwrap();
    ledger.close().await.unwrap();
    assert_eq!((resume.interval_start, resume.entries.len()), (600, 1));
}

#[tokio::test]
async fn writing_an_entry_twice_changes_nothing_and_newer_amounts_replace_older() {
    let (_folder, path) = scratch();
    let first = entry(600, 1000);
    let mut newer = first;
    newer.amounts.counted.sent.bytes = 1500;
    write(
        &path,
        vec![entries(&[first]), entries(&[first]), entries(&[newer])],
    )
    .await;
    let usage = sums(&path, &query(UsageOf::Port));
    assert_eq!(usage.len(), 1);
    assert_eq!(
        (
            usage[0].interface_sent.bytes,
            usage[0].interface_received.bytes
        ),
        (1500, 2000)
    );
    assert_eq!((usage[0].sent_estimate.bytes, usage[0].samples), (3000, 4));
}

#[tokio::test]
async fn usage_is_summed_by_what_was_asked_for_and_of_whom() {
    let (_folder, path) = scratch();
    let first = entry(600, 1000);
    // The same tenant on another host and port, and a stranger.
    let mut second = entry(900, 10);
    second.tenant = first.tenant;
    let stranger = entry(600, 7);
    write(&path, vec![entries(&[first, second, stranger])]).await;

    let by_tenant = sums(&path, &query(UsageOf::Tenant));
    let of = |id| by_tenant.iter().find(|usage| usage.id == id).unwrap();
    assert_eq!(by_tenant.len(), 2);
    assert_eq!(of(first.tenant.uuid()).interface_sent.bytes, 1010);
    assert_eq!(of(stranger.tenant.uuid()).interface_sent.bytes, 7);

    let theirs = UsageQuery {
        tenant_id: Some(first.tenant),
        ..query(UsageOf::Port)
    };
    let mut ports: Vec<_> = sums(&path, &theirs).iter().map(|usage| usage.id).collect();
    ports.sort();
    let mut expected = [first.port.uuid(), second.port.uuid()];
    expected.sort();
    assert_eq!(ports, expected);
}

#[tokio::test]
async fn ranges_that_adjoin_add_up() {
    let (_folder, path) = scratch();
    write(&path, vec![entries(&[entry(600, 1000), entry(900, 10)])]).await;
    let sent = |from, to| {
        let query = UsageQuery {
            from: Some(Timestamp::from_unix_seconds(from)),
            to: Some(Timestamp::from_unix_seconds(to)),
            ..query(UsageOf::Port)
        };
        let usage = sums(&path, &query);
        usage
            .iter()
            .map(|usage| usage.interface_sent.bytes)
            .sum::<u64>()
    };
    assert_eq!((sent(0, 900), sent(900, 1200)), (1000, 10));
    assert_eq!((sent(0, 750), sent(750, 1200)), (1000, 10));
    assert_eq!(sent(0, 1200), 1010);
}

#[tokio::test]
async fn amounts_beyond_all_reason_break_no_report() {
    let (_folder, path) = scratch();
    let mut lies = [entry(600, 0), entry(900, 0)];
    lies[1].tenant = lies[0].tenant;
    for lie in &mut lies {
        lie.amounts.counted.sent.bytes = u64::MAX;
    }
    let honest = entry(600, 1000);
    write(&path, vec![entries(&[lies[0], lies[1], honest])]).await;
    let usage = sums(&path, &query(UsageOf::Tenant));
    let sent: Vec<_> = usage
        .iter()
        .map(|usage| usage.interface_sent.bytes)
        .collect();
    assert!(sent.contains(&1000) && sent.contains(&(u64::MAX - 1)));
}

#[tokio::test]
async fn two_collectors_cannot_keep_one_ledger() {
    let (_folder, path) = scratch();
    let (ledger, _) = Ledger::open(&path, 0).unwrap();
    let second = Ledger::open(&path, 0).map(|_| ());
    assert!(matches!(second, Err(LedgerError::Taken(_))));
    ledger.close().await.unwrap();
    write(&path, Vec::new()).await;
}

#[tokio::test]
async fn a_ledger_of_a_newer_version_is_left_alone() {
    let (_folder, path) = scratch();
    write(&path, Vec::new()).await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let opened = Ledger::open(&path, 0).map(|_| ());
    assert!(matches!(opened, Err(LedgerError::TooNew { found: 99, .. })));
}

#[tokio::test]
async fn a_batch_that_cannot_be_written_is_written_with_the_next() {
    let (_folder, path) = scratch();
    let (ledger, _) = Ledger::open(&path, 0).unwrap();
    let hinder = Connection::open(&path).unwrap();
    hinder
        .execute_batch(
            "CREATE TRIGGER hinder BEFORE INSERT ON usage BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let (done, written) = oneshot::channel();
    let place = ledger.wait_for_place().await.unwrap();
    place.write(entries(&[entry(600, 1000)]), vec![done]);
    assert!(written.await.is_err());
    hinder.execute_batch("DROP TRIGGER hinder").unwrap();
    let place = ledger.wait_for_place().await.unwrap();
    place.write(entries(&[entry(600, 10)]), Vec::new());
    ledger.close().await.unwrap();
    let usage = sums(&path, &query(UsageOf::Port));
    let mut sent: Vec<_> = usage
        .iter()
        .map(|usage| usage.interface_sent.bytes)
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, [10, 1000]);
}

#[tokio::test]
async fn only_interfaces_that_are_silent_while_their_host_is_not_are_forgotten() {
    let (_folder, path) = scratch();
    let (first, second) = (HostId::generate(), HostId::generate());
    let month = 31 * 24 * 3600 * 1000;
    let batch = Batch {
        readings: vec![
            reading(first, 7, 0),
            reading(first, 8, month),
            reading(second, 7, 0),
        ],
        ..Batch::default()
    };
    write(&path, vec![batch]).await;
    let (ledger, resume) = Ledger::open(&path, 0).unwrap();
    ledger.close().await.unwrap();
    let mut kept: Vec<_> = resume.readings.iter().map(|(id, _)| *id).collect();
    kept.sort();
    let mut expected = [(first, 8), (second, 7)];
    expected.sort();
    assert_eq!(kept, expected);
}
