//! Figures that need real packets: throughput between hosts beside a plain switch, and answers to DHCP
//! clients. `make bench` prints them.
//!
//! Open vSwitch's userspace datapath copies every packet through the kernel, so the ratio says more
//! than the throughput.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::frame::{self, BROADCAST};
use tests::tenants::TwoTenants;
use tests::{Instance, Plug, Pool, PoolSpec, eventually};

/// What one run sends.
const STREAM_BYTES: u64 = 100_000_000;
/// Ours and theirs in turns, so that a busy moment of the machine meets both.
const ROUNDS: usize = 3;

/// How many clients ask, and how often each: what its meter lets through at once.
const CLIENTS: usize = 60;
const QUESTIONS: usize = 40;

/// What instances on the overlay are told: 1500 less 50 for the headers. The plain ones have the same.
const MTU: &str = "1450";

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    throughput();
    dhcp();
}

/// One TCP stream between two hosts over VXLAN: through the pipeline, and through bridges that only
/// learn (`NORMAL`), on the same switches and cables.
fn throughput() {
    let scene = TwoTenants::set_on(Pool::up(&PoolSpec::real(2)), ["vxlan", "vxlan"], |_| {});
    let ours = &scene.tenants[0].instances;
    let plain = plain_bridges(&scene.pool);
    println!("one TCP stream between hosts over VXLAN, {STREAM_BYTES} bytes:");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let [ours, plain] = [ours, &plain].map(|[from, to]| megabits(from, to));
        println!(
            "  tenant's network {ours:.0} Mbit/s, plain NORMAL bridges {plain:.0} Mbit/s, ratio {:.2}",
            ours / plain
        );
        ratios.push(ours / plain);
    }
    ratios.sort_unstable_by(f64::total_cmp);
    println!("  median ratio {:.2}", ratios[ROUNDS / 2]);
}

fn megabits(from: &Instance, to: &Instance) -> f64 {
    eventually("they reach each other", PATIENCE, || from.reaches(to));
    let start = Instant::now();
    let arrived = from.tcp_send(to, STREAM_BYTES);
    assert_eq!(arrived, STREAM_BYTES, "not all arrived");
    arrived as f64 * 8.0 / 1e6 / start.elapsed().as_secs_f64()
}

/// A learning bridge on each host, with a tunnel to the other and one machine, as one would make
/// them by hand.
fn plain_bridges(pool: &Pool) -> [Instance; 2] {
    let endpoint = |host: usize| -> String {
        let shown = pool.json(&format!("host-show h{host}"));
        shown["endpoint"].as_str().unwrap_or_default().to_owned()
    };
    for (host, peer) in [(1, 2), (2, 1)] {
        let local = format!("options:local_ip={}", endpoint(host));
        let remote = format!("options:remote_ip={}", endpoint(peer));
        let line = [
            "add-br",
            "br-plain",
            "--",
            "set",
            "bridge",
            "br-plain",
            "datapath_type=netdev",
            "--",
            "add-port",
            "br-plain",
            "plain-vxlan",
            "--",
            "set",
            "interface",
            "plain-vxlan",
            "type=vxlan",
            "options:key=77",
            &local,
            &remote,
        ];
        let done = pool.wait(pool.host(host).vswitch().ovs_vsctl(&line));
        done.unwrap_or_else(|e| panic!("{e}"));
    }
    [1, 2].map(|host| plain_machine(pool, host))
}

fn plain_machine(pool: &Pool, host: usize) -> Instance {
    let address = Ipv4Addr::new(10, 77, 0, u8::try_from(host).unwrap_or(0));
    let port = serde_json::json!({
        "id": format!("plain-{host}"), "mac": format!("0a:77:00:00:00:0{host}"),
        "addresses": [address.to_string()],
    });
    let plug = pool.plug(host, &port, &format!("p{host}"));
    inside(&plug.instance, &format!("ip link set eth0 mtu {MTU}"));
    // It was plugged into br-int, where nobody knows it.
    pool.unplug(&plug);
    let line = ["add-port", "br-plain", plug.interface.as_str()];
    let moved = pool.wait(pool.host(host).vswitch().ovs_vsctl(&line));
    moved.unwrap_or_else(|e| panic!("{e}"));
    plug.instance
}

