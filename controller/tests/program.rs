//! The program itself: started, stopped, killed, and started again.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up may as well panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::client::{Client, ListQuery, Server};
use api::request::{
    NetworkCreate, NetworkKind, PhysicalNetworkCreate, PortCreate, SubnetCreate, TenantCreate,
};
use api::resource::PortView;
use controller::change::{Change, Step};
use controller::object::{Object, Write};
use controller::store::Store;
use model::{
    Handout, MacAddr, Network, PhysicalNetwork, Port, PortId, Role, Segment, Sharing, Tenant,
    Timestamp,
};
use tempfile::TempDir;

/// How long the program may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running controller; killed when the test is over.
struct Controller {
    child: Child,
    folder: PathBuf,
}

impl Controller {
    /// Starts it and waits until it answers.
    async fn start(folder: &Path) -> Self {
        let child = serve(folder).stderr(Stdio::null()).spawn().unwrap();
        let mut controller = Self {
            child,
            folder: folder.to_owned(),
        };
        let deadline = Instant::now() + PATIENCE;
        while !controller.is_ready().await {
            assert!(controller.child.try_wait().unwrap().is_none(), "it ended");
            assert!(Instant::now() < deadline, "it is never ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        controller
    }

    async fn is_ready(&self) -> bool {
        self.folder.join("api.sock").exists() && self.client().health().await.is_ok()
    }

    fn client(&self) -> Client {
        let token = std::fs::read_to_string(self.folder.join("admin.token")).unwrap();
        let server = Server::Unix(self.folder.join("api.sock"));
        Client::new(server, Some(token.trim())).unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bulkhead-controller"))
}

/// The command to serve, on ports that are free.
fn serve(folder: &Path) -> Command {
    let sockets: Vec<TcpListener> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let address = |index: usize| sockets[index].local_addr().unwrap().to_string();
    let mut command = program();
    command.arg("serve").arg("--data-dir").arg(folder);
    command.args(["--api-listen", &address(0), "--agent-listen", &address(1)]);
    command.args(["--sflow-listen", &address(2), "--advertise", "127.0.0.1"]);
    command
}

async fn tenant_and_network(client: &Client) -> Network {
    let physical_network = PhysicalNetworkCreate {
        name: "private".parse().unwrap(),
        role: Role::Private,
        uplink: "eth1".parse().unwrap(),
        vlans: Some("1-4094".parse().unwrap()),
        native_vlan: None,
        mtu: None,
        endpoints: None,
    };
    client
        .create::<PhysicalNetwork>(&physical_network)
        .await
        .unwrap();
    let tenant = TenantCreate {
        name: "a".parse().unwrap(),
        limits: model::Limits::default(),
    };
    let tenant: Tenant = client.create(&tenant).await.unwrap();
    let network: Network = client.create(&network_of(&tenant, "net")).await.unwrap();
    let subnet = SubnetCreate {
        network_id: network.id,
        name: None,
        cidr: "10.0.0.0/16".parse().unwrap(),
        gateway: None,
        pools: None,
        handout: Handout::default(),
    };
    client.create::<model::Subnet>(&subnet).await.unwrap();
    network
}

fn network_of(tenant: &Tenant, name: &str) -> NetworkCreate {
    NetworkCreate {
        tenant_id: tenant.id,
        name: name.parse().unwrap(),
        kind: NetworkKind::Vlan,
        physical_network_id: None,
        vlan: None,
        vni: None,
        mtu: None,
        sharing: Sharing::default(),
        limits: model::Limits::default(),
    }
}

fn port_on(network: &Network) -> PortCreate {
    PortCreate {
        network_id: network.id,
        tenant_id: None,
        name: None,
        mac: None,
        addresses: None,
        allowed: Vec::new(),
        spoof_guard: None,
        limits: model::Limits::default(),
        security_group_ids: None,
        host_id: None,
    }
}

/// Creates ports until the controller is gone; gives those that were acknowledged.
async fn create_until_killed(client: Client, network: Network) -> Vec<Port> {
    let mut acknowledged = Vec::new();
    while let Ok(view) = client.create::<PortView>(&port_on(&network)).await {
        acknowledged.push(view.port);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_has_all_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<PortId, Port> = BTreeMap::new();
    let mut controller = Controller::start(folder.path()).await;
    let network = tenant_and_network(&controller.client()).await;
    for round in 0u64..8 {
        let clients: Vec<_> = (0..4)
            .map(|_| tokio::spawn(create_until_killed(controller.client(), network.clone())))
            .collect();
        tokio::time::sleep(Duration::from_millis(40 + 37 * round)).await;
        controller.kill();
        for client in clients {
            let ports = client.await.unwrap();
            acknowledged.extend(ports.into_iter().map(|port| (port.id, port)));
        }
        controller = Controller::start(folder.path()).await;
        let listed = controller
            .client()
            .list_all::<PortView>(&ListQuery::default())
            .await;
        let listed: BTreeMap<PortId, Port> = listed
            .unwrap()
            .into_iter()
            .map(|view| (view.port.id, view.port))
            .collect();
        for (id, port) in &acknowledged {
            assert_eq!(listed.get(id), Some(port), "acknowledged, and lost");
        }
        let addresses: BTreeSet<_> = listed.values().flat_map(|port| &port.addresses).collect();
        assert_eq!(addresses.len(), listed.len(), "an address twice");
    }
    assert!(
        acknowledged.len() > 50,
        "only {} ports were made",
        acknowledged.len()
    );
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_second_controller_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Controller::start(folder.path()).await;
    let second = serve(folder.path()).output().unwrap();
    assert!(!second.status.success());
    assert!(
        text(&second).contains("another controller uses"),
        "{}",
        text(&second)
    );
    first.client().health().await.unwrap();
}

#[tokio::test]
async fn it_ends_when_asked_to_and_leaves_its_folder_ready_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut controller = Controller::start(folder.path()).await;
        let pid = controller.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match controller.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it does not end"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert!(status.success());
    }
}

#[tokio::test]
async fn host_certificates_are_made_while_it_runs_and_keep_their_hosts_id() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _controller = Controller::start(folder.path()).await;
    let make = |name: &str, out: &Path| {
        let mut command = program();
        command
            .arg("host-certificate")
            .arg("--data-dir")
            .arg(folder.path());
        let made = command
            .args(["--name", name, "--out"])
            .arg(out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made));
        std::fs::read(out.join("host.pem")).unwrap()
    };
    let id_of = |pem: &[u8]| {
        use rustls_pki_types::pem::PemObject;
        let der = rustls_pki_types::CertificateDer::from_pem_slice(pem).unwrap();
        controller::fleet::identity::of_certificate(&der)
            .unwrap()
            .id
    };
    let first = make("h1", &out.path().join("h1"));
    let again = make("h1", &out.path().join("again"));
    assert_ne!(first, again);
    assert_eq!(id_of(&first), id_of(&again));
    assert_ne!(id_of(&first), id_of(&make("h2", &out.path().join("h2"))));
    let authority = std::fs::read(folder.path().join("ca.pem")).unwrap();
    assert_eq!(
        std::fs::read(out.path().join("h1/ca.pem")).unwrap(),
        authority
    );
}

