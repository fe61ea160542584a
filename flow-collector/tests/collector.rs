//! The collector as it runs: real datagrams through a real socket into a real ledger.
#![expect(clippy::unwrap_used, reason = "a broken example fails its test")]

#[path = "support/agent.rs"]
mod agent;
#[path = "../../sflow/tests/support/pcap.rs"]
mod pcap;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent::{Counters, counters, datagram, flow, host, inventory, vif};
use api::backend::{Caller, Ledger};
use api::request::{RatePlanCreate, UsageQuery};
use flow_collector::{Collector, Config, Upkeep};
use model::billing::RatePlanId;
use model::{
    CollectorStatistics, Inventory, InventoryHost, InventoryVif, Timestamp, Usage, UsageOf,
};
use sflow::{CounterRecord, CounterSample, Datagram, FlowRecord, FlowSample, Interface, Sample};
use tempfile::TempDir;
use tokio::sync::watch;

/// After any ledger of these tests was begun, in seconds since 1970.
const LATER: i64 = 4_000_000_000;

/// A collector, its folder and the inventory it goes by.
struct Running {
    collector: Collector,
    folder: TempDir,
    inventory: watch::Sender<Arc<Inventory>>,
}

fn config(folder: &Path) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        ledger: folder.join("ledger.sqlite"),
        // So long that no interval ends during a test.
        interval_seconds: 1_000_000_000.try_into().unwrap(),
        upkeep: Upkeep::default(),
        way: model::SampleWay::Datagrams,
    }
}

impl Running {
    async fn start(hosts: Vec<InventoryHost>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (inventory, receiver) = watch::channel(Arc::new(inventory(hosts)));
        let collector = Collector::start(config(folder.path()), receiver)
            .await
            .unwrap();
        Self {
            collector,
            folder,
            inventory,
        }
    }

    async fn restart(self) -> Self {
        self.collector.stop().await.unwrap();
        let receiver = self.inventory.subscribe();
        let collector = Collector::start(config(self.folder.path()), receiver)
            .await
            .unwrap();
        Self { collector, ..self }
    }

    fn address(&self) -> SocketAddr {
        self.collector.address()
    }

    async fn usage(&self, by: UsageOf) -> Vec<Usage> {
        let query = UsageQuery {
            from: Some(Timestamp::from_unix_seconds(0)),
            ..UsageQuery::by(by)
        };
        self.collector.usage(query).await.unwrap()
    }

    async fn usage_of(&self, vif: &InventoryVif) -> Option<Usage> {
        let usage = self.usage(UsageOf::Port).await;
        usage
            .into_iter()
            .find(|usage| usage.id == vif.port_id.uuid())
    }

