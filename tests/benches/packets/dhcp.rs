//! Answers to DHCP clients.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::frame::{self, BROADCAST};
use tests::{Instance, Plug, Pool, PoolSpec, eventually};

use super::{PATIENCE, inside};

/// How many clients ask, and how often each: what its meter lets through at once.
const CLIENTS: usize = 60;
const QUESTIONS: usize = 40;

/// Clients of one host that ask one after the other as fast as they can, until all answers are there.
pub(super) fn print() {
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
