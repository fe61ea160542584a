//! Many clients at once leave no residue, and no VLAN id is ever given twice.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::Datapath;
use serde_json::{Value, json};
use tests::{Pool, PoolSpec, Rest, eventually};

use crate::PATIENCE;

const CLIENTS: usize = 8;
const NETWORKS_EACH: usize = 25;
const PORTS_EACH: usize = 5;

/// VLAN ids that live networks have, as the clients were told.
type VlansInUse = Arc<Mutex<HashSet<u64>>>;

#[test]
fn two_hundred_networks_and_a_thousand_ports_come_and_go_without_residue() {
    let pool = Pool::up(&PoolSpec {
        datapath: Datapath::Dummy,
        ..PoolSpec::real(2)
    });
    let data = pool.lab().controller().unwrap().directory().to_path_buf();
    let rest = Arc::new(Rest::open(&data));
    let tenant = pool.wait(prepare(&rest));
    let hosts: Vec<Value> = pool
        .json("host-list")
        .as_array()
        .cloned()
        .unwrap_or_default();
    // What an agent does to its switch for the physical network comes after the answer.
    eventually("both hosts have the physical network", PATIENCE, || {
        let both = hosts
            .iter()
            .all(|host| pool.is_settled(host["name"].as_str().unwrap()));
        both && [1, 2].iter().all(|host| has_private(&pool, *host))
    });
    let before = Residue::of(&pool, &data);
    let vlans = VlansInUse::default();

    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let client = Client {
                pool: &pool,
                rest: Arc::clone(&rest),
                tenant: tenant.clone(),
                host: number % 2 + 1,
                host_id: hosts[number % 2]["id"].clone(),
                host_name: hosts[number % 2]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                number,
                vlans: Arc::clone(&vlans),
            };
            scope.spawn(move || client.churn());
        }
    });
    eventually("nothing is left", PATIENCE, || {
        Residue::of(&pool, &data) == before
    });
}

fn has_private(pool: &Pool, host: usize) -> bool {
    let bridges = pool.wait(pool.host(host).vswitch().ovs_vsctl(&["list-br"]));
    bridges.is_ok_and(|it| it.contains("br-private"))
}

async fn prepare(rest: &Rest) -> Value {
    let physical =
        json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-259"});
    rest.create("physical-networks", physical).await;
    rest.create("tenants", json!({"name": "acme"})).await["id"].clone()
}

struct Client<'a> {
    pool: &'a Pool,
    rest: Arc<Rest>,
    tenant: Value,
    host: usize,
    host_id: Value,
    host_name: String,
    number: usize,
    vlans: VlansInUse,
}

