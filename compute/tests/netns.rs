//! The netns driver on a real kernel and a real ovsdb-server (no switch is needed to plug).

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use compute::Hypervisor;
use compute::netns::Netns;
use model::plan::{PlannedInstance, PlannedInterface};
use model::{Driver, Id, MacAddr};
use ovsdb::{Client, Endpoint, MonitorRequest, Operation, Options};

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// An ovsdb-server of its own in a folder of its own; killed when dropped.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("conf.db");
        let made = Command::new("ovsdb-tool")
            .arg("create")
            .arg(&database)
            .arg(SCHEMA)
            .status();
        assert!(made.unwrap().success());
        let child = Command::new("ovsdb-server")
            .arg(&database)
            .arg(format!(
                "--remote=punix:{}",
                socket(folder.path()).display()
            ))
            .args(["--no-chdir", "--unixctl=none", "-vconsole:off"])
            .spawn()
            .unwrap();
        while !socket(folder.path()).exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, folder }
    }

    async fn client(&self) -> Client {
        let client = Client::connect(
            Endpoint::Unix(socket(self.folder.path())),
            Options::default(),
        );
        let client = client.await.unwrap();
        let bridge = Operation::insert("Bridge")
            .column("name", "br-int")
            .with_uuid_name("b");
        let root = Operation::insert("Open_vSwitch").column("bridges", ovsdb::NamedUuid::new("b"));
        client
            .transact("Open_vSwitch", vec![bridge.into(), root.into()])
            .await
            .unwrap();
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn socket(folder: &Path) -> std::path::PathBuf {
    folder.join("db.sock")
}

/// A prefix of namespaces that nobody else uses; what is left under it is removed when dropped.
struct Prefix(String);

impl Prefix {
    fn new() -> Self {
        let random = uuid::Uuid::new_v4().to_string();
        Self(format!("bhc{}-", &random[..6]))
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        let entries = std::fs::read_dir("/run/netns").unwrap().flatten();
        for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
            if name.starts_with(&self.0) {
                let removed = Command::new("ip").args(["netns", "del", &name]).status();
                assert!(removed.is_ok());
            }
        }
    }
}

fn instance(addresses: &[&str]) -> PlannedInstance {
    let interfaces = addresses
        .iter()
        .enumerate()
        .map(|(number, address)| PlannedInterface {
            port_id: Id::generate(),
            mac: MacAddr::local(number as u64 + 1),
            addresses: vec![address.parse().unwrap()],
            gateways: match number {
                0 => vec!["10.0.0.1".parse().unwrap()],
                _ => Vec::new(),
            },
            mtu: 1400,
        });
    PlannedInstance {
        id: Id::generate(),
        name: "web".parse().unwrap(),
        driver: Driver::Netns,
        boot: None,
        motion: None,
        interfaces: interfaces.collect(),
    }
}

