use model::{
    BothWays, HostId, Inventory, InventoryHost, InventoryVif, NetworkId, PortId, Traffic,
    TrafficClass, UsageBatch, UsageRecord,
};
use uuid::Uuid;

use super::*;
use crate::account;
use crate::billing;
use crate::ledger::open_to_write;

/// The first second of 2026-09 and of the two months after it, in UTC.
const SEPTEMBER: i64 = 1_788_220_800;
const OCTOBER: i64 = 1_790_812_800;
const NOVEMBER: i64 = 1_793_491_200;

pub(crate) struct Bench {
    pub(crate) connection: Connection,
    pub(crate) tenant: TenantId,
    host: HostId,
    ports: [PortId; 2],
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self {
            connection: open_to_write(&folder.path().join("usage.db")).unwrap(),
            tenant: TenantId::generate(),
            host: HostId::generate(),
            ports: [PortId::generate(), PortId::generate()],
            _folder: folder,
        };
        let vifs = bench.ports.map(|port_id| InventoryVif {
            interface: "vif".to_owned(),
            ifindex: 1,
            port_id,
            network_id: NetworkId::generate(),
            tenant_id: bench.tenant,
            since: Timestamp::from_unix_seconds(0),
        });
        let hosts = vec![InventoryHost {
            id: bench.host,
            address: [127, 0, 0, 1].into(),
            vifs: vifs.to_vec(),
        }];
        let inventory = Inventory {
            revision: 1,
            hosts,
            ..Inventory::default()
        };
        // No test cuts the power.
        let no_waiting = bench.connection.pragma_update(None, "synchronous", "OFF");
        no_waiting.unwrap();
        account::learn_once(&bench.connection, &inventory);
        bench
    }

    /// A port says what it moved in an interval until now.
    pub(crate) fn tell(&self, port: usize, at: i64, sent: u64) {
        assert_eq!(self.offer(port, at, sent).refused, [0; 0]);
    }

    /// The same, whatever becomes of it.
    pub(crate) fn offer(&self, port: usize, at: i64, sent: u64) -> model::UsageTaken {
        self.tell_changed((port, at, sent), |_| {})
    }

    /// The same, but for a change of the record.
    pub(crate) fn tell_changed(
        &self,
        (port, at, sent): (usize, i64, u64),
        change: impl FnOnce(&mut UsageRecord),
    ) -> model::UsageTaken {
        let traffic = |bytes| Traffic { bytes, packets: 1 };
        let moved = BothWays {
            sent: traffic(sent),
            received: traffic(1),
        };
        let mut record = UsageRecord {
            interval_start: at,
            interval_seconds: 300,
            port_id: self.ports[port],
            class: TrafficClass::Public,
            moved,
            total: moved,
            read_at: Timestamp::from_unix_seconds(at + 300),
            unread_seconds: 0,
            last_counts: BothWays::default(),
        };
        change(&mut record);
        let batch = UsageBatch {
            epoch: Uuid::nil(),
            number: 1,
            records: vec![record],
        };
        account::write_once(&self.connection, self.host, &batch)
    }

    pub(crate) fn seal(&self, period: &str) -> Result<Seal, String> {
        let period = period.parse().unwrap();
        let now = Timestamp::from_unix_seconds(NOVEMBER + 1000);
        let sealed = billing::seal_period(&self.connection, self.tenant, period, now).unwrap();
        sealed.map_err(|problem| problem.detail)
    }

    fn fault(&self) -> Option<String> {
        verify(&self.connection).unwrap().fault
    }

    fn spoil(&self, sql: &str) {
        assert!(self.connection.execute(sql, []).unwrap() > 0, "{sql}");
    }

    pub(crate) fn bill(&self, period: &str) -> model::billing::Bill {
        let now = Timestamp::from_unix_seconds(NOVEMBER + 86_400);
        let period = period.parse().unwrap();
        billing::bill(&self.connection, self.tenant, period, now).unwrap()
    }
}

fn two_months() -> Bench {
    let bench = Bench::new();
    for n in 0..20 {
        bench.tell(0, SEPTEMBER + n * 300, 100);
        bench.tell(1, OCTOBER + n * 300, 200);
    }
    bench.seal("2026-09").unwrap();
    bench.seal("2026-10").unwrap();
    bench
}

#[test]
fn what_is_sealed_and_untouched_fits() {
    let bench = two_months();
    let verification = verify(&bench.connection).unwrap();
    assert_eq!((verification.seals, verification.records), (2, 40));
    assert_eq!(verification.fault, None);
}

