//! A host full of VIFs that all ask the agent without end, and one that asks once.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use lab::Datapath;
use serde_json::{Value, json};
use tests::attack::discover;
use tests::frame::Mac;
use tests::{Pool, PoolSpec, Rest, eventually};

use crate::PATIENCE;

/// How many VIFs ask without end, and of how many to a network.
const CROWD: usize = 300;
const OF_A_NETWORK: usize = 50;

/// How many questions each of them sends in one go.
const AT_ONCE: u32 = 20;

/// A VIF that nothing is behind: its frames are put into the switch as if they came from it.
struct Vif {
    id: String,
    interface: String,
    mac: Mac,
}

/// A host of such VIFs.
struct Crowd {
    pool: Pool,
    rest: Rest,
    host: Value,
    tenant: Value,
}

fn crowd() -> Crowd {
    let pool = Pool::up(&PoolSpec {
        datapath: Datapath::Dummy,
        ..PoolSpec::real(1)
    });
    let rest = pool.rest();
    let physical =
        json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "2-999"});
    pool.wait(rest.create("physical-networks", physical));
    let tenant = pool.wait(rest.create("tenants", json!({"name": "acme"})))["id"].clone();
    let host = pool.json("host-show h1")["id"].clone();
    Crowd {
        pool,
        rest,
        host,
        tenant,
    }
}

impl Crowd {
    fn network(&self, name: &str) -> Value {
        let network = json!({"tenant_id": self.tenant, "name": name, "kind": "vlan"});
        let network = self.pool.wait_in(self.rest.create("networks", network))["id"].clone();
        let subnet = json!({"network_id": network, "cidr": "10.0.0.0/24"});
        self.pool.wait_in(self.rest.create("subnets", subnet));
        network
    }

    /// Some VIFs of a network, plugged.
    fn vifs(&self, network: &Value, prefix: &str, count: usize) -> Vec<Vif> {
        let create = |number: usize| {
            let port = json!({"network_id": network, "host_id": self.host});
            let port = self.pool.wait_in(self.rest.create("ports", port));
            let text = |field: &str| port[field].as_str().unwrap().to_owned();
            let mac = text("mac");
            let bytes = mac.split(':').map(|it| u8::from_str_radix(it, 16).unwrap());
            Vif {
                id: text("id"),
                interface: format!("{prefix}-{number}"),
                mac: bytes.collect::<Vec<_>>().try_into().unwrap(),
            }
        };
        let vifs: Vec<Vif> = (0..count).map(create).collect();
        let words = vifs.iter().flat_map(|Vif { id, interface, .. }| {
            let words = format!(
                "-- add-port br-int {interface} -- set interface {interface} type=dummy external_ids:iface-id={id}"
            );
            words.split(' ').map(str::to_owned).collect::<Vec<_>>()
        });
        let words: Vec<String> = words.collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let host = self.pool.host(1);
        self.pool.wait_in(host.vswitch().ovs_vsctl(&words)).unwrap();
        vifs
    }

    fn is_active(&self, vif: &Vif) -> bool {
        let (_, port) = self
            .pool
            .wait_in(self.rest.get(&format!("ports/{}", vif.id)));
        port["status"]["state"] == "active"
    }

    /// How many frames the switch gave to a VIF.
    fn received(&self, vif: &Vif) -> u64 {
        let line = ["dump-ports", "br-int", &vif.interface];
        let host = self.pool.host(1);
        let text = self.pool.wait_in(host.vswitch().ovs_ofctl(&line)).unwrap();
        let (_, sent) = text.split_once("tx pkts=").unwrap();
        sent.split(',').next().unwrap().parse().unwrap()
    }

    /// The socket by which frames are put into the switch.
    fn control(&self) -> Control {
        let folder = std::fs::read_dir(self.pool.host(1).vswitch().rundir()).unwrap();
        let mut files = folder.map(|it| it.unwrap().path());
        let path = files.find(|it| {
            let name = it.file_name().unwrap().to_string_lossy();
            name.starts_with("ovs-vswitchd.") && name.ends_with(".ctl")
        });
        Control(path.unwrap())
    }
}

