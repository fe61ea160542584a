//! 500 VIFs attached to one host: from each interface's appearance in OVSDB to its confirmed flows
//! (`external_ids:bulkhead-active`), and how long all of them took.
//!
//! * `dummy`: ports known to the host, and interfaces that nothing is behind, plugged in OVSDB as any
//!   hypervisor would; what is left is the switch's work and ours.
//! * `netns`: instances asked for by the API, which our own driver runs, on a switch whose frames are real.
//!
//! `cargo bench -p tests --bench attaches` runs all; `dummy`, `netns`, `free`, `eight` and a number of VIFs
//! behind it choose.

mod observer;

use std::time::{Duration, Instant};

use lab::Datapath;
use ovsdb::{Client, Condition, Endpoint, NamedUuid, Operation, Value};
use serde_json::{Value as Json, json};
use tests::{Pool, PoolSpec, Rest};
use tokio::task::JoinSet;

use observer::{Observer, Seen};

const ATTACHES: usize = 500;
const PER_NETWORK: usize = 10;

/// Who attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Dummy,
    Netns,
}

/// How many are on their way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// As many as there are.
    Free,
    /// Another one begins when one is active.
    Eight,
}

impl Pace {
    const fn at_a_time(self) -> usize {
        match self {
            Self::Free => usize::MAX,
            Self::Eight => 8,
        }
    }
}

const ALL: [(Driver, Pace); 4] = [
    (Driver::Dummy, Pace::Free),
    (Driver::Dummy, Pace::Eight),
    (Driver::Netns, Pace::Free),
    (Driver::Netns, Pace::Eight),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.iter().find_map(|word| word.parse().ok());
    let count = count.unwrap_or(ATTACHES);
    println!("{count} VIFs of one host, in networks of {PER_NETWORK}: appears in OVSDB -> active");
    for (driver, pace) in ALL {
        let named = |word: &str| words.iter().any(|it| it == word);
        let wanted =
            |word: &str, others: &[&str]| named(word) || !others.iter().any(|other| named(other));
        let driver_name = format!("{driver:?}").to_lowercase();
        let pace_name = format!("{pace:?}").to_lowercase();
        if wanted(&driver_name, &["dummy", "netns"]) && wanted(&pace_name, &["free", "eight"]) {
            Bench::set(driver).run(driver, pace, count);
        }
    }
}

/// A pool of one host, and the ways to it.
struct Bench {
    pool: Pool,
    rest: Rest,
    client: Client,
    tenant: Json,
    host: Json,
}

impl Bench {
    fn set(driver: Driver) -> Self {
        let pool = Pool::up(&PoolSpec {
            datapath: match driver {
                Driver::Dummy => Datapath::Dummy,
                Driver::Netns => Datapath::Netdev,
            },
            ..PoolSpec::real(1)
        });
        let controller = pool.lab().controller();
        let controller = controller.unwrap_or_else(|e| panic!("{e}"));
        let rest = Rest::open(controller.directory());
        let socket = pool.host(1).vswitch().ovsdb_socket();
        let client = Client::connect(Endpoint::Unix(socket), ovsdb::Options::default());
        let client = pool.wait(client).unwrap_or_else(|e| panic!("{e}"));
        let host = pool.json("host-show h1")["id"].clone();
        let mut bench = Self {
            pool,
            rest,
            client,
            tenant: Json::Null,
            host,
        };
        bench.create(
            "physical-networks",
            json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-3999"}),
        );
        bench.tenant = bench.create("tenants", json!({"name": "acme"}))["id"].clone();
        bench
    }

