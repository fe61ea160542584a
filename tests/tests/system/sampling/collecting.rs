//! A collector that knows whose the ports of the switch are, and what it is told by their host's agent.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::backend::Ledger;
use api::request::{Paging, SplitQuery};
use flow_collector::{Collector, Config, Upkeep};
use model::{
    BothWays, HostId, Inventory, InventoryHost, InventoryNetwork, InventoryPort, InventoryVif,
    MacAddr, NetworkId, PortId, SampleWay, SplitBy, TenantId, Timestamp, Traffic, TrafficClass,
    UsageBatch, UsagePart, UsageRecord,
};
use tests::namespace::inside;
use tokio::sync::watch;

use super::{COLLECTOR, PEERS, Scene, peer, peer_mac, service_port};

/// So long that no interval ends during the test.
const INTERVAL_SECONDS: u32 = 1_000_000_000;

/// A collector of its own for a run, with a ledger of its own, that knows whose the ports are.
pub(super) struct Collecting {
    collector: Collector,
    host: HostId,
    pub(super) ports: Vec<PortId>,
    peers: Vec<PortId>,
    /// Whose end would end what the collector learns from it.
    _inventory: watch::Sender<Arc<Inventory>>,
}

impl Collecting {
    pub(super) fn start(scene: &Scene, folder: &Path) -> Self {
        let network = NetworkId::generate();
        let (vifs, peers) = (vifs(scene, network), peers());
        let host = InventoryHost {
            id: HostId::generate(),
            address: [127, 0, 0, 1].into(),
            vifs,
        };
        let (id, ports) = (host.id, host.vifs.iter().map(|vif| vif.port_id).collect());
        let peer_ids = peers.iter().map(|peer| peer.id).collect();
        let inventory = Inventory {
            networks: vec![network_of(network, peers)],
            hosts: vec![host],
            revision: 1,
        };
        let (inventory, receiver) = watch::channel(Arc::new(inventory));
        let config = Config {
            listen: COLLECTOR.parse().unwrap(),
            ledger: folder.join("ledger.sqlite"),
            interval_seconds: INTERVAL_SECONDS.try_into().unwrap(),
            upkeep: Upkeep::default(),
            way: SampleWay::Datagrams,
        };
        let starting = || {
            let started = Collector::start(config, receiver);
            scene.runtime.block_on(started)
        };
        Self {
            collector: inside(scene.host.namespace(), starting).unwrap(),
            host: id,
            ports,
            peers: peer_ids,
            _inventory: inventory,
        }
    }

    /// Reports what each port sent, as its host's agent would.
    pub(super) async fn account(&self, counted: &[BTreeMap<usize, Traffic>]) {
        let records = self.ports.iter().zip(counted);
        let batch = UsageBatch {
            epoch: self.host.uuid(),
            number: 1,
            records: records
                .map(|(port, counted)| record(*port, counted))
                .collect(),
        };
        // What is refused is offered again: it may not have been learned yet whose the ports are.
        loop {
            let taken = self.collector.account(self.host, batch.clone()).await;
            if taken.unwrap().refused.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The split of what a port sent.
    pub(super) async fn parts(&self, port: PortId, by: SplitBy) -> Vec<UsagePart> {
        let query = SplitQuery {
            by,
            from: Some(Timestamp::from_unix_seconds(0)),
            to: None,
            class: None,
            tenant_id: None,
            network_id: None,
            port_id: Some(port),
            page: Paging::from(0),
        };
        self.collector.split(query).await.unwrap()
    }

    pub(super) async fn stop(self) {
        self.collector.stop().await.unwrap();
    }

    /// What a service is called in a split.
    pub(super) fn key(&self, service: usize, by: SplitBy) -> String {
        match by {
            SplitBy::Protocol => format!("udp/{}", service_port(service)),
            _ => self.peers[usize::from(peer(service))].to_string(),
        }
    }
}

fn vifs(scene: &Scene, network_id: NetworkId) -> Vec<InventoryVif> {
    let tenant_id = TenantId::generate();
    let indexes = scene.interface_indexes().into_iter().enumerate();
    let vif = |(port, ifindex)| InventoryVif {
        interface: format!("s{port}"),
        ifindex,
        port_id: PortId::generate(),
        network_id,
        tenant_id,
        since: Timestamp::from_unix_seconds(0),
    };
    indexes.map(vif).collect()
}

fn peers() -> Vec<InventoryPort> {
    let peer = |peer| InventoryPort {
        id: PortId::generate(),
        mac: MacAddr::try_from(peer_mac(peer)).unwrap(),
        addresses: Vec::new(),
    };
    (0..PEERS).map(peer).collect()
}

fn network_of(id: NetworkId, ports: Vec<InventoryPort>) -> InventoryNetwork {
    InventoryNetwork {
        id,
        class: TrafficClass::TenantInternal,
        gateway: MacAddr::try_from([0x0a, 0xbd, 0, 0, 0, 1]).unwrap(),
        leads_out: false,
        joined: Vec::new(),
        pool: Vec::new(),
        ports,
    }
}

fn record(port_id: PortId, counted: &BTreeMap<usize, Traffic>) -> UsageRecord {
    let sent = Traffic {
        bytes: counted.values().map(|it| it.bytes).sum(),
        packets: counted.values().map(|it| it.packets).sum(),
    };
    let moved = BothWays {
        sent,
        ..BothWays::default()
    };
    let now = Timestamp::now();
    let interval = i64::from(INTERVAL_SECONDS);
    UsageRecord {
        interval_start: now.unix_seconds() / interval * interval,
        interval_seconds: INTERVAL_SECONDS,
        port_id,
        class: TrafficClass::TenantInternal,
        moved,
        total: moved,
        read_at: now,
        unread_seconds: 0,
        last_counts: BothWays::default(),
    }
}