/// Clients of one host that ask one after the other as fast as they can, until all answers are there.
fn dhcp() {
    let pool = Pool::up(&PoolSpec::real(1));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    let clients: Vec<Plug> = (0..CLIENTS).map(|number| client(&pool, number)).collect();
    let discover: Vec<Vec<u8>> = clients.iter().map(|it| discover(&it.instance)).collect();
    let asked = CLIENTS * QUESTIONS;
    let (before, spent_before) = (received(&clients), pool.processor_seconds());
    let start = Instant::now();
    for (client, frame) in clients.iter().zip(&discover) {
        client.instance.send_frames(&vec![frame.clone(); QUESTIONS]);
    }
    let sent = start.elapsed();
    let last = last_answer(&clients[CLIENTS - 1].instance);
    let answers = received(&clients) - before;
    let seconds = (last - start).as_secs_f64();
    println!(
        "\nDHCP: {CLIENTS} clients of one host asked {QUESTIONS} times each within {sent:.2?}: \
         {answers} of {asked} answered in {seconds:.2} s, {:.0} a second",
        answers as f64 / seconds
    );
    let spent = pool.processor_seconds();
    let each = ["agent", "vswitchd"].map(|kind| {
        let seconds = spent[kind] - spent_before[kind];
        format!("{kind} {:.0}", seconds * 1e6 / answers as f64)
    });
    println!("  processor microseconds an answer: {}", each.join(", "));
}

/// When the client that asks last was answered last.
fn last_answer(client: &Instance) -> Instant {
    const QUIET: Duration = Duration::from_secs(1);
    let mut last = (Instant::now(), client.counters().received_packets);
    while last.0.elapsed() < QUIET {
        std::thread::sleep(Duration::from_millis(2));
        let now = client.counters().received_packets;
        if now != last.1 {
            last = (Instant::now(), now);
        }
    }
    last.0
}

fn client(pool: &Pool, number: usize) -> Plug {
    let id = pool.must("--minimal vif-create tenant=acme network=web");
    let port: Value = pool.json(&format!("vif-show {}", id.trim()));
    let plug = pool.plug_bare(1, &port, &format!("c{number}"));
    let shown = format!("vif-show {}", id.trim());
    eventually("the port is active", PATIENCE, || {
        pool.json(&shown)["status"]["state"] == "active"
    });
    // What its kernel asks of its own accord would be heard by all others.
    inside(
        &plug.instance,
        "sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1",
    );
    plug
}

fn inside(instance: &Instance, line: &str) {
    let mut words = line.split(' ');
    let mut command = instance.command(words.next().unwrap_or_default());
    let done = command.args(words).status();
    assert!(done.is_ok_and(|it| it.success()), "{line}");
}

/// A DHCPDISCOVER (RFC 2131 §4.4.1) as a client without an address sends it.
fn discover(client: &Instance) -> Vec<u8> {
    const CLIENT: u16 = 68;
    const SERVER: u16 = 67;
    let mut message = vec![1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0x80, 0];
    message.resize(28, 0);
    message.extend(client.mac);
    message.resize(236, 0);
    message.extend([99, 130, 83, 99, 53, 1, 1, 255]);
    let nobody = (client.mac, Ipv4Addr::UNSPECIFIED);
    let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
    frame::between_ports(nobody, everybody, (CLIENT, SERVER), &message)
}

/// Frames that all clients have received so far.
fn received(clients: &[Plug]) -> u64 {
    let counters = clients.iter().map(|it| it.instance.counters());
    counters.map(|it| it.received_packets).sum()
}
