//! Scripted agents over real TLS.

mod agent;
mod changes;
mod hostile;
mod plans;
mod probes;
mod sightings;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::backend::{Backend, Caller};
use api::request::{
    NetworkCreate, NetworkKind, PhysicalNetworkCreate, PortCreate, SubnetCreate, TenantCreate,
};
use model::{Event, EventKind, Handout, HostId, NetworkId, Port, PortId, Role, Sharing};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Timing;
use crate::authority::{Authority, Credentials};
use crate::fleet::{self, Fleet};
use crate::service::{Service, Settings};
use crate::store::Store;
use api::token::TokenDigest;

/// How long anything that should happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A controller that agents can connect to, with a tenant and a network of a subnet.
struct Lab {
    service: Arc<Service>,
    authority: Authority,
    address: SocketAddr,
    network: NetworkId,
    folder: TempDir,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Lab {
    async fn new(timing: Timing) -> Self {
        let mut lab = Self::open(tempfile::tempdir().unwrap(), timing).await;
        lab.network = lab.first_network().await;
        lab
    }

    /// The same controller after a restart.
    async fn restarted(self, timing: Timing) -> Self {
        let (folder, network) = (self.folder, self.network);
        drop(self._tasks);
        drop(self.service);
        Self {
            network,
            ..Self::open(folder, timing).await
        }
    }

    async fn open(folder: TempDir, timing: Timing) -> Self {
        let authority = Authority::load_or_create(folder.path()).unwrap();
        let store = Store::open(&folder.path().join("bulkhead.db")).unwrap();
        let fleet = Arc::new(Fleet::default());
        let token = TokenDigest::of("token");
        let service =
            Arc::new(Service::start(store, Settings::default(), fleet.clone(), token).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let credentials = authority
            .server(folder.path(), &[], &[address.ip()])
            .unwrap();
        let ca_pem = Some(authority.ca_pem().as_bytes());
        let tls = api::tls::server_config(identity(&credentials), ca_pem).unwrap();
        let stop = CancellationToken::new();
        let serve = super::serve(service.clone(), listener, tls, timing, stop);
        let tasks = [
            tokio::spawn(serve),
            tokio::spawn(fleet::binder::run(service.clone())),
            tokio::spawn(fleet::inventory::run(fleet)),
        ];
        Self {
            service,
            authority,
            address,
            network: NetworkId::generate(),
            folder,
            _tasks: tasks.into_iter().map(AbortOnDropHandle::new).collect(),
        }
    }

    async fn first_network(&self) -> NetworkId {
        let physical_network = PhysicalNetworkCreate {
            name: "private".parse().unwrap(),
            role: Role::Private,
            uplink: "eth1".parse().unwrap(),
            vlans: Some("100-199".parse().unwrap()),
            native_vlan: None,
            mtu: None,
            endpoints: None,
        };
        let service = &self.service;
        service
            .physical_network_create(caller(), physical_network)
            .await
            .unwrap();
        self.network("a").await
    }

    /// A network of a new tenant.
    async fn network(&self, name: &str) -> NetworkId {
        let service = &self.service;
        let tenant = TenantCreate {
            name: name.parse().unwrap(),
            limits: model::Limits::default(),
        };
        let tenant = service.tenant_create(caller(), tenant).await.unwrap();
        let network = NetworkCreate {
            tenant_id: tenant.id,
            name: name.parse().unwrap(),
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
            cidr: "10.0.0.0/16".parse().unwrap(),
            gateway: None,
            pools: None,
            handout: Handout::default(),
        };
        service.subnet_create(caller(), subnet).await.unwrap();
        network.id
    }

    async fn port(&self, network_id: NetworkId, host_id: Option<HostId>) -> Port {
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
            host_id,
        };
        self.service.port_create(caller(), port).await.unwrap().port
    }

    fn host_of(&self, port: PortId) -> Option<HostId> {
        self.service.port(port).unwrap().port.host_id
    }

    fn events(&self, kind: EventKind) -> Vec<Event> {
        self.service.settled();
        let all = self.service.events().into_iter();
        all.filter(|event| event.kind == kind).collect()
    }
}

fn identity(credentials: &Credentials) -> api::tls::Identity<'_> {
    api::tls::Identity {
        certificate_pem: credentials.certificate_pem.as_bytes(),
        key_pem: credentials.key_pem.as_bytes(),
    }
}

fn caller() -> Caller {
    Caller {
        actor: "admin".into(),
        held_to: None,
        source: None,
        request_id: "test".into(),
        idempotency: None,
        revised: Default::default(),
        precondition: None,
    }
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "it never came to pass that {what}");
}