fn inside(namespace: &str, line: &[&str]) -> String {
    let output = Command::new("nsenter")
        .arg(format!("--net=/run/netns/{namespace}"))
        .arg("--")
        .args(line)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn plugged(client: &Client) -> Vec<compute::ovsdb::ObservedVif> {
    let request = compute::ovsdb::COLUMNS
        .iter()
        .fold(MonitorRequest::new(), |request, (table, columns)| {
            request.table(*table, columns.iter().copied())
        });
    let monitor = client.monitor("Open_vSwitch", request).await.unwrap();
    compute::ovsdb::vifs(&monitor.snapshot(), "br-int")
}

#[tokio::test]
async fn an_instance_starts_is_repaired_and_stops_without_a_trace() {
    let server = Server::start();
    let client = server.client().await;
    let prefix = Prefix::new();
    let driver = Netns::new(prefix.0.as_str(), "br-int", client.clone());
    let wanted = [instance(&["10.0.0.5/24", "10.1.0.5/24"])];

    let found = driver.reconcile(&wanted, &[]).await;
    assert_eq!(found.leftovers, []);
    let report = &found.instances[0];
    assert_eq!((report.running, &report.reason), (true, &None));
    let namespace = report.handle.clone().unwrap();
    let shown = inside(&namespace, &["ip", "address", "show", "eth0"]);
    assert!(
        shown.contains("10.0.0.5/24") && shown.contains("mtu 1400"),
        "{shown}"
    );
    assert!(
        shown.contains(&wanted[0].interfaces[0].mac.to_string()),
        "{shown}"
    );
    assert!(inside(&namespace, &["ip", "route"]).contains("default via 10.0.0.1 dev eth0"));
    assert!(inside(&namespace, &["ip", "address", "show", "eth1"]).contains("10.1.0.5/24"));
    let vifs = plugged(&client).await;
    let mut named: Vec<_> = vifs.iter().filter_map(|vif| vif.iface_id.clone()).collect();
    let mut ports: Vec<_> = wanted[0]
        .interfaces
        .iter()
        .map(|it| it.port_id.to_string())
        .collect();
    named.sort();
    ports.sort();
    assert_eq!(named, ports);

    // Nothing is done twice.
    let before: Vec<_> = vifs.iter().map(|vif| vif.row).collect();
    assert_eq!(driver.reconcile(&wanted, &[]).await, found);
    let after: Vec<_> = plugged(&client).await.iter().map(|vif| vif.row).collect();
    assert_eq!(after, before);

    // What somebody took away is put back.
    inside(&namespace, &["ip", "link", "del", "eth1"]);
    assert!(driver.reconcile(&wanted, &[]).await.instances[0].running);
    assert!(inside(&namespace, &["ip", "address", "show", "eth1"]).contains("10.1.0.5/24"));

    // A process inside does not outlive the instance.
    let mut sleeper = Command::new("nsenter")
        .args([
            &format!("--net=/run/netns/{namespace}"),
            "--",
            "sleep",
            "600",
        ])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let found = driver.reconcile(&[], &[]).await;
    assert_eq!(found.leftovers, []);
    assert!(!sleeper.wait().unwrap().success());
    assert!(!Path::new("/run/netns").join(&namespace).exists());
    assert_eq!(plugged(&client).await, []);
    let links = Command::new("ip").args(["link", "show"]).output().unwrap();
    let links = String::from_utf8(links.stdout).unwrap();
    assert!(
        vifs.iter().all(|vif| !links.contains(&vif.interface)),
        "{links}"
    );
}

#[tokio::test]
async fn a_failed_instance_does_not_hold_up_the_others() {
    let server = Server::start();
    let client = server.client().await;
    let prefix = Prefix::new();
    let driver = Netns::new(prefix.0.as_str(), "br-int", client.clone());
    let mut bad = instance(&["10.0.0.6/24"]);
    bad.interfaces[0].gateways = vec!["192.0.2.1".parse().unwrap()];
    let wanted = [bad, instance(&["10.0.0.7/24"])];
    let found = driver.reconcile(&wanted, &[]).await;
    assert!(!found.instances[0].running);
    let reason = found.instances[0].reason.clone().unwrap();
    assert!(
        reason.starts_with("could not configure eth0 inside: "),
        "{reason}"
    );
    assert!(found.instances[1].running);
    assert_eq!(driver.reconcile(&[], &[]).await.leftovers, []);
}

#[tokio::test]
async fn many_start_at_once_and_one_that_the_switch_refuses_holds_up_no_other() {
    let server = Server::start();
    let client = server.client().await;
    let prefix = Prefix::new();
    let driver = Netns::new(prefix.0.as_str(), "br-int", client.clone());
    let wanted: Vec<_> = (10..16)
        .map(|number| instance(&[&format!("10.0.0.{number}/24")]))
        .collect();
    // Somebody has an interface of one's name, on no bridge of ours.
    let taken = wanted[2].interfaces[0].port_id.uuid().simple().to_string();
    let taken = format!("vif{}", &taken[20..]);
    let port = Operation::insert("Port")
        .with_uuid_name("port")
        .column("name", "stranger")
        .column("interfaces", ovsdb::NamedUuid::new("interface"));
    let interface = Operation::insert("Interface")
        .with_uuid_name("interface")
        .column("name", taken);
    let bridge = Operation::insert("Bridge")
        .with_uuid_name("bridge")
        .column("name", "br-other")
        .column("ports", ovsdb::NamedUuid::new("port"));
    let root = Operation::mutate("Open_vSwitch").mutation(
        "bridges",
        ovsdb::Mutator::Insert,
        ovsdb::NamedUuid::new("bridge"),
    );
    let made = vec![interface.into(), port.into(), bridge.into(), root.into()];
    client.transact("Open_vSwitch", made).await.unwrap();

    let found = driver.reconcile(&wanted, &[]).await;
    for (number, report) in found.instances.iter().enumerate() {
        assert_eq!(report.id, wanted[number].id);
        assert_eq!(report.running, number != 2, "{report:?}");
    }
    let reason = found.instances[2].reason.clone().unwrap();
    assert!(reason.starts_with("could not plug eth0"), "{reason}");
    assert_eq!(plugged(&client).await.len(), 5);
    assert_eq!(driver.reconcile(&[], &[]).await.leftovers, []);
}

#[tokio::test]
async fn what_is_settled_is_not_looked_at_again_unless_it_is_wanted_otherwise() {
    let server = Server::start();
    let client = server.client().await;
    let prefix = Prefix::new();
    let driver = Netns::new(prefix.0.as_str(), "br-int", client.clone());
    let mut wanted = [instance(&["10.0.0.5/24"]), instance(&["10.0.0.6/24"])];
    wanted.sort_by_key(|it| it.id);
    let found = driver.reconcile(&wanted, &[]).await;
    let namespace = found.instances[0].handle.clone().unwrap();
    inside(&namespace, &["ip", "link", "del", "eth0"]);
    let has_nic = || inside(&namespace, &["ip", "link"]).contains("eth0");
    assert_eq!(driver.reconcile(&wanted, &wanted).await, found);
    assert!(!has_nic());
    // One that is settled and wanted no more goes all the same.
    let other = found.instances[1].handle.clone().unwrap();
    let settled = wanted.clone();
    wanted[0].interfaces[0].mtu = 1300;
    let found = driver.reconcile(&wanted[..1], &settled).await;
    assert!(found.instances[0].running && has_nic());
    assert!(!Path::new("/run/netns").join(other).exists());
    assert_eq!(driver.reconcile(&[], &[]).await.leftovers, []);
}

#[tokio::test]
async fn what_an_agent_that_died_left_half_made_is_finished_or_removed() {
    let server = Server::start();
    let client = server.client().await;
    let prefix = Prefix::new();
    let driver = Netns::new(prefix.0.as_str(), "br-int", client.clone());
    // A namespace that never was mounted, and one of an instance nobody wants.
    std::fs::create_dir_all("/run/netns").unwrap();
    std::fs::write(format!("/run/netns/{}000000000000", prefix.0), "").unwrap();
    let orphan = instance(&["10.0.0.8/24"]);
    assert!(
        driver
            .reconcile(std::slice::from_ref(&orphan), &[])
            .await
            .instances[0]
            .running
    );
    let wanted = [instance(&["10.0.0.9/24"])];
    let found = driver.reconcile(&wanted, &[]).await;
    assert_eq!(found.leftovers, []);
    assert!(found.instances[0].running);
    assert_eq!(plugged(&client).await.len(), 1);
    assert_eq!(driver.reconcile(&[], &[]).await.leftovers, []);
}
