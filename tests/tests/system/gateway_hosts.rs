//! Routers whose ports get out through gateway hosts: h3, and h4 when h3 is not there. The other hosts carry
//! instances of two tenants with the same addresses, one on a VLAN and one on an overlay.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::{Instance, Lost, Pinging, Pool, PoolSpec, eventually, frame};

use crate::PATIENCE;
use crate::outside::{FAR, all_pass, far_away};
use crate::trace::hosts;

const MARK: &str = "BULKHEAD gateway host";
const GATEWAYS: [usize; 2] = [3, 4];

struct Scene {
    pool: Pool,
    outside: Instance,
    /// Of each tenant one instance on h1 and one on h2.
    tenants: [[Instance; 2]; 2],
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(4));
        let outside = pool.internet();
        far_away(&outside);
        let tenants = [("acme", "vlan"), ("globex", "geneve")];
        let tenants = tenants.map(|(tenant, kind)| tenant_of(&pool, tenant, kind));
        let scene = Self {
            pool,
            outside,
            tenants,
        };
        scene.everybody_gets_out();
        scene
    }

    fn far(&self) -> Instance {
        Instance {
            address: FAR,
            ..self.outside.clone()
        }
    }

    fn everybody_gets_out(&self) {
        for instance in self.tenants.iter().flatten() {
            all_pass(instance, &self.far());
        }
    }

    fn addresses(&self) -> Vec<Ipv4Addr> {
        let gateways = self.pool.json("router-gateway-list");
        let gateways = gateways.as_array().unwrap().iter();
        let addresses = gateways.flat_map(|it| it["addresses"].as_array().unwrap());
        let addresses = addresses.map(|it| it["address"].as_str().unwrap().parse().unwrap());
        addresses.collect()
    }

    /// The gateway hosts whose switches have this address.
    fn holders(&self, address: Ipv4Addr) -> Vec<usize> {
        let mac = model::MacAddr::public(address).to_string();
        let has = |host: &usize| {
            let host = self.pool.host(*host);
            let line = ["-O", "OpenFlow15", "dump-flows", "br-int", "table=32"];
            let dumped = self.pool.wait(host.vswitch().ovs_ofctl(&line));
            dumped.is_ok_and(|flows| flows.contains(&format!("dl_dst={mac}")))
        };
        GATEWAYS.into_iter().filter(has).collect()
    }

    fn held_by(&self, host: usize) {
        for address in self.addresses() {
            eventually("the address is there, and there alone", PATIENCE, || {
                self.holders(address) == [host]
            });
        }
    }

    fn endpoint(&self, host: usize) -> String {
        let shown = self.pool.json(&format!("host-show h{host}"));
        shown["endpoint"].as_str().unwrap().to_owned()
    }

    /// Whether a host's switch hears another's signs of life.
    fn hears(&self, host: usize, other: usize) -> bool {
        let endpoint: Ipv4Addr = self.endpoint(other).parse().unwrap();
        let name = format!("vxlan-{:08x}", endpoint.to_bits());
        let line = ["get", "Interface", &name, "bfd_status:state"];
        let host = self.pool.host(host);
        let state = self.pool.wait(host.vswitch().ovs_vsctl(&line)).unwrap();
        state.trim() == "up"
    }

    /// Keeps what these send by tunnels from a host, or lets it in again.
    fn deaf(&self, host: usize, to: &[usize], change: Path) {
        for other in to {
            let of = format!("ip,nw_src={}", self.endpoint(*other));
            let drop = format!("priority=999,{of},actions=drop");
            let line = match change {
                Path::Cut => ["add-flow", "br-private", &drop],
                Path::Mended => ["del-flows", "br-private", &of],
            };
            let host = self.pool.host(host);
            self.pool.wait(host.vswitch().ovs_ofctl(&line)).unwrap();
        }
    }
}

#[derive(Clone, Copy)]
enum Path {
    Cut,
    Mended,
}

fn tenant_of(pool: &Pool, tenant: &str, kind: &str) -> [Instance; 2] {
    pool.must(&format!("tenant-create name={tenant}"));
    pool.admit_everybody(tenant);
    pool.must(&format!(
        "{kind}-create tenant={tenant} name=web subnet=10.0.1.0/24"
    ));
    pool.must(&format!("router-create tenant={tenant} name=r network=web"));
    pool.must(&format!(
        "router-gateway-set r tenant={tenant} network=internet hosts=h3,h4"
    ));
    ["h1", "h2"].map(|host| pool.vm_start(&format!("{tenant}-{host}"), tenant, "web", host))
}

fn told(what: &str, lost: &Lost) {
    println!(
        "{what}: {} of {} pings lost, no answer for {:?}",
        lost.lost, lost.sent, lost.time
    );
    assert_eq!(lost.twice, 0, "{what}: no packet leaves by two hosts");
}

