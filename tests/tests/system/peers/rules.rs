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

/// Rules that hold on a VLAN and are never asked on an overlay.
#[test]
fn rules_that_do_not_hold_on_an_overlay() {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must(
        "physical-network-create name=private role=private nic=eth1 endpoints=10.254.0.0/16 \
         vlans=100-199",
    );
    pool.must("tenant-create name=acme");
    for kind in ["vxlan", "geneve"] {
        pool.must(&format!(
            "{kind}-create tenant=acme name={kind} subnet=10.0.0.0/24"
        ));
        pool.must(&format!("group-create tenant=acme name={kind}-web"));
        let started = |name: &str, host: &str, group: &str| {
            pool.must(&format!(
                "vm-start {kind}-{name} tenant=acme network={kind} host={host} groups={group}"
            ));
            pool.instance(&format!("{kind}-{name}"), "acme", host)
        };
        let web = started("web", "h1", &format!("{kind}-web"));
        // One beside it, and one at the other end of a tunnel.
        let others = [
            started("near", "h1", "default"),
            started("far", "h2", "default"),
        ];
        let [near, far] = &others;
        eventually("they reach each other", PATIENCE, || near.reaches(far));
        for other in &others {
            assert!(!other.reaches(&web), "{} is let in by no rule", other.name);
            assert!(!web.reaches(other), "{} lets nobody of it in", other.name);
        }
        pool.must(&format!(
            "group-allow {kind}-web tenant=acme protocol=icmp from=group:default"
        ));
        for other in &others {
            eventually("a rule lets it in", PATIENCE, || other.reaches(&web));
        }
    }
}
