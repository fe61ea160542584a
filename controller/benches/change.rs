//! How fast changes are made durable: ports created by clients at once, on this machine's disk.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up may as well panic"
)]

use std::sync::Arc;

use api::backend::{Backend, Caller};
use api::request::{
    NetworkCreate, NetworkKind, PhysicalNetworkCreate, PortCreate, SubnetCreate, TenantCreate,
};
use api::token::TokenDigest;
use controller::fleet::Fleet;
use controller::service::{Service, Settings};
use controller::store::Store;
use divan::Bencher;
use divan::counter::ItemsCount;
use model::{NetworkId, Quantity, QuotaLimit, Role, Sharing};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// How many ports one iteration makes.
const PORTS: usize = 400;

fn caller() -> Caller {
    Caller {
        actor: "bench".into(),
        held_to: None,
        source: None,
        request_id: "bench".into(),
        idempotency: None,
        revised: Default::default(),
        precondition: None,
    }
}

async fn network(service: &Service) -> NetworkId {
    let physical_network = PhysicalNetworkCreate {
        name: "private".parse().unwrap(),
        role: Role::Private,
        uplink: "eth1".parse().unwrap(),
        vlans: Some("1-4094".parse().unwrap()),
        native_vlan: None,
        mtu: None,
        endpoints: None,
    };
    service
        .physical_network_create(caller(), physical_network)
        .await
        .unwrap();
    let tenant = TenantCreate {
        name: "tenant".parse().unwrap(),
        limits: model::Limits::default(),
    };
    let tenant = service.tenant_create(caller(), tenant).await.unwrap();
    let network = NetworkCreate {
        tenant_id: tenant.id,
        name: "network".parse().unwrap(),
        kind: NetworkKind::Vlan,
        physical_network_id: None,
        vlan: None,
        vni: None,
        mtu: None,
        sharing: Sharing::default(),
        limits: model::Limits::default(),
    };
    let network = service.network_create(caller(), network).await.unwrap();
    let subnet = SubnetCreate {
        network_id: network.id,
        name: None,
        cidr: "10.0.0.0/8".parse().unwrap(),
        gateway: None,
        pools: None,
        handout: model::Handout::default(),
    };
    service.subnet_create(caller(), subnet).await.unwrap();
    network.id
}

async fn create_ports(service: Arc<Service>, network_id: NetworkId, count: usize) {
    for _ in 0..count {
        let port = PortCreate {
            network_id,
            tenant_id: None,
            name: None,
            mac: None,
            addresses: None,
            allowed: Vec::new(),
            spoof_guard: None,
            limits: model::Limits::default(),
            security_group_ids: None,
            host_id: None,
        };
        service.port_create(caller(), port).await.unwrap();
    }
}

/// Each of so many clients waits for its port before it asks for the next.
#[divan::bench(args = [1, 8, 64], sample_count = 10)]
fn durable_ports(bencher: Bencher<'_, '_>, clients: usize) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = Store::open(&folder.path().join("bulkhead.db")).unwrap();
    let token = TokenDigest::of("token");
    let settings = Settings {
        quota: [(Quantity::Ports, QuotaLimit::Unlimited)]
            .into_iter()
            .collect(),
        ..Settings::default()
    };
    let service = Service::start(store, settings, Arc::new(Fleet::default()), token).unwrap();
    let service = Arc::new(service);
    let network = runtime.block_on(network(&service));
    let count = PORTS / clients;
    bencher.counter(ItemsCount::new(count * clients)).bench(|| {
        let clients =
            (0..clients).map(|_| runtime.spawn(create_ports(service.clone(), network, count)));
        runtime.block_on(futures::future::join_all(clients))
    });
}