/// The control socket of ovs-vswitchd.
struct Control(PathBuf);

impl Control {
    /// Puts frames into the switch as if this VIF had sent them.
    fn receive(&self, stream: &mut UnixStream, vif: &Vif, frames: &[Vec<u8>]) {
        let hex =
            |frame: &Vec<u8>| -> String { frame.iter().map(|it| format!("{it:02x}")).collect() };
        let arguments: Vec<String> = [vif.interface.clone()]
            .into_iter()
            .chain(frames.iter().map(hex))
            .collect();
        let request = json!({"method": "netdev-dummy/receive", "params": arguments, "id": 0});
        stream.write_all(request.to_string().as_bytes()).unwrap();
        let mut reply = Vec::new();
        let mut part = [0; 512];
        while serde_json::from_slice::<Value>(&reply).is_err() {
            let count = stream.read(&mut part).unwrap();
            assert!(count > 0, "the switch is gone");
            reply.extend(&part[..count]);
        }
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        assert!(reply["error"].is_null(), "{reply}");
    }

    fn open(&self) -> UnixStream {
        UnixStream::connect(&self.0).unwrap()
    }
}

/// Has all of them ask for addresses until it is told to stop.
fn ask_without_end(control: &Control, crowd: &[Vif], stop: &AtomicBool, asked: &AtomicU64) {
    let mut stream = control.open();
    let mut n = 0;
    for vif in crowd.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let frames: Vec<_> = (n..n + AT_ONCE)
            .map(|n| discover(vif.mac, vif.mac, n))
            .collect();
        control.receive(&mut stream, vif, &frames);
        n += AT_ONCE;
        asked.fetch_add(AT_ONCE.into(), Ordering::Relaxed);
    }
}

#[test]
fn hundreds_of_vifs_that_ask_without_end_keep_nobody_from_an_address_and_no_change_from_its_host() {
    let scene = crowd();
    let mut crowd = Vec::new();
    for number in 0..CROWD / OF_A_NETWORK {
        let network = scene.network(&format!("crowd{number}"));
        crowd.extend(scene.vifs(&network, &format!("c{number}"), OF_A_NETWORK));
    }
    let quiet = scene.network("quiet");
    let honest = scene.vifs(&quiet, "honest", 1).remove(0);
    for vif in crowd.iter().chain([&honest]) {
        eventually("all are plugged", PATIENCE, || scene.is_active(vif));
    }
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = scene.control();
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| ask_without_end(&control, &crowd, &stop, &asked));
        // Until those who ask have had all that comes at once.
        let rounds = u64::from(2 * AT_ONCE) * u64::try_from(CROWD).unwrap();
        eventually("they ask", PATIENCE, || {
            asked.load(Ordering::Relaxed) >= rounds
        });
        let mut stream = control.open();
        for n in 1..=5 {
            let before = scene.received(&honest);
            control.receive(&mut stream, &honest, &[discover(honest.mac, honest.mac, n)]);
            eventually("its one question is answered", PATIENCE, || {
                scene.received(&honest) > before
            });
        }
        let late = scene.vifs(&quiet, "late", 1).remove(0);
        eventually("a VIF is plugged meanwhile", PATIENCE, || {
            scene.is_active(&late)
        });
        stop.store(true, Ordering::Relaxed);
    });
    let answered: u64 = crowd.iter().map(|it| scene.received(it)).sum();
    eprintln!(
        "{} asked, {answered} answered",
        asked.load(Ordering::Relaxed)
    );
    // Of more than 256 VIFs and up to 512 each has 5 a second, and 10 at once.
    let seconds = begun.elapsed().as_secs() + 2;
    let shares = u64::try_from(CROWD).unwrap() * (10 + 5 * seconds);
    assert!(answered <= shares, "{answered}, and not {shares}");
}
