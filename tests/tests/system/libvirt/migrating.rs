//! A machine that libvirt moves from host to host while it runs, with a VIF on a VLAN and one on an overlay.

use std::net::Ipv4Addr;

use lab::Signal;
use serde_json::Value;
use tests::libvirt::Libvirt;
use tests::listener::Listener;
use tests::tenants::TwoTenants;
use tests::{Instance, Pinging, Pool, PoolSpec, eventually};

use super::LONG;
use crate::PATIENCE;

/// Bytes that the machine sends to nobody but switches and servers of addresses, that others send to
/// everybody, and that go lost while it is dark.
const BESIDES: u64 = 8 << 10;

/// Two hosts with libvirt, and a third for those who speak with the machine; a tenant `globex` with the same
/// addresses on the first two.
struct Scene {
    // Before the pool, whose end takes everything in the hosts' namespaces along.
    libvirts: [Libvirt; 2],
    /// On `web` and on `db`.
    peers: [Instance; 2],
    /// Hears the machine count, at the first of them.
    listener: Listener,
    tenants: TwoTenants,
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(3));
        let tenants = TwoTenants::set_over(pool, ["vlan", "vlan"], Some("10.254.0.0/16"), |_| {});
        let pool = &tenants.pool;
        pool.must("vxlan-create tenant=acme name=db subnet=10.1.0.0/24");
        let peers = [("near", "web"), ("far", "db")];
        let peers = peers.map(|(name, network)| pool.vm_start(name, "acme", network, "h3"));
        let libvirts = [1, 2].map(|host| Libvirt::start(pool.host(host), LONG));
        let image = tests::libvirt::image::image();
        for host in [1, 2] {
            let images = pool.host(host).images_directory();
            std::fs::create_dir_all(&images).unwrap();
            std::fs::copy(&image.kernel, images.join("vmlinuz")).unwrap();
            std::fs::copy(&image.initrd, images.join("initrd")).unwrap();
        }
        let told = format!("command-line=console=ttyS0 tell={}", peers[0].address);
        let words = "vm-define mover tenant=acme network=web,db host=h1 kernel=vmlinuz \
                     initrd=initrd memory=96 acceleration=emulated";
        let words: Vec<&str> = words.split_whitespace().chain([told.as_str()]).collect();
        pool.netctl_words(&words).unwrap();
        // The machine tries once.
        let listener = Listener::start(&peers[0]);
        pool.must("vm-start mover tenant=acme timeout=180");
        Self {
            libvirts,
            peers,
            listener,
            tenants,
        }
    }

    fn pool(&self) -> &Pool {
        &self.tenants.pool
    }

    fn view(&self) -> Value {
        self.pool().json("vm-show mover tenant=acme")
    }

    fn host_id(&self, host: usize) -> Value {
        self.pool().json(&format!("host-show h{host}"))["id"].clone()
    }

    /// The machine's ports.
    fn ports(&self) -> Vec<Value> {
        let view = self.view();
        let ids = view["port_ids"].as_array().unwrap().iter();
        let show = |id: &Value| {
            self.pool()
                .json(&format!("vif-show {}", id.as_str().unwrap()))
        };
        ids.map(show).collect()
    }

    fn migrate(&self, way: (usize, usize)) {
        let line = format!("vm-migrate mover tenant=acme host=h{}", way.1);
        self.pool().must(&line);
        let view = self.view();
        assert_eq!(view["host_id"], self.host_id(way.1), "{view}");
        self.is_settled(way);
    }

    /// Its host's agent dies when the machine is on its way; libvirt goes on.
    fn migrate_without_an_agent(&self, way: (usize, usize)) {
        let pool = self.pool();
        pool.must(&format!(
            "vm-migrate mover tenant=acme host=h{} --no-wait",
            way.1
        ));
        let port = self.ports()[0]["id"].as_str().unwrap().to_owned();
        eventually("it is on its way", PATIENCE, || {
            !pool.interface_of(way.1, &port).is_empty()
        });
        let host = pool.host(way.0);
        let agent = host.agent().unwrap();
        pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        pool.wait(agent.start()).unwrap();
        eventually("it is there all the same", PATIENCE, || {
            self.view()["host_id"] == self.host_id(way.1)
        });
        self.is_settled(way);
    }

    /// It is on the one host, and nothing of it on the other.
    fn is_settled(&self, (from, to): (usize, usize)) {
        let view = self.view();
        assert!(
            view["power"] == "on" && view["migration"].is_null() && view["stayed"].is_null(),
            "{view}"
        );
        eventually("its ports have followed", PATIENCE, || {
            let all = self.pool().json("vif-migrate-list tenant=acme");
            all.as_array().is_some_and(Vec::is_empty)
        });
        for port in self.ports() {
            assert_eq!(port["host_id"], self.host_id(to), "{port}");
            let id = port["id"].as_str().unwrap();
            eventually("nothing of it stays", PATIENCE, || {
                let counts = self.pool().counted_by_switch(from).contains_key(id);
                self.pool().interface_of(from, id).is_empty() && !counts
            });
        }
        let handle = || self.view()["status"]["handle"].as_str().map(str::to_owned);
        eventually("its host tells of it", PATIENCE, || handle().is_some());
        let handle = handle().unwrap();
        let runs_on = |host: usize| {
            self.libvirts[host - 1]
                .must("list --name")
                .contains(&handle)
        };
        assert!(runs_on(to) && !runs_on(from), "in one place");
    }

    /// What one sends the other receives, but for a little: nothing is billed twice, or not at all.
    fn is_billed(&self) {
        let ids: Vec<String> = self
            .ports()
            .iter()
            .map(|it| it["id"].as_str().unwrap().into())
            .collect();
        eventually("all of it is billed, and once", PATIENCE, || {
            let billed = self.pool().billed();
            let mut figures = { ids.iter().zip(&self.peers) }
                .map(|(id, peer)| (billed.get(id).copied(), billed.get(&peer.port_id).copied()));
            figures.all(|figures| {
                let (Some(own), Some(peer)) = figures else {
                    return false;
                };
                let out = own.sent_bytes.abs_diff(peer.received_bytes);
                let back = peer.sent_bytes.abs_diff(own.received_bytes);
                out < BESIDES && back < BESIDES && own.sent_bytes > 4 * BESIDES
            })
        });
    }
}