#[test]
fn the_first_record_that_was_tampered_with_is_named() {
    let tamperings = [
        "UPDATE account SET sent_bytes = sent_bytes - 1 WHERE interval_start = 1788221100",
        "UPDATE account SET unread_seconds = 9 WHERE interval_start = 1788221100",
        "DELETE FROM account WHERE interval_start = 1788220800",
        "UPDATE account SET interval_start = 1788221101 WHERE interval_start = 1788221100",
    ];
    for sql in tamperings {
        let bench = two_months();
        bench.spoil(sql);
        let fault = bench.fault().unwrap();
        assert!(fault.contains("period 2026-09"), "{fault}");
        assert!(fault.contains("2026-09-01T00:05:0"), "{sql}: {fault}");
        assert!(fault.contains(&bench.ports[0].to_string()), "{fault}");
    }
}

#[test]
fn records_that_were_added_or_cut_off_and_forged_seals_are_noticed() {
    let tamperings = [
        "INSERT INTO account SELECT tenant, interval_start, host, port, 1, epoch, interval_seconds,
             network, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, NULL
         FROM account WHERE interval_start = 1788221100",
        "DELETE FROM account WHERE interval_start = 1788226500",
        "UPDATE seal SET records = 19 WHERE number = 1",
        "UPDATE seal SET hash = zeroblob(32) WHERE number = 2",
        "DELETE FROM seal WHERE number = 1",
        "UPDATE seal SET ends = ends - 300 WHERE number = 1",
    ];
    for sql in tamperings {
        let bench = two_months();
        bench.spoil(sql);
        assert!(bench.fault().is_some(), "{sql}");
    }
}

#[test]
fn periods_are_sealed_in_order_when_they_are_over_and_once() {
    let bench = Bench::new();
    bench.tell(0, SEPTEMBER, 100);
    bench.tell(0, OCTOBER, 100);
    assert!(
        bench
            .seal("2026-10")
            .unwrap_err()
            .contains("there are records before")
    );
    let first = bench.seal("2026-09").unwrap();
    assert_eq!(bench.seal("2026-09").unwrap(), first);
    assert!(
        bench
            .seal("2026-11")
            .unwrap_err()
            .contains("is not over before")
    );
    let second = bench.seal("2026-10").unwrap();
    assert_eq!((second.number, second.records), (2, 1));
    assert!(
        bench
            .seal("2026-08")
            .unwrap_err()
            .contains("are sealed until")
    );
}

#[test]
fn replaying_a_day_in_whatever_order_changes_nothing_before_its_seal_and_after() {
    let bench = Bench::new();
    let day: Vec<(usize, i64, u64)> = (0..288)
        .flat_map(|n| [0, 1].map(|port| (port, SEPTEMBER + n * 300, 1000 + n.unsigned_abs())))
        .collect();
    let tell = |day: &mut dyn Iterator<Item = &(usize, i64, u64)>| {
        day.for_each(|(port, at, sent)| bench.tell(*port, *at, *sent));
    };
    tell(&mut day.iter());
    let open = bench.bill("2026-09");
    tell(&mut day.iter());
    tell(&mut day.iter().rev());
    assert_eq!(bench.bill("2026-09"), open);
    let sealed = bench.seal("2026-09").unwrap();
    assert_eq!(sealed.records, 576);
    let bill = bench.bill("2026-09");
    tell(&mut day.iter().rev());
    tell(&mut day.iter());
    assert_eq!(bench.bill("2026-09"), bill);
    assert_eq!(bench.bill("2026-10").adjustments, []);
    assert_eq!(bench.fault(), None);
}

#[test]
fn what_comes_after_the_seal_is_billed_in_the_open_period_once() {
    let bench = Bench::new();
    bench.tell(0, SEPTEMBER, 100);
    bench.seal("2026-09").unwrap();
    let sealed = bench.bill("2026-09");
    // The same again, then more, then the same again; and a record that was never there.
    for sent in [100, 170, 170] {
        bench.tell(0, SEPTEMBER, sent);
    }
    bench.tell(1, SEPTEMBER + 300, 30);
    assert_eq!(bench.bill("2026-09"), sealed);
    assert_eq!(bench.fault(), None);
    let open = bench.bill("2026-10").adjustments;
    assert_eq!((open.len(), open[0].sent_bytes), (1, 100));
    bench.seal("2026-10").unwrap();
    // Less than was billed is given back in the period after.
    bench.tell(0, SEPTEMBER, 150);
    bench.tell(0, SEPTEMBER, 150);
    let next = bench.bill("2026-11").adjustments;
    assert_eq!((next[0].sent_bytes, next[0].received_bytes), (-20, 0));
    assert_eq!(bench.bill("2026-10").adjustments, open);
    assert_eq!(bench.fault(), None);
}
