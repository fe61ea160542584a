//! How long nobody lets a router's packets out when its gateway host dies, and when it comes back: two
//! gateway hosts and a sender on real switches, the dead one's switch and agent killed, pings every 10 ms.
//! Over a VLAN and over an overlay. `cargo bench -p tests --bench failover`.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use lab::{Process, Signal};
use tests::{Instance, Pool, PoolSpec, eventually};

const ROUNDS: usize = 5;
const EVERY: Duration = Duration::from_millis(10);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const PATIENCE: Duration = Duration::from_secs(90);

fn main() {
    let pool = Pool::up(&PoolSpec::real(3));
    pool.internet();
    println!("milliseconds without an answer: median (smallest to largest) of {ROUNDS}");
    for kind in ["vlan", "vxlan"] {
        let sender = sender(&pool, kind);
        eventually("it gets out", PATIENCE, || {
            sender.ping(OUTSIDE, 20, EVERY) == 20
        });
        let rounds: Vec<[u64; 2]> = (0..ROUNDS).map(|_| round(&pool, &sender)).collect();
        for (at, what) in ["the first dies", "it comes back"].iter().enumerate() {
            let mut gaps: Vec<u64> = rounds.iter().map(|it| it[at]).collect();
            gaps.sort_unstable();
            println!(
                "  {kind}, {what}: {} ({} to {})",
                gaps[ROUNDS / 2],
                gaps[0],
                gaps[ROUNDS - 1]
            );
        }
    }
}

/// The longest time without an answer around its death, and around its return.
fn round(pool: &Pool, sender: &Instance) -> [u64; 2] {
    let host = pool.host(2);
    let agent = host.agent().unwrap_or_else(|e| panic!("{e}")).clone();
    let switch = host.vswitch().vswitchd();
    let dies = longest_gap(sender, || {
        for process in [&agent, &switch] {
            let killed = pool.wait(process.kill(Signal::SIGKILL));
            killed.unwrap_or_else(|e| panic!("{e}"));
        }
        sleep(Duration::from_secs(3));
    });
    let returns = longest_gap(sender, || {
        start(pool, &switch);
        start(pool, &agent);
        sleep(Duration::from_secs(10));
    });
    [dies, returns]
}

fn start(pool: &Pool, process: &Process) {
    let started = pool.wait(process.start());
    started.unwrap_or_else(|e| panic!("{e}"));
}

/// In milliseconds, by the numbers of the answers that came.
fn longest_gap(sender: &Instance, act: impl FnOnce()) -> u64 {
    let pinging = Command::new("nsenter")
        .arg(format!("--net=/run/netns/{}", sender.namespace))
        .args(["ping", "-n", "-i", "0.01", &OUTSIDE.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let pinging = pinging.unwrap_or_else(|e| panic!("could not run ping: {e}"));
    sleep(Duration::from_secs(1));
    act();
    let answered = stop(pinging);
    let gaps = answered.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or_default().saturating_sub(1) * 10
}

/// The numbers of the answers.
fn stop(pinging: Child) -> Vec<u64> {
    let pid = pinging.id().to_string();
    let stopped = Command::new("kill").args(["-INT", &pid]).status();
    assert!(stopped.is_ok_and(|it| it.success()), "ping ended by itself");
    let output = pinging.wait_with_output();
    let output = output.unwrap_or_else(|e| panic!("{e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.lines().filter_map(|line| {
        let number = line.split("icmp_seq=").nth(1)?;
        number.split(' ').next()?.parse().ok()
    });
    numbers.collect()
}

/// An instance on the first host, whose router gets out by the others.
fn sender(pool: &Pool, kind: &str) -> Instance {
    for line in [
        format!("tenant-create name={kind}"),
        format!("{kind}-create tenant={kind} name=web subnet=10.0.1.0/24"),
        format!("router-create tenant={kind} name=r network=web"),
        format!("router-gateway-set r tenant={kind} network=internet hosts=h2,h3"),
    ] {
        pool.must(&line);
    }
    pool.vm_start("web", kind, "web", "h1")
}