impl Client<'_> {
    fn churn(&self) {
        // Several networks live at the same time, so that ids are in use, freed and used again.
        let mut alive = Vec::new();
        for round in 0..NETWORKS_EACH {
            alive.push(self.build(round));
            if alive.len() == 5 {
                alive
                    .drain(..3)
                    .for_each(|network| self.tear_down(&network));
            }
        }
        alive.iter().for_each(|network| self.tear_down(network));
    }

    fn build(&self, round: usize) -> Built {
        let name = format!("n{}-{round}", self.number);
        let network = json!({"tenant_id": self.tenant, "name": name, "kind": "vlan"});
        let network = self.pool.wait_in(self.rest.create("networks", network));
        let vlan = network["vlan"].as_u64().unwrap_or_default();
        assert!(
            self.vlans.lock().unwrap().insert(vlan),
            "VLAN {vlan} was given twice"
        );
        let subnet = json!({"network_id": network["id"], "cidr": "10.0.0.0/24"});
        self.pool.wait_in(self.rest.create("subnets", subnet));
        let ports: Vec<Value> = (0..PORTS_EACH)
            .map(|_| {
                let port = json!({"network_id": network["id"], "host_id": self.host_id});
                self.pool.wait_in(self.rest.create("ports", port))["id"].clone()
            })
            .collect();
        let interfaces = self.plug(round, &ports);
        Built {
            network: network["id"].clone(),
            vlan,
            ports,
            interfaces,
        }
    }

    /// Plugs the network's ports in, all at once, as dummy interfaces.
    fn plug(&self, round: usize, ports: &[Value]) -> Vec<String> {
        let mut line: Vec<String> = Vec::new();
        let mut names = Vec::new();
        for (index, port) in ports.iter().enumerate() {
            let name = format!("d{}-{round}-{index}", self.number);
            let iface_id = port.as_str().unwrap_or_default();
            let words = format!(
                "-- add-port br-int {name} -- set interface {name} type=dummy external_ids:iface-id={iface_id}"
            );
            line.extend(words.split(' ').map(str::to_owned));
            names.push(name);
        }
        self.vsctl(&line);
        let last = ports[ports.len() - 1]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        eventually("the last port is active", PATIENCE, || {
            let (_, port) = self.pool.wait_in(self.rest.get(&format!("ports/{last}")));
            port["status"]["state"] == "active"
        });
        names
    }

    fn tear_down(&self, built: &Built) {
        let mut line: Vec<String> = Vec::new();
        for name in &built.interfaces {
            line.extend(["--", "del-port", name].map(str::to_owned));
        }
        self.vsctl(&line);
        for port in &built.ports {
            self.delete("ports", port);
        }
        // Before it is free, so that another client may be given it at once.
        self.vlans.lock().unwrap().remove(&built.vlan);
        self.delete("networks", &built.network);
    }

    fn delete(&self, collection: &str, id: &Value) {
        let path = format!("{collection}/{}", id.as_str().unwrap_or_default());
        let (status, answer) = self.pool.wait_in(self.rest.delete(&path));
        assert_eq!(status, 204, "{path}: {answer}");
    }

    fn vsctl(&self, line: &[String]) {
        let host = self
            .pool
            .lab()
            .hosts()
            .unwrap()
            .into_iter()
            .find(|it| it.name() == self.host_name);
        let host = host.unwrap_or_else(|| self.pool.host(self.host));
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.pool
            .wait_in(host.vswitch().ovs_vsctl(&line))
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

struct Built {
    network: Value,
    vlan: u64,
    ports: Vec<Value>,
    interfaces: Vec<String>,
}

/// What could be left behind: rows of the store, rows of OVSDB, flows.
#[derive(Debug, PartialEq, Eq)]
struct Residue {
    store: BTreeMap<String, i64>,
    ovsdb: Vec<(usize, usize)>,
    flows: Vec<Vec<String>>,
}

impl Residue {
    fn of(pool: &Pool, data: &Path) -> Self {
        let rows = |host: usize, table: &str| {
            let host = pool.host(host);
            let list = [
                "--columns=_uuid",
                "--format=csv",
                "--no-headings",
                "list",
                table,
            ];
            pool.wait(host.vswitch().ovs_vsctl(&list))
                .unwrap_or_default()
                .lines()
                .count()
        };
        Self {
            store: store_rows(&data.join("bulkhead.db")),
            ovsdb: [1, 2]
                .map(|host| (rows(host, "Port"), rows(host, "Interface")))
                .to_vec(),
            flows: [1, 2].map(|host| pool.flows(host)).to_vec(),
        }
    }
}

/// Rows of every table but those whose purpose is to remember.
fn store_rows(path: &Path) -> BTreeMap<String, i64> {
    const MEMORY: &[&str] = &[
        "audit",
        "audit_object",
        "event",
        "idempotency",
        "revision",
        "sequence",
        "sqlite_sequence",
    ];
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    store.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut tables = store
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let names = tables
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .map(Result::unwrap);
    let counted = names
        .filter(|name| !MEMORY.contains(&name.as_str()))
        .map(|name| {
            let count = format!("SELECT count(*) FROM \"{name}\"");
            (name, store.query_row(&count, [], |row| row.get(0)).unwrap())
        });
    counted.collect()
}
