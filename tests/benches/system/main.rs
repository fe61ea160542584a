//! Whole-system figures on dummy datapaths: how long from an interface's appearance in OVSDB to its
//! confirmed flows, what a change costs, what a port costs. `make bench` prints them.
//!
//! Dummy datapaths, since adding ports to a real one costs more than everything measured here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lab::Datapath;
use ovsdb::{Client, Condition, Endpoint, Monitor, MonitorRequest, NamedUuid, Operation, Value};
use serde_json::{Value as Json, json};
use tests::{Pool, PoolSpec, Rest};

mod flows;
mod rules;

const CHANGES: usize = 40;

/// What a pool has before anything is measured.
#[derive(Clone, Copy)]
struct Scale {
    hosts: usize,
    ports_per_host: usize,
    ports_per_network: usize,
}

const fn scale(hosts: usize, ports_per_host: usize, ports_per_network: usize) -> Scale {
    Scale {
        hosts,
        ports_per_host,
        ports_per_network,
    }
}

/// Those of two hosts have 10 and 1,000 networks, each with a port on either host; the last has one
/// network of 1,000 ports on ten hosts.
const SCALES: &[Scale] = &[
    scale(1, 10, 10),
    scale(1, 1000, 10),
    scale(10, 100, 10),
    scale(2, 10, 2),
    scale(2, 1000, 2),
    scale(10, 100, 1000),
];

fn main() {
    println!("interface appears in OVSDB -> flows confirmed (external_ids:bulkhead-active)");
    for scale in scales() {
        let mut bench = Bench::set(scale);
        let networks = bench.networks.len();
        println!(
            "\n{} host(s), {} ports on each, {networks} networks of {}:",
            scale.hosts, scale.ports_per_host, scale.ports_per_network
        );
        if scale.hosts == 2 {
            bench.measure("new network, two ports: both hosts", Bench::new_network);
        } else {
            bench.measure("plug, port known to the host", Bench::plug_known);
            bench.measure("add + plug", Bench::add_and_plug);
        }
        if scale.hosts == 10 {
            bench.measure(
                "a rule of 1,000 members for 1,000 members: all hosts",
                Bench::rule_from_members,
            );
            bench.measure(
                "a rule of one prefix for 1,000 members: all hosts",
                Bench::rule_from_prefix,
            );
        }
        bench.print_sizes();
    }
    flows::print();
}

