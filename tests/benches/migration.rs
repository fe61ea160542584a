//! How long a port that migrates is dark: two hosts where whoever is behind it answers, and a third that
//! pings it every 10 ms; then one is heard on the other host. What a hypervisor takes comes on top of
//! it, or hides it. `cargo bench -p tests --bench migration`.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use tests::frame::{self, BROADCAST};
use tests::{Instance, Plug, Pool, PoolSpec, eventually};

const ROUNDS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(90);

/// Switches of this kind learn from what they forward by a cached flow twice a second only. Guests do not go
/// there and back in less than it takes them to forget one.
const FORGOTTEN: Duration = Duration::from_secs(11);

fn main() {
    let pool = Pool::up(&PoolSpec::real(3));
    pool.must(
        "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
         endpoints=10.254.0.0/16",
    );
    println!("milliseconds without an answer: median (smallest to largest) of {ROUNDS}");
    for kind in ["vlan", "vxlan"] {
        let mut gaps = rounds(&pool, kind);
        gaps.sort_unstable();
        println!(
            "  {kind}: {} ({} to {})",
            gaps[ROUNDS / 2],
            gaps[0],
            gaps[ROUNDS - 1]
        );
    }
}

fn rounds(pool: &Pool, kind: &str) -> Vec<u128> {
    pool.must(&format!("tenant-create name={kind}"));
    pool.must(&format!(
        "{kind}-create tenant={kind} name=web subnet=10.0.0.0/24"
    ));
    pool.admit_everybody(kind);
    let peer = pool.vm_start("peer", kind, "web", "h3");
    let port = pool.json(&format!("vif-create tenant={kind} network=web name=mover"));
    let tag = &kind[1..2];
    let old = pool.plug(1, &port, &format!("{tag}1"));
    eventually("it is reached", PATIENCE, || peer.reaches(&old.instance));
    let places = [old, pool.plug(2, &port, &format!("{tag}2"))];
    places.iter().for_each(silence);
    let rounds = (0..ROUNDS).map(|round| {
        let (from, to) = (&places[round % 2], &places[(round + 1) % 2]);
        sleep(FORGOTTEN);
        migrate(pool, kind, &peer, (from, to))
    });
    rounds.collect()
}

/// In milliseconds.
fn migrate(pool: &Pool, tenant: &str, peer: &Instance, (from, to): (&Plug, &Plug)) -> u128 {
    let host = to.host;
    pool.must(&format!("vif-migrate mover tenant={tenant} host=h{host}"));
    let migrations = || pool.json("vif-migrate-list");
    eventually("it is ready", PATIENCE, || migrations()[0]["ready"] == true);
    let guest = &to.instance;
    let first = frame::udp(
        (guest.mac, guest.address),
        (BROADCAST, [255; 4].into()),
        "hello",
    );
    let gap = longest_silence(peer, guest, || guest.send_frames(&[first]));
    pool.unplug(from);
    eventually("it is over", PATIENCE, || {
        migrations().as_array().is_some_and(Vec::is_empty)
    });
    pool.plug_in(from);
    gap.as_millis().saturating_sub(10)
}

/// Whoever is inside says nothing unless it is made to.
fn silence(place: &Plug) {
    let quiet = "net.ipv6.conf.all.disable_ipv6=1";
    let mut sysctl = place.instance.command("sysctl");
    let done = sysctl.args(["-qw", quiet]).status();
    assert!(done.is_ok_and(|it| it.success()));
}

/// The longest time between two answers, when something happens a second after the first.
fn longest_silence(from: &Instance, to: &Instance, act: impl FnOnce()) -> Duration {
    let pinging = from
        .command("timeout")
        .args(["-s", "INT", "5", "ping", "-n", "-D", "-i", "0.01"])
        .arg(to.address.to_string())
        .stdout(Stdio::piped())
        .spawn();
    let pinging = pinging.unwrap_or_else(|e| panic!("could not run ping: {e}"));
    sleep(Duration::from_secs(1));
    act();
    let output = pinging.wait_with_output();
    let output = output.unwrap_or_else(|e| panic!("{e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let times = text.lines().filter_map(|line| {
        let (time, _) = line.strip_prefix('[')?.split_once(']')?;
        time.parse::<f64>().ok()
    });
    let times: Vec<f64> = times.collect();
    assert!(times.len() > 100, "{text}");
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    Duration::from_secs_f64(gaps.fold(0.0, f64::max))
}
