use model::{
    BothWays, InventoryHost, InventoryVif, NetworkId, PortId, TenantId, Traffic, TrafficClass,
};
use uuid::Uuid;

use super::*;
use crate::ledger::open_to_write;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

struct Bench {
    connection: Connection,
    assignments: Assignments,
    host: HostId,
    port: PortId,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A ledger, and a host with one port.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Self {
            connection: open_to_write(&folder.path().join("usage.db")).unwrap(),
            assignments: Assignments::default(),
            host: HostId::generate(),
            port: PortId::generate(),
            _folder: folder,
        };
        let vif = vif(bench.port);
        bench.follow(vec![vif], NOW);
        bench
    }

    fn follow(&mut self, vifs: Vec<InventoryVif>, now: Timestamp) {
        let hosts = vec![InventoryHost {
            id: self.host,
            address: [127, 0, 0, 1].into(),
            vifs,
        }];
        let inventory = Inventory {
            revision: 1,
            hosts,
            ..Inventory::default()
        };
        let changed = self.assignments.follow(&inventory, now);
        assignment::save(&self.connection, &changed).unwrap();
    }

    fn take(&self, host: HostId, records: Vec<UsageRecord>) -> Vec<u32> {
        let batch = UsageBatch {
            epoch: Uuid::nil(),
            number: 1,
            records,
        };
        write(&self.connection, host, &batch, NOW).unwrap().refused
    }

    fn rows(&self) -> (i64, i64) {
        let sql = "SELECT count(*), coalesce(sum(sent_bytes), 0) FROM account";
        let row = self
            .connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        row.unwrap()
    }
}

fn vif(port_id: PortId) -> InventoryVif {
    InventoryVif {
        interface: "vif1".to_owned(),
        ifindex: 1,
        port_id,
        network_id: NetworkId::generate(),
        tenant_id: TenantId::generate(),
        since: NOW,
    }
}

fn record(port_id: PortId, interval_start: i64, bytes: u64) -> UsageRecord {
    let sent = Traffic { bytes, packets: 1 };
    let moved = BothWays {
        sent,
        received: Traffic::default(),
    };
    UsageRecord {
        interval_start,
        interval_seconds: 300,
        port_id,
        class: TrafficClass::TenantInternal,
        moved,
        total: moved,
        read_at: NOW,
        unread_seconds: 0,
        last_counts: BothWays::default(),
    }
}

#[test]
fn the_same_record_again_changes_nothing_and_a_newer_one_replaces_it() {
    let bench = Bench::new();
    for bytes in [100, 100, 250, 250] {
        assert_eq!(
            bench.take(bench.host, vec![record(bench.port, 999_900, bytes)]),
            [0; 0]
        );
    }
    assert_eq!(bench.rows(), (1, 250));
}

#[test]
fn a_host_cannot_report_of_a_port_that_is_elsewhere() {
    let bench = Bench::new();
    let stranger = HostId::generate();
    assert_eq!(
        bench.take(stranger, vec![record(bench.port, 999_900, 100)]),
        [0]
    );
    let records = vec![
        record(PortId::generate(), 999_900, 100),
        record(bench.port, 999_900, 7),
    ];
    assert_eq!(bench.take(bench.host, records), [0]);
    assert_eq!(bench.rows(), (1, 7));
}

#[test]
fn a_port_that_left_is_reported_up_to_then_and_no_longer() {
    let mut bench = Bench::new();
    bench.follow(Vec::new(), NOW);
    let port = bench.port;
    let before = record(port, 999_900, 100);
    let after = record(port, 1_000_500, 100);
    assert_eq!(bench.take(bench.host, vec![before, after.clone()]), [1]);
    // It comes back.
    let vif = vif(port);
    bench.follow(vec![vif], NOW);
    assert_eq!(bench.take(bench.host, vec![after]), [0; 0]);
}

#[test]
fn what_cannot_be_is_refused_and_harms_nothing_else() {
    let bench = Bench::new();
    let good = record(bench.port, 999_900, 1);
    let future = record(bench.port, 2_000_100, 1);
    let odd = record(bench.port, 999_901, 1);
    let negative = record(bench.port, -300, 1);
    let endless = UsageRecord {
        interval_seconds: 0,
        ..good.clone()
    };
    let huge = UsageRecord {
        interval_start: 999_600,
        moved: BothWays {
            sent: Traffic {
                bytes: u64::MAX,
                packets: u64::MAX,
            },
            received: Traffic::default(),
        },
        ..good.clone()
    };
    let refused = bench.take(bench.host, vec![good, future, odd, negative, endless]);
    assert_eq!(refused, [1, 2, 3, 4]);
    assert_eq!(bench.take(bench.host, vec![huge]), [0; 0]);
}
