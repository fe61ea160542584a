//! Caps with a real store and a real ledger: only the time is made up.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use api::backend::{Backend, CapBackend};
use flow_collector::{Collector, Config, Upkeep};
use model::{
    BothWays, CapId, CapStanding, EventKind, HostId, Inventory, InventoryHost, InventoryVif,
    PortId, Timestamp, Traffic, TrafficClass, UsageBatch, UsageRecord,
};
use rusqlite::Connection;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use super::refused::{World, caller, request, start};
use crate::caps::look;
use crate::service::Service;

const HOUR: i64 = 3_600;

/// A full hour that is past, and some after it are, too.
fn first_hour() -> i64 {
    (Timestamp::now().unix_seconds() / HOUR - 5) * HOUR
}

struct Scene {
    collector: Arc<Collector>,
    /// What is attributed; it is looked at for as long as this is there.
    _inventory: watch::Sender<Arc<Inventory>>,
    host: HostId,
    port: PortId,
}

impl Scene {
    /// A ledger, and a world with a port that may be told of.
    async fn new(folder: &Path) -> (Self, World) {
        let world = World::new().await;
        let asked = json!({"network_id": world.networks[0].id, "host_id": world.host});
        let port = world.service.port_create(caller(), request(asked)).await;
        let port = port.unwrap().port;
        let vif = InventoryVif {
            interface: "vif".to_owned(),
            ifindex: 1,
            port_id: port.id,
            network_id: port.network_id,
            tenant_id: port.tenant_id,
            since: Timestamp::from_unix_seconds(0),
        };
        let host = InventoryHost {
            id: world.host,
            address: [127, 0, 0, 1].into(),
            vifs: vec![vif],
        };
        let hosts = vec![host];
        let (sender, inventory) = watch::channel(Arc::new(Inventory {
            revision: 1,
            hosts,
            networks: Vec::new(),
        }));
        let config = Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ledger: folder.join("usage.db"),
            interval_seconds: NonZeroU32::new(300).unwrap(),
            way: model::SampleWay::Datagrams,
            upkeep: Upkeep::default(),
        };
        let collector = Arc::new(Collector::start(config, inventory).await.unwrap());
        let scene = Self {
            collector,
            _inventory: sender,
            host: world.host,
            port: port.id,
        };
        (scene, world)
    }

    /// The host tells what the port sent until now in an interval.
    async fn tell(&self, interval_start: i64, bytes: u64) {
        let traffic = |bytes| Traffic { bytes, packets: 1 };
        let moved = BothWays {
            sent: traffic(bytes),
            received: traffic(0),
        };
        let record = UsageRecord {
            interval_start,
            interval_seconds: 300,
            port_id: self.port,
            class: TrafficClass::Public,
            moved,
            total: moved,
            read_at: Timestamp::from_unix_seconds(interval_start),
            unread_seconds: 0,
            last_counts: BothWays::default(),
        };
        let batch = UsageBatch {
            epoch: Uuid::nil(),
            number: 1,
            records: vec![record],
        };
        // The ledger learns whose ports are where by itself.
        for _ in 0..500 {
            let taken = self.collector.account(self.host, batch.clone()).await;
            if taken.unwrap().refused.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the record was refused");
    }

    fn with(&self, service: Service) -> Service {
        service.with_collector(self.collector.clone())
    }
}

/// Looks at a moment, and gives what was told of caps so far.
async fn told(service: &Service, seconds: i64) -> Vec<EventKind> {
    let now = Timestamp::from_unix_seconds(seconds);
    look(service, &service.intent(), now).await.unwrap();
    service.settled();
    let events = service.events().into_iter().map(|it| it.kind);
    events
        .filter(|kind| *kind != EventKind::ControllerStarted)
        .collect()
}

fn standing(service: &Service, cap: CapId) -> CapStanding {
    service.cap(cap).unwrap().cap.state.standing
}

/// Who did what to caps, oldest first.
fn audit(folder: &Path) -> Vec<String> {
    let store = Connection::open(folder.join("bulkhead.db")).unwrap();
    let sql = "SELECT actor || ' ' || verb FROM audit WHERE verb LIKE 'cap%' ORDER BY revision";
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_outlives_its_controller_and_a_new_period_lifts_it() {
    use EventKind::{CapLifted, CapReached, CapWarned};
    let ledger = tempfile::tempdir().unwrap();
    let (scene, world) = Scene::new(ledger.path()).await;
    let (tenant, folder) = (world.tenants[0], world.into_folder());
    let service = scene.with(start(folder.path()));
    let asked = json!({"tenant_id": tenant, "way": "sent", "period": "hour", "bytes": 1000,
        "warn_at": [50], "then": "suspend"});
    let made = service.cap_create(caller(), request(asked)).await;
    let cap = made.unwrap().cap.id;
    let begun = first_hour();

    scene.tell(begun + 300, 400).await;
    assert_eq!(told(&service, begun + 600).await, []);
    assert_eq!(service.cap(cap).unwrap().status.used_bytes, Some(400));
    scene.tell(begun + 300, 600).await;
    assert_eq!(told(&service, begun + 605).await, [CapWarned]);
    scene.tell(begun + 600, 400).await;
    assert_eq!(told(&service, begun + 900).await, [CapWarned, CapReached]);
    assert_eq!(told(&service, begun + 905).await, [CapWarned, CapReached]);

    // It is what it was, and nothing is told again.
    drop(service);
    let service = scene.with(start(folder.path()));
    assert_eq!(standing(&service, cap), CapStanding::Reached);
    let kinds = [CapWarned, CapReached];
    assert_eq!(told(&service, begun + 910).await, kinds);
    assert_eq!(told(&service, begun + HOUR - 1).await, kinds);

    let kinds = [CapWarned, CapReached, CapLifted];
    assert_eq!(told(&service, begun + HOUR).await, kinds);
    assert_eq!(standing(&service, cap), CapStanding::Below);
    // What comes late for the hour before changes its bill alone.
    scene.tell(begun + 600, 9_000).await;
    assert_eq!(told(&service, begun + HOUR + 5).await, kinds);
    scene.tell(begun + HOUR, 1_000).await;
    let kinds = [CapWarned, CapReached, CapLifted, CapWarned, CapReached];
    assert_eq!(told(&service, begun + HOUR + 10).await, kinds);

    let lift = request(json!({"standing": "lifted"}));
    // An operator lifts what is reached at this moment, not hours ago.
    assert!(service.cap_update(caller(), cap, lift).await.is_err());
    service.cap_delete(caller(), cap).await.unwrap();
    let expected = [
        "admin cap_create",
        "controller cap_warn",
        "controller cap_reach",
        "controller cap_lift",
        "controller cap_reach",
        "admin cap_delete",
    ];
    assert_eq!(audit(folder.path()), expected);
}

#[tokio::test]
async fn without_a_ledger_there_are_no_caps() {
    let world = World::new().await;
    let asked = json!({"tenant_id": world.tenants[0], "bytes": 1, "then": "suspend"});
    let refused = world.service.cap_create(caller(), request(asked)).await;
    assert_eq!(
        refused.unwrap_err().code,
        api::problem::Code::StoreUnavailable
    );
    assert!(world.service.caps.used(CapId::generate()).is_none());
}
