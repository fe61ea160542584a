use api::request::Paging;
use model::{HostId, Id, NetworkId, PortId, TenantId};
use rusqlite::params;

use super::*;
use crate::ledger::{bytes, open_to_write};

/// A ledger in which one port sent something.
struct Bench {
    connection: Connection,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Of the class public so many bytes were counted in each of these intervals.
    fn counted(intervals: i64, sent: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_to_write(&folder.path().join("usage.db")).unwrap();
        let bench = Self {
            connection,
            tenant: TenantId::generate(),
            _folder: folder,
        };
        for n in 0..intervals {
            let sql = "INSERT INTO account (tenant, interval_start, host, port, class, epoch,
                 interval_seconds, network, sent_bytes, sent_packets, received_bytes,
                 received_packets, sent_bytes_total, sent_packets_total, received_bytes_total,
                 received_packets_total, read_at, unread_seconds)
                 VALUES (?, ?, ?, ?, 3, ?, 300, ?, ?, 10, 0, 0, 0, 0, 0, 0, 0, 0)";
            let [host, port, epoch, network] = [(); 4].map(|()| Id::<()>::generate());
            let ids = [host, port, epoch, network].map(bytes);
            let tenant = bytes(bench.tenant);
            let [host, port, epoch, network] = ids;
            let sent = i64::try_from(sent).unwrap();
            let values = params![tenant, n * 300, host, port, epoch, network, sent];
            bench.connection.execute(sql, values).unwrap();
        }
        bench
    }

    /// And so much was sampled of these keys in the interval.
    fn sampled(&self, interval: i64, summary: &str) {
        let [host, port, network] = [
            bytes(HostId::generate()),
            bytes(PortId::generate()),
            bytes(NetworkId::generate()),
        ];
        let sql = "INSERT INTO split VALUES (?, ?, ?, ?, 0, ?, '{}', '{}', ?)";
        let tenant = bytes(self.tenant);
        let values = params![tenant, interval * 300, host, port, network, summary];
        self.connection.execute(sql, values).unwrap();
    }

    fn parts(&self) -> Vec<UsagePart> {
        let query = SplitQuery {
            by: SplitBy::Address,
            from: Some(Timestamp::from_unix_seconds(0)),
            to: None,
            class: None,
            tenant_id: Some(self.tenant),
            network_id: None,
            port_id: None,
            page: Paging::from(0),
        };
        parts(
            &self.connection,
            &query,
            Timestamp::from_unix_seconds(86_400),
        )
        .unwrap()
    }
}

fn cell(key: &str, n: u64, hidden: u64) -> String {
    let variance = n as f64 * 64.0 * 63.0 * 1e6;
    format!(
        r#"{{"class":"public","key":"{key}","samples":{n},"bytes":{},"packets":{},
            "variance":{variance},"hidden":{hidden}}}"#,
        n * 64_000,
        n * 64,
    )
}

fn summary(cells: &[String], other: &[String], floor: u64) -> String {
    let (cells, other) = (cells.join(","), other.join(","));
    format!(r#"{{"cells":[{cells}],"other":[{other}],"floor":{floor}}}"#)
}

#[test]
fn parts_add_up_to_what_was_counted_and_lie_in_their_intervals() {
    let bench = Bench::counted(2, 5_000_000);
    let keys = [cell("10.0.0.1", 90, 0), cell("10.0.0.2", 10, 0)];
    bench.sampled(0, &summary(&keys, &[], 0));
    bench.sampled(1, &summary(&keys[..1], &[], 0));
    let parts = bench.parts();
    let sum: u64 = parts.iter().map(|part| part.sent.bytes).sum();
    assert!(sum.abs_diff(10_000_000) <= 2, "{parts:#?}");
    let [first, second, none] = &parts[..] else {
        panic!("{parts:#?}")
    };
    assert_eq!((&*first.key, first.samples), ("10.0.0.1", 180));
    assert_eq!(
        (second.sent.bytes, none.kind),
        (526_316, PartKind::NotListed)
    );
    for part in [first, second] {
        assert!(part.least_bytes < part.sent.bytes && part.sent.bytes < part.most_bytes);
    }
    assert!(none.most_bytes > 100_000 && none.most_bytes < 300_000);
}

#[test]
fn who_has_no_cell_in_an_interval_may_have_what_its_floor_says() {
    let bench = Bench::counted(2, 64_000 * 150);
    let other = [cell("", 50, 0)];
    bench.sampled(0, &summary(&[cell("10.0.0.1", 100, 0)], &other, 64_000 * 7));
    bench.sampled(1, &summary(&[cell("10.0.0.2", 150, 0)], &[], 0));
    let parts = bench.parts();
    let most = |key: &str| {
        let part = parts.iter().find(|part| part.key == key).unwrap();
        part.most_bytes.abs_diff(part.sent.bytes)
    };
    let alone = share(
        Sampled {
            bytes: 64_000.0 * 150.0,
            variance: 150.0 * 64.0 * 63.0 * 1e6,
        },
        Sampled {
            bytes: 64_000.0 * 300.0,
            variance: 300.0 * 64.0 * 63.0 * 1e6,
        },
    );
    // Two has no cell in the first interval; one has, and is whole.
    let error = (alone.most - alone.share) * 64_000.0 * 300.0;
    assert!(most("10.0.0.2") as f64 > error + 64_000.0 * 6.9);
    assert!((most("10.0.0.1") as f64) < error + 64_000.0);
}

#[test]
fn a_class_without_samples_is_told_as_such() {
    let bench = Bench::counted(1, 777);
    let parts = bench.parts();
    assert_eq!(parts.len(), 1);
    assert_eq!(
        (parts[0].kind, parts[0].sent.bytes),
        (PartKind::Unsampled, 777)
    );
}