    /// Waits until the statistics are as expected.
    async fn wait_for(&self, expected: impl Fn(&CollectorStatistics) -> bool) {
        for _ in 0..500 {
            if expected(&self.collector.statistics()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.collector.statistics());
    }
}

/// A socket at this loopback address that sends to the collector.
fn sender(source: &str, collector: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((source.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.connect(collector).unwrap();
    socket
}

fn sent(bytes: u64) -> Counters {
    Counters {
        sent_bytes: bytes,
        sent_packets: 1,
        ..Counters::default()
    }
}

#[tokio::test]
async fn counters_that_arrive_are_usage_at_once_and_of_their_tenant_alone() {
    let (ours, theirs) = (vif(7, LATER), vif(8, LATER));
    let hosts = vec![host("127.0.0.2", vec![ours.clone(), theirs.clone()])];
    let running = Running::start(hosts).await;
    let agent = sender("127.0.0.2", running.address());
    let samples = [counters(7, sent(50_000_000)), flow(7, 64, 1500)];
    agent.send(&datagram(1, 0, &samples)).unwrap();
    running.wait_for(|it| it.counter_samples == 1).await;
    let usage = running.usage(UsageOf::Tenant).await;
    assert_eq!(usage.len(), 1);
    assert_eq!(usage[0].id, ours.tenant_id.uuid());
    assert_eq!(usage[0].interface_sent.bytes, 50_000_000);
    assert_eq!(
        (usage[0].sent_estimate.bytes, usage[0].samples),
        (96_000, 1)
    );
    running.collector.stop().await.unwrap();
}

#[tokio::test]
async fn what_comes_from_a_wrong_address_or_is_no_sflow_is_counted_and_not_billed() {
    let vif = vif(7, LATER);
    let running = Running::start(vec![host("127.0.0.2", vec![vif.clone()])]).await;
    let stranger = sender("127.0.0.3", running.address());
    stranger
        .send(&datagram(1, 0, &[counters(7, sent(1000))]))
        .unwrap();
    let agent = sender("127.0.0.2", running.address());
    agent.send(b"not sFlow").unwrap();
    running
        .wait_for(|it| it.unknown_agents == 1 && it.malformed == 1)
        .await;
    assert_eq!(running.usage(UsageOf::Port).await, []);
    running.collector.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_inventory_counts_from_the_next_datagram() {
    let vif = vif(7, LATER);
    let running = Running::start(vec![host("127.0.0.2", Vec::new())]).await;
    let agent = sender("127.0.0.2", running.address());
    agent
        .send(&datagram(1, 0, &[counters(7, sent(1000))]))
        .unwrap();
    running.wait_for(|it| it.datagrams == 1).await;
    assert_eq!(running.usage_of(&vif).await, None);
    let known = inventory(vec![host("127.0.0.2", vec![vif.clone()])]);
    running.inventory.send(Arc::new(known)).unwrap();
    agent
        .send(&datagram(2, 1000, &[counters(7, sent(1500))]))
        .unwrap();
    running.wait_for(|it| it.counter_samples == 1).await;
    assert_eq!(
        running.usage_of(&vif).await.unwrap().interface_sent.bytes,
        1500
    );
    running.collector.stop().await.unwrap();
}

#[tokio::test]
async fn a_stopped_collector_has_written_what_had_come_and_goes_on_from_there() {
    let vif = vif(7, LATER);
    let running = Running::start(vec![host("127.0.0.2", vec![vif.clone()])]).await;
    let agent = sender("127.0.0.2", running.address());
    let samples = [counters(7, sent(1000)), flow(7, 64, 100)];
    agent.send(&datagram(1, 0, &samples)).unwrap();
    running.wait_for(|it| it.counter_samples == 1).await;
    let running = running.restart().await;
    let usage = running.usage_of(&vif).await.unwrap();
    assert_eq!((usage.interface_sent.bytes, usage.samples), (1000, 1));

    let agent = sender("127.0.0.2", running.address());
    let samples = [counters(7, sent(1800)), flow(7, 64, 100)];
    agent.send(&datagram(2, 1000, &samples)).unwrap();
    running.wait_for(|it| it.counter_samples == 1).await;
    let usage = running.usage_of(&vif).await.unwrap();
    assert_eq!((usage.interface_sent.bytes, usage.samples), (1800, 2));
    running.collector.stop().await.unwrap();
}

#[tokio::test]
async fn a_collector_that_is_dropped_still_writes_what_it_has() {
    let vif = vif(7, LATER);
    let running = Running::start(vec![host("127.0.0.2", vec![vif.clone()])]).await;
    let agent = sender("127.0.0.2", running.address());
    agent
        .send(&datagram(1, 0, &[counters(7, sent(1000))]))
        .unwrap();
    running.wait_for(|it| it.counter_samples == 1).await;
    let Running {
        collector,
        folder,
        inventory,
    } = running;
    drop(collector);
    // The ledger is free again as soon as it is written.
    let collector = loop {
        let started = Collector::start(config(folder.path()), inventory.subscribe()).await;
        match started {
            Ok(collector) => break collector,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let running = Running {
        collector,
        folder,
        inventory,
    };
    assert_eq!(
        running.usage_of(&vif).await.unwrap().interface_sent.bytes,
        1000
    );
    running.collector.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_changes_what_a_bill_rests_on_is_noted_with_the_change_or_not_at_all() {
    let running = Running::start(Vec::new()).await;
    let caller = || Caller {
        actor: "anna".to_owned(),
        held_to: None,
        request_id: "r-7".to_owned(),
        idempotency: None,
        precondition: None,
    };
    let request = RatePlanCreate {
        name: "standard".to_owned().try_into().unwrap(),
        terms: serde_json::from_str(r#"{"currency": "EUR"}"#).unwrap(),
    };
    let made = running.collector.rate_plan_create(caller(), request).await;
    let made = made.unwrap();
    let absent = RatePlanId::generate();
    let refused = running.collector.rate_plan_delete(caller(), absent).await;
    assert!(refused.is_err());
    let deleted = running.collector.rate_plan_delete(caller(), made.id).await;
    deleted.unwrap();
    running.collector.stop().await.unwrap();

    let path = running.folder.path().join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT actor, request, action FROM audit ORDER BY at, action DESC";
    let mut statement = ledger.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok(format!(
            "{} {} {}",
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?
        ))
    });
    let rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("anna r-7 made the rate plan standard: {"));
    assert_eq!(
        rows[1],
        format!("anna r-7 deleted the rate plan {}", made.id)
    );
}

/// What a capture truly holds of an interface, read straight from its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Truth {
    first: Option<(u64, u64)>,
    last: (u64, u64),
    estimate: u64,
    samples: u64,
}

fn captures() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sflow/tests/data");
    pcap::files(&data)
}

/// Per interface of the one host that sent these datagrams.
fn truth(datagrams: &[pcap::Captured]) -> BTreeMap<u32, Truth> {
    let mut truth = BTreeMap::new();
    for captured in datagrams {
        for sample in Datagram::decode(&captured.payload).unwrap().samples() {
            match sample.unwrap() {
                Sample::Flow(flow) => add_flow(&mut truth, &flow),
                Sample::Counters(counters) => add_counters(&mut truth, &counters),
                Sample::Unknown { .. } => {}
            }
        }
    }
    truth
}

fn add_flow(truth: &mut BTreeMap<u32, Truth>, flow: &FlowSample<'_>) {
    let Interface::Index(if_index) = flow.input else {
        return;
    };
    let mut records = flow.records().map(Result::unwrap);
    let frame = records.find_map(|record| match record {
        FlowRecord::Header(header) => Some(header.frame_length - header.stripped),
        _ => None,
    });
    let truth = truth.entry(if_index).or_default();
    truth.estimate += u64::from(flow.sampling_rate) * u64::from(frame.unwrap());
    truth.samples += 1;
}

fn add_counters(truth: &mut BTreeMap<u32, Truth>, counters: &CounterSample<'_>) {
    for record in counters.records().map(Result::unwrap) {
        if let CounterRecord::Interface(it) = record {
            let truth = truth.entry(it.if_index).or_default();
            let now = (it.input.octets.unwrap(), it.output.octets.unwrap());
            truth.first.get_or_insert(now);
            truth.last = now;
        }
    }
}

/// The names of the interfaces, as the counter samples have them.
fn names(datagrams: &[pcap::Captured]) -> BTreeMap<u32, String> {
    let samples = datagrams
        .iter()
        .flat_map(|captured| Datagram::decode(&captured.payload).unwrap().samples());
    let counters = samples.filter_map(|sample| match sample.unwrap() {
        Sample::Counters(counters) => Some(counters),
        _ => None,
    });
    let name = |counters: CounterSample<'_>| {
        counters.records().find_map(|record| match record.unwrap() {
            CounterRecord::PortName(name) => Some(String::from_utf8_lossy(name).into_owned()),
            _ => None,
        })
    };
    counters
        .filter_map(|counters| Some((counters.source.index, name(counters)?)))
        .collect()
}

#[tokio::test]
async fn captures_of_real_switches_give_the_amounts_they_hold() {
    for capture in captures() {
        let datagrams = pcap::read(&capture);
        let source = datagrams[0].source;
        let datagrams: Vec<_> = datagrams
            .into_iter()
            .filter(|captured| captured.source == source)
            .collect();
        let (truth, names) = (truth(&datagrams), names(&datagrams));
        // These interfaces are older than the ledger: their first reading is past.
        let vifs: Vec<_> = truth.keys().map(|if_index| vif(*if_index, 0)).collect();
        let vifs = vifs.into_iter().map(|vif| InventoryVif {
            interface: names.get(&vif.ifindex).cloned().unwrap_or_default(),
            ..vif
        });
        let vifs: Vec<_> = vifs.collect();
        let running = Running::start(vec![host("127.0.0.2", vifs.clone())]).await;
        let agent = sender("127.0.0.2", running.address());
        for (number, captured) in (1..).zip(&datagrams) {
            agent.send(&captured.payload).unwrap();
            running.wait_for(|it| it.datagrams == number).await;
        }
        for vif in &vifs {
            let truth = truth[&vif.ifindex];
            let usage = running.usage_of(vif).await.unwrap();
            let first = truth.first.unwrap_or_default();
            let name = capture.display();
            assert_eq!(
                usage.interface_sent.bytes,
                truth.last.0 - first.0,
                "{name}: {vif:?}"
            );
            assert_eq!(
                usage.interface_received.bytes,
                truth.last.1 - first.1,
                "{name}: {vif:?}"
            );
            assert_eq!(usage.sent_estimate.bytes, truth.estimate, "{name}: {vif:?}");
            assert_eq!(usage.samples, truth.samples, "{name}: {vif:?}");
        }
        running.collector.stop().await.unwrap();
    }
}
