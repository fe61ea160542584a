//! Rules of security groups that failed elsewhere. More of them are in `crate::policy`, by other names:
//! see `docs/testing.md`.

use lab::Signal;
use tests::{Instance, Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// `web`, in a group of its own that lets nobody in, and `one`, in the default group on another host.
fn scene() -> (Pool, Instance, Instance) {
    let pool = Pool::up(&PoolSpec::real(2));
    for line in [
        "physical-network-create name=private role=private nic=eth1 vlans=100-199",
        "tenant-create name=acme",
        "vlan-create tenant=acme name=lan subnet=10.0.0.0/24",
        "group-create tenant=acme name=web",
        "vm-start web tenant=acme network=lan host=h1 groups=web",
    ] {
        pool.must(line);
    }
    let web = pool.instance("web", "acme", "h1");
    let one = pool.vm_start("one", "acme", "lan", "h2");
    (pool, web, one)
}

/// Changes rules while the host has nobody to carry them out, and maybe loses its switch as well.
fn update_unheard(pool: &Pool, line: &str, kill_switch: impl Fn(&Pool)) {
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    pool.must(line);
    kill_switch(pool);
    pool.wait(agent.start()).unwrap();
}

fn kill_switch(pool: &Pool) {
    let vswitchd = pool.host(1).vswitch().vswitchd();
    pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    pool.wait(vswitchd.start()).unwrap();
}

#[test]
fn rules_that_are_absent_after_an_update() {
    let (pool, web, one) = scene();
    let allow = "group-allow web tenant=acme protocol=icmp from=10.0.0.0/24";
    for lose_switch in [(|_: &Pool| {}) as fn(&Pool), kill_switch] {
        assert!(!one.reaches(&web), "nobody was let in yet");
        update_unheard(&pool, allow, lose_switch);
        eventually("the new rule is there", PATIENCE, || one.reaches(&web));
        let group = pool.json("group-show web tenant=acme");
        let rules = group["rules"].as_array().unwrap();
        let rule = rules.iter().find(|it| it["protocol"] == "icmp").unwrap();
        let id = rule["id"].as_str().unwrap();
        let forbid = format!("group-rule-remove web tenant=acme rule={id}");
        update_unheard(&pool, &forbid, lose_switch);
        eventually("the old rule is gone", PATIENCE, || !one.reaches(&web));
        assert!(web.ping(one.address, 1, std::time::Duration::from_millis(100)) == 0);
    }
}