fn address_of(port: &Value) -> Ipv4Addr {
    port["addresses"][0].as_str().unwrap().parse().unwrap()
}

/// What cannot be is refused, and what fails leaves all as it was.
fn stays(scene: &mut Scene) {
    let pool = &scene.tenants.pool;
    let refused = |line: &str, why: &str| {
        let complaint = pool.netctl(line).unwrap_err();
        assert!(complaint.contains(why), "{line}\n{complaint}");
    };
    refused("vm-migrate near tenant=acme host=h1", "cannot be moved");
    refused("vm-migrate mover tenant=acme host=nowhere", "nowhere");
    scene.libvirts[1].kill();
    refused("vm-migrate mover tenant=acme host=h2", "stays where it was");
    let view = pool.json("vm-show mover tenant=acme");
    assert_eq!(view["host_id"], pool.json("host-show h1")["id"], "{view}");
    assert!(
        view["migration"].is_null() && view["stayed"].is_string(),
        "{view}"
    );
    assert_eq!(
        pool.json("vif-migrate-list tenant=acme"),
        serde_json::json!([])
    );
    scene.libvirts[1].run();
}

#[test]
fn a_machine_moves_there_and_back_under_pings_and_a_stream_heard_by_nobody_else_and_billed_once() {
    let mut scene = Scene::set();
    stays(&mut scene);
    let listener = &scene.listener;
    let [_, globex] = &scene.tenants.tenants;
    let foreign = globex.instances.each_ref().map(Instance::sniff);
    eventually("it counts aloud", PATIENCE * 2, || listener.heard() > 5);
    let ports = scene.ports();
    let pinging = || {
        let both = scene.peers.iter().zip(&ports);
        let both = both.map(|(peer, port)| {
            let to = address_of(port);
            let answers = || peer.ping(to, 1, std::time::Duration::from_secs(1)) == 1;
            eventually("it answers", PATIENCE, answers);
            Pinging::start(&peer.namespace, &to.to_string())
        });
        both.collect::<Vec<_>>()
    };
    for (turn, way) in [(1, 2), (2, 1), (1, 2)].into_iter().enumerate() {
        let pings = pinging();
        match turn {
            2 => scene.migrate_without_an_agent(way),
            _ => scene.migrate(way),
        }
        let before = listener.heard();
        eventually("it counts on", PATIENCE, || listener.heard() > before + 10);
        assert!(!listener.is_over(), "on the same connection");
        for lost in pings.into_iter().map(Pinging::stop) {
            println!("{way:?}: {lost:?}");
            assert!(lost.lost < lost.sent / 2, "{lost:?}");
        }
    }
    scene.is_billed();
    let macs = ports.iter().map(|port| port["mac"].as_str().unwrap());
    let macs: Vec<Vec<u8>> = macs
        .map(|mac| {
            let digits = mac.split(':').map(|it| u8::from_str_radix(it, 16).unwrap());
            digits.collect()
        })
        .collect();
    for sniffer in foreign {
        let heard = sniffer.stop();
        let foreign = |frame: &&Vec<u8>| macs.iter().any(|mac| frame.get(6..12) == Some(mac));
        assert!(
            heard.iter().find(foreign).is_none(),
            "heard by another tenant"
        );
    }
    scene.pool().must("vm-stop mover tenant=acme");
}