    fn run(mut self, driver: Driver, pace: Pace, count: usize) {
        let networks = self.networks(count.div_ceil(PER_NETWORK));
        let network = |number: usize| networks[number / PER_NETWORK].clone();
        let work: Vec<Json> = match driver {
            Driver::Dummy => (0..count)
                .map(|number| self.port(&network(number)))
                .collect(),
            Driver::Netns => (0..count).map(network).collect(),
        };
        // What comes before is not measured.
        std::thread::sleep(Duration::from_secs(2));
        let mut observer = Observer::start(&self.pool, &self.client);
        let before = self.pool.processor_seconds();
        let start = Instant::now();
        let seen = self
            .pool
            .wait(self.attach(driver, pace, work, &mut observer));
        let total = seen.end().map_or(Duration::ZERO, |end| end - start);
        let after = self.pool.processor_seconds();
        print(driver, pace, (&seen, total));
        let per_attach = after.iter().map(|(kind, seconds)| {
            let spent = seconds - before.get(kind).unwrap_or(&0.0);
            format!("{kind} {:.1}", spent * 1000.0 / count as f64)
        });
        let per_attach: Vec<_> = per_attach.collect();
        println!("    processor ms an attach: {}", per_attach.join(", "));
    }

    /// Attaches one after the other, never more at a time than the pace allows; waits for all.
    async fn attach(
        &self,
        driver: Driver,
        pace: Pace,
        work: Vec<Json>,
        observer: &mut Observer,
    ) -> Seen {
        let mut plugging = JoinSet::new();
        let count = work.len();
        for (number, about) in work.into_iter().enumerate() {
            let enough = (number + 1).saturating_sub(pace.at_a_time());
            observer.active(enough).await;
            match driver {
                Driver::Netns => self.start(number, &about).await,
                Driver::Dummy => {
                    let client = self.client.clone();
                    plugging.spawn(async move { plug(&client, number, &about).await });
                }
            }
        }
        plugging.join_all().await;
        observer.active(count).await
    }

    /// Asks for an instance on a network.
    async fn start(&self, number: usize, network: &Json) {
        let instance = json!({
            "tenant_id": self.tenant, "host_id": self.host, "network_ids": [network],
            "name": format!("i{number}"),
        });
        self.rest.create("instances", instance).await;
    }

    fn networks(&mut self, count: usize) -> Vec<Json> {
        let networks = (0..count).map(|number| {
            let network =
                json!({"tenant_id": self.tenant, "name": format!("n{number}"), "kind": "vlan"});
            let network = self.create("networks", network)["id"].clone();
            let subnet = json!({"network_id": network, "cidr": "10.0.0.0/16"});
            self.create("subnets", subnet);
            network
        });
        networks.collect()
    }

    fn port(&self, network: &Json) -> Json {
        let port = json!({"network_id": network, "host_id": self.host});
        self.create("ports", port)["id"].clone()
    }

    fn create(&self, collection: &str, body: Json) -> Json {
        self.pool.wait(self.rest.create(collection, body))
    }
}

/// Plugs an interface in that nothing is behind.
async fn plug(client: &Client, number: usize, port: &Json) {
    let name = format!("d{number}");
    let port = port.as_str().unwrap_or_default();
    let operations = vec![
        Operation::insert("Interface")
            .with_uuid_name("interface")
            .column("name", name.as_str())
            .column("type", "dummy")
            .column("external_ids", Value::map([("iface-id", port)]))
            .into(),
        Operation::insert("Port")
            .with_uuid_name("port")
            .column("name", name.as_str())
            .column("interfaces", NamedUuid::new("interface"))
            .into(),
        Operation::mutate("Bridge")
            .where_(Condition::equal("name", "br-int"))
            .mutation("ports", ovsdb::Mutator::Insert, NamedUuid::new("port"))
            .into(),
    ];
    let done = client.transact("Open_vSwitch", operations).await;
    done.unwrap_or_else(|e| panic!("{e}"));
}

fn print(driver: Driver, pace: Pace, (seen, total): (&Seen, Duration)) {
    let times = seen.times();
    // Nearest rank.
    let at = |percent: usize| {
        let index = (times.len() * percent).div_ceil(100).max(1) - 1;
        times[index].as_secs_f64() * 1000.0
    };
    println!(
        "  {driver:?}, {pace:?}: median {:.1} ms, p99 {:.1} ms, longest {:.1} ms; all in {:.2} s",
        at(50),
        at(99),
        at(100),
        total.as_secs_f64()
    );
}