fn put(revision: &mut u64, object: Object) -> Change {
    *revision += 1;
    Change {
        revision: *revision,
        at: Timestamp::now(),
        actor: "test".into(),
        held_to: None,
        source: None,
        request_id: String::new(),
        verb: "test",
        steps: vec![Step {
            before: None,
            write: Write::Put(object),
        }],
        idempotency: None,
        forget_answers_through: None,
    }
}

/// A store with 10,000 ports on 100 networks.
fn large_store(folder: &TempDir) {
    let at = Timestamp::now();
    let tenant = Tenant {
        id: model::Id::generate(),
        name: "a".parse().unwrap(),
        standing: model::Standing::default(),
        quota: model::Quota::default(),
        limits: model::Limits::default(),
        created_at: at,
    };
    let private = PhysicalNetwork {
        id: model::Id::generate(),
        name: "private".parse().unwrap(),
        role: Role::Private,
        uplink: "eth1".parse().unwrap(),
        vlans: Some("1-4094".parse().unwrap()),
        native_vlan: model::VlanId::DEFAULT_NATIVE,
        mtu: 1500,
        endpoints: None,
        trial: None,
        created_at: at,
    };
    let mut revision = 0;
    let mut changes = vec![
        put(&mut revision, Object::Tenant(Arc::new(tenant.clone()))),
        put(
            &mut revision,
            Object::PhysicalNetwork(Arc::new(private.clone())),
        ),
    ];
    for number in 1..=100u16 {
        let network = Network {
            id: model::Id::generate(),
            tenant_id: tenant.id,
            name: format!("n{number}").parse().unwrap(),
            number: u32::from(number).try_into().unwrap(),
            segment: Segment::Vlan {
                physical_network_id: private.id,
                vlan: number.try_into().unwrap(),
            },
            mtu: 1500,
            sharing: Sharing::default(),
            limits: model::Limits::default(),
            created_at: at,
        };
        let ports: Vec<Port> = (0..100).map(|index| port_of(&network, index)).collect();
        changes.push(put(&mut revision, Object::Network(Arc::new(network))));
        for port in ports {
            changes.push(put(&mut revision, Object::Port(Arc::new(port))));
        }
    }
    let mut store = Store::open(&folder.path().join("bulkhead.db")).unwrap();
    let changes: Vec<&Change> = changes.iter().collect();
    store.commit(&changes).unwrap();
}

fn port_of(network: &Network, index: u64) -> Port {
    Port {
        id: model::Id::generate(),
        tenant_id: network.tenant_id,
        network_id: network.id,
        name: None,
        mac: MacAddr::local(index),
        addresses: vec![format!("10.0.0.{}", index + 1).parse().unwrap()],
        allowed: Vec::new(),
        spoof_guard: model::SpoofGuard::On,
        limits: model::Limits::default(),
        security_group_ids: Vec::new(),
        host_id: None,
        on_trunk: None,
        migration: None,
        instance_id: None,
        created_at: network.created_at,
    }
}

#[tokio::test]
async fn with_ten_thousand_ports_it_starts_and_serves_them_all() {
    let folder = tempfile::tempdir().unwrap();
    large_store(&folder);
    let controller = Controller::start(folder.path()).await;
    let client = controller.client();
    let ports = client
        .list_all::<PortView>(&ListQuery::default())
        .await
        .unwrap();
    assert_eq!(ports.len(), 10_000);
    let network: Vec<Network> = client.list_first(&ListQuery::default(), 1).await.unwrap();
    let twin = PortCreate {
        mac: Some(MacAddr::local(7)),
        ..port_on(&network[0])
    };
    let refused = client.create::<PortView>(&twin).await;
    assert!(refused.is_err(), "an Ethernet address twice");
}