#[test]
fn gateway_hosts_take_over_from_each_other_without_the_controller() {
    let scene = Scene::set();
    let addresses = scene.addresses();
    assert_eq!(addresses.len(), 2, "one for each router");
    scene.held_by(3);
    for instance in scene.tenants.iter().flatten() {
        assert_eq!(instance.tcp_send(&scene.far(), 300_000), 300_000);
    }
    nobody_else_hands_on(&scene);
    a_trace_follows_a_packet_to_the_gateway_host(&scene);

    let controller = scene.pool.lab().controller().unwrap();
    let killed = scene.pool.wait(controller.process().kill(Signal::SIGKILL));
    killed.unwrap();
    let pinging = || {
        scene
            .tenants
            .each_ref()
            .map(|it| Pinging::start(&it[0].namespace, &FAR.to_string()))
    };
    let pings = pinging();
    let first = scene.pool.host(3);
    for process in [first.agent().unwrap().clone(), first.vswitch().vswitchd()] {
        scene.pool.wait(process.kill(Signal::SIGKILL)).unwrap();
    }
    for instance in scene.tenants.iter().flatten() {
        eventually("the second lets them out", PATIENCE, || {
            instance.ping(FAR, 1, Duration::from_millis(200)) == 1
        });
    }
    thread::sleep(Duration::from_secs(1));
    for ping in pings {
        told("the first gateway host died", &ping.stop());
    }
    for address in &addresses {
        assert_eq!(scene.holders(*address), [4]);
    }
    scene.everybody_gets_out();

    let pings = pinging();
    scene.pool.wait(first.vswitch().vswitchd().start()).unwrap();
    scene.pool.wait(first.agent().unwrap().start()).unwrap();
    eventually("the first has its addresses again", PATIENCE, || {
        let holders: Vec<_> = addresses.iter().map(|it| scene.holders(*it)).collect();
        assert!(
            holders.iter().all(|it| it.len() < 2),
            "both have it: {holders:?}"
        );
        holders.iter().all(|it| *it == [3])
    });
    thread::sleep(Duration::from_secs(1));
    for ping in pings {
        told("the first gateway host came back", &ping.stop());
    }
    scene.everybody_gets_out();
}

fn a_trace_follows_a_packet_to_the_gateway_host(scene: &Scene) {
    for tenant in ["acme", "globex"] {
        let packet = format!("trace tenant={tenant} from={tenant}-h1 to={FAR} protocol=udp");
        let trace = scene.pool.json(&packet);
        assert_eq!(trace["verdict"], "left", "{trace:#}");
        let message = trace["message"].as_str().unwrap();
        let name = "(as whom router r speaks on h3)";
        assert!(message.contains(name), "{trace:#}");
        let way: Vec<String> = hosts(&trace).into_iter().map(|(host, _)| host).collect();
        assert_eq!(way, ["h1", "h3"], "{trace:#}");
        for host in trace["hosts"].as_array().unwrap() {
            assert_eq!(host["switch"], "the switch says the same", "{trace:#}");
        }
    }
}

/// A VIF does not reach a gateway host by the address that hosts send to, nor does anybody begin to speak
/// with one from outside.
fn nobody_else_hands_on(scene: &Scene) {
    let shown = scene.pool.json("host-show h3");
    let id: model::HostId = shown["id"].as_str().unwrap().parse().unwrap();
    let entry = model::MacAddr::router(id).octets();
    let sender = &scene.tenants[0][0];
    let heard = scene.outside.sniff();
    sender.send_frames(&[
        frame::udp((sender.mac, sender.address), (entry, FAR), MARK),
        frame::udp((entry, sender.address), (entry, FAR), MARK),
    ]);
    for address in scene.addresses() {
        let answered = scene.outside.ping(address, 2, Duration::from_millis(100));
        assert_eq!(answered, 0, "{address}");
    }
    let caught = heard.stop();
    assert_eq!(caught.iter().find(|it| frame::carries(it, MARK)), None);
}

#[test]
fn an_address_is_never_on_two_gateway_hosts_though_they_do_not_hear_each_other() {
    let scene = Scene::set();
    scene.held_by(3);
    let addresses = scene.addresses();

    // Only the path between the two is cut: each lives, and the first keeps what it has.
    let pings = scene
        .tenants
        .each_ref()
        .map(|it| Pinging::start(&it[0].namespace, &FAR.to_string()));
    scene.deaf(3, &[4], Path::Cut);
    eventually("neither hears the other", PATIENCE, || {
        !scene.hears(3, 4) && !scene.hears(4, 3)
    });
    for _ in 0..40 {
        for address in &addresses {
            assert_eq!(scene.holders(*address), [3]);
        }
        thread::sleep(Duration::from_millis(50));
    }
    for ping in pings {
        let lost = ping.stop();
        told("they did not hear each other", &lost);
        assert_eq!(lost.lost, 0, "who lets out goes on");
    }
    scene.deaf(3, &[4], Path::Mended);
    scene.everybody_gets_out();

    // The first hears nobody: it lets go when the second asks.
    scene.deaf(3, &[1, 2, 4], Path::Cut);
    scene.held_by(4);
    scene.everybody_gets_out();
    scene.deaf(3, &[1, 2, 4], Path::Mended);
    scene.held_by(3);
    scene.everybody_gets_out();
}