/// Those named on the command line, as `hosts`x`ports` or `hosts`x`ports`/`ports of a network`, or all.
fn scales() -> Vec<Scale> {
    let named = std::env::args().filter_map(|word| {
        let (hosts, rest) = word.split_once('x')?;
        let (ports, network) = rest.split_once('/').unwrap_or((rest, "10"));
        Some(scale(
            hosts.parse().ok()?,
            ports.parse().ok()?,
            network.parse().ok()?,
        ))
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        SCALES.to_vec()
    } else {
        named
    }
}

/// A pool with ports, and the connections to change it.
struct Bench {
    pool: Pool,
    rest: Rest,
    hosts: Vec<Host>,
    tenant: Json,
    networks: Vec<String>,
    plugged: usize,
}

struct Host {
    id: Json,
    client: Client,
    monitor: Monitor,
}

impl Bench {
    fn set(scale: Scale) -> Self {
        let hosts = scale.hosts;
        let pool = Pool::up(&PoolSpec {
            datapath: Datapath::Dummy,
            ..PoolSpec::real(hosts)
        });
        let rest = Rest::open(
            pool.lab()
                .controller()
                .unwrap_or_else(|e| panic!("{e}"))
                .directory(),
        );
        let hosts = (1..=hosts)
            .map(|number| Host::open(&pool, number))
            .collect();
        let mut bench = Self {
            pool,
            rest,
            hosts,
            tenant: Json::Null,
            networks: Vec::new(),
            plugged: 0,
        };
        bench.fill(scale);
        bench
    }

    /// Port j of every network is on host j, so that every host has every network.
    fn fill(&mut self, scale: Scale) {
        let start = Instant::now();
        let total = scale.ports_per_host * scale.hosts;
        self.create(
            "physical-networks",
            json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "2-3999"}),
        );
        self.tenant = self.create("tenants", json!({"name": "acme"}))["id"].clone();
        for _ in 0..total.div_ceil(scale.ports_per_network) {
            self.add_network("vlan");
        }
        let created = start.elapsed();
        let mut by_host: Vec<Vec<String>> = vec![Vec::new(); self.hosts.len()];
        for number in 0..total {
            let host = number % self.hosts.len();
            by_host[host].push(self.add_port(number / scale.ports_per_network, host));
        }
        let added = start.elapsed();
        for (host, ports) in by_host.iter().enumerate() {
            for some in ports.chunks(250) {
                self.plug(host, some);
            }
        }
        for (host, ports) in by_host.iter().enumerate() {
            ports.iter().for_each(|port| self.wait_active(host, port));
        }
        let all = start.elapsed();
        println!(
            "filled: {} networks in {:.2} s, {total} ports in {:.2} s, plugged and active in {:.2} s",
            self.networks.len(),
            created.as_secs_f64(),
            (added - created).as_secs_f64(),
            (all - added).as_secs_f64()
        );
    }

    fn create(&self, collection: &str, body: Json) -> Json {
        self.pool.wait(self.rest.create(collection, body))
    }

    /// A network with a subnet; gives its place among all.
    fn add_network(&mut self, kind: &str) -> usize {
        let number = self.networks.len();
        let network = json!({"tenant_id": self.tenant, "name": format!("n{number}"), "kind": kind});
        let network = text(&self.create("networks", network)["id"]);
        self.create(
            "subnets",
            json!({"network_id": network, "cidr": "10.0.0.0/16"}),
        );
        self.networks.push(network);
        number
    }

    fn add_port(&self, network: usize, host: usize) -> String {
        let network = &self.networks[network % self.networks.len()];
        let port = json!({"network_id": network, "host_id": self.hosts[host].id});
        text(&self.create("ports", port)["id"])
    }

    fn plug(&mut self, host: usize, ports: &[String]) {
        let mut operations = Vec::new();
        let mut names = Vec::new();
        for (index, port) in ports.iter().enumerate() {
            self.plugged += 1;
            let name = format!("d{}", self.plugged);
            let (interface, row) = (format!("i{index}"), format!("p{index}"));
            operations.push(
                Operation::insert("Interface")
                    .with_uuid_name(&interface)
                    .column("name", name.as_str())
                    .column("type", "dummy")
                    .column("external_ids", Value::map([("iface-id", port.as_str())]))
                    .into(),
            );
            operations.push(
                Operation::insert("Port")
                    .with_uuid_name(&row)
                    .column("name", name.as_str())
                    .column("interfaces", NamedUuid::new(interface))
                    .into(),
            );
            names.push(NamedUuid::new(row));
        }
        operations.push(
            Operation::mutate("Bridge")
                .where_(Condition::equal("name", "br-int"))
                .mutation("ports", ovsdb::Mutator::Insert, Value::set(names))
                .into(),
        );
        let done = self
            .pool
            .wait(self.hosts[host].client.transact("Open_vSwitch", operations));
        done.unwrap_or_else(|e| panic!("{e}"));
    }

    fn wait_active(&mut self, host: usize, port: &str) {
        let host = &mut self.hosts[host];
        while !host.is_active(port) {
            let patience = Duration::from_secs(120);
            let changed = async { tokio::time::timeout(patience, host.monitor.changed()).await };
            let changed = self.pool.wait(changed);
            changed
                .unwrap_or_else(|_| panic!("{port} did not become active"))
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }

    /// One change: how long it took.
    fn plug_known(&mut self, number: usize) -> Duration {
        let host = number % self.hosts.len();
        let port = self.add_port(number, host);
        // Until the plan is on the host, so that only the plug is measured.
        std::thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        self.plug(host, std::slice::from_ref(&port));
        self.wait_active(host, &port);
        start.elapsed()
    }

    /// One change: how long it took.
    fn add_and_plug(&mut self, number: usize) -> Duration {
        let host = number % self.hosts.len();
        let start = Instant::now();
        let port = self.add_port(number, host);
        self.plug(host, std::slice::from_ref(&port));
        self.wait_active(host, &port);
        start.elapsed()
    }

    /// One change: a network of its own with a port on either of two hosts, and how long it took until
    /// both had confirmed it.
    fn new_network(&mut self, _number: usize) -> Duration {
        let start = Instant::now();
        let network = self.add_network("vlan");
        let ports = [0, 1].map(|host| self.add_port(network, host));
        for (host, port) in ports.iter().enumerate() {
            self.plug(host, std::slice::from_ref(port));
        }
        for (host, port) in ports.iter().enumerate() {
            self.wait_active(host, port);
        }
        start.elapsed()
    }

    fn measure(&mut self, what: &str, mut change: impl FnMut(&mut Self, usize) -> Duration) {
        let before = self.pool.processor_seconds();
        let mut times: Vec<Duration> = (0..CHANGES).map(|number| change(self, number)).collect();
        std::thread::sleep(Duration::from_millis(500));
        let after = self.pool.processor_seconds();
        times.sort_unstable();
        // Nearest rank.
        let at = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).max(1) - 1;
            times[index].as_secs_f64() * 1000.0
        };
        println!(
            "  {what}: median {:.1} ms, p99 {:.1} ms ({CHANGES} changes)",
            at(50),
            at(99)
        );
        let per_change: Vec<String> = after
            .iter()
            .map(|(kind, seconds)| {
                let spent = seconds - before.get(kind).unwrap_or(&0.0);
                format!("{kind} {:.1}", spent * 1000.0 / CHANGES as f64)
            })
            .collect();
        println!("    processor ms per change: {}", per_change.join(", "));
    }

    fn print_sizes(&self) {
        let mut memory: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (kind, pid) in self.pool.daemons() {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kilobytes =
                line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            memory
                .entry(kind)
                .or_default()
                .push(kilobytes.unwrap_or(0.0) / 1024.0);
        }
        let largest = memory.iter().map(|(kind, sizes)| {
            format!("{kind} {:.0}", sizes.iter().copied().fold(0.0, f64::max))
        });
        println!(
            "  RSS MB, the largest of each: {}",
            largest.collect::<Vec<_>>().join(", ")
        );
        let flows = self.pool.flows(1).len();
        let ports = self.plugged / self.hosts.len();
        println!(
            "  flows on host 1: {flows} for {ports} ports, {:.1} a port",
            flows as f64 / ports as f64
        );
    }
}

impl Host {
    fn open(pool: &Pool, number: usize) -> Self {
        let id = pool.json(&format!("host-show h{number}"))["id"].clone();
        let socket = pool.host(number).vswitch().ovsdb_socket();
        let (client, monitor) = pool.wait(async {
            let client = Client::connect(Endpoint::Unix(socket), ovsdb::Options::default()).await;
            let client = client.unwrap_or_else(|e| panic!("{e}"));
            let request = MonitorRequest::new().table("Interface", ["name", "external_ids"]);
            let monitor = client.monitor("Open_vSwitch", request).await;
            (client, monitor.unwrap_or_else(|e| panic!("{e}")))
        });
        Self {
            id,
            client,
            monitor,
        }
    }

    fn is_active(&self, port: &str) -> bool {
        let replica = self.monitor.snapshot();
        let mut rows = replica.table("Interface").iter();
        rows.any(|(_, row)| {
            let ids = row.get("external_ids");
            let get = |key| ids.and_then(|ids| ids.map_get(key));
            get("iface-id") == Some(port) && get("bulkhead-active").is_some()
        })
    }
}

fn text(value: &Json) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
