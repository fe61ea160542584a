//! What translation costs: TCP between two namespaces over the same switch, routed between two networks
//! of a tenant, out to an external network by a VIF that is on it, and out and in translated. `make bench`
//! prints it. The real datapath in userspace, so ratios hold and megabits do not.

use std::net::Ipv4Addr;
use std::time::Instant;

use tests::{Instance, Pool, PoolSpec};

const BYTES: u64 = 48 << 20;
const ROUNDS: usize = 5;
const FLOATING: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 50);

fn main() {
    let pool = Pool::up(&PoolSpec::real(1));
    let outside = pool.outside();
    set_up(&pool, &outside);
    let web = pool.vm_start("web", "acme", "web", "h1");
    let other = pool.vm_start("other", "acme", "web", "h1");
    let db = pool.vm_start("db", "acme", "db", "h1");
    let direct = pool.vm_start("direct", "acme", "internet", "h1");
    let vif = &web.port_id;
    pool.must(&format!(
        "floating-ip-create {FLOATING} tenant=acme network=internet vif={vif}"
    ));
    let known = Instance {
        address: FLOATING,
        ..web.clone()
    };
    let ways = [
        ("within a network", &other, &web),
        ("routed to another network", &web, &db),
        ("to the outside, no translation", &direct, &outside),
        ("to the outside, floating IP", &web, &outside),
        ("from the outside, floating IP", &outside, &known),
        ("to the outside, SNAT", &other, &outside),
    ];
    println!("TCP, one stream of {BYTES} bytes, the median of {ROUNDS}, Mbit/s");
    for (what, from, to) in ways {
        println!("  {what}: {:.0}", megabits(from, to));
    }
}

fn megabits(from: &Instance, to: &Instance) -> f64 {
    // The first connection is looked up by the slow path.
    assert_eq!(from.tcp_send(to, 1 << 20), 1 << 20);
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(from.tcp_send(to, BYTES), BYTES);
            BYTES as f64 * 8.0 / 1e6 / start.elapsed().as_secs_f64()
        })
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn set_up(pool: &Pool, outside: &Instance) {
    let mac = model::MacAddr::try_from(outside.mac).unwrap_or_else(|e| panic!("{e}"));
    for line in [
        "physical-network-create name=private role=private nic=eth1 vlans=100-199",
        "physical-network-create name=public role=public nic=eth2",
        "tenant-create name=acme",
        "vlan-create tenant=acme name=web subnet=10.0.1.0/24",
        "vlan-create tenant=acme name=db subnet=10.0.2.0/24",
        "router-create tenant=acme name=r network=web,db",
    ] {
        pool.must(line);
    }
    pool.admit_everybody("acme");
    pool.must(&format!(
        "flat-create name=internet tenant=acme physical-network=public external=true gateway-mac={mac}"
    ));
    pool.must(
        "subnet-create network=internet tenant=acme cidr=203.0.113.0/24 \
         pool=203.0.113.10-203.0.113.200",
    );
    pool.must("router-gateway-set r tenant=acme network=internet");
}
