//! Security groups on real switches: who gets through, under traffic, while rules change.

mod changes;
mod remains;
mod traffic;

use std::time::Duration;

use tests::{Instance, Pool, PoolSpec, eventually};

use crate::PATIENCE;
use traffic::{Listener, connects};

/// One tenant on three hosts: two instances in its default group, one in a group `web` of its own.
struct Scene {
    pool: Pool,
    one: Instance,
    two: Instance,
    web: Instance,
}

fn scene() -> Scene {
    let pool = Pool::up(&PoolSpec::real(3));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=lan subnet=10.0.0.0/24");
    pool.must("group-create tenant=acme name=web");
    let one = pool.vm_start("one", "acme", "lan", "h1");
    let two = pool.vm_start("two", "acme", "lan", "h2");
    pool.must("vm-start web tenant=acme network=lan host=h3 groups=web");
    let web = pool.instance("web", "acme", "h3");
    Scene {
        pool,
        one,
        two,
        web,
    }
}

impl Scene {
    /// Adds a rule to `web`, and gives its id.
    fn allow(&self, rule: &str) -> String {
        let before = self.rules();
        self.pool
            .must(&format!("group-allow web tenant=acme {rule}"));
        let after = self.rules();
        let fresh = after.into_iter().find(|id| !before.contains(id));
        fresh.unwrap()
    }

    fn forbid(&self, rule: &str) {
        let line = format!("group-rule-remove web tenant=acme rule={rule}");
        self.pool.must(&line);
    }

    fn rules(&self) -> Vec<String> {
        let group = self.pool.json("group-show web tenant=acme");
        let rules = group["rules"].as_array().cloned().unwrap_or_default();
        let id = |rule: &serde_json::Value| rule["id"].as_str().unwrap_or_default().to_owned();
        rules.iter().map(id).collect()
    }

    /// Waits until every host has carried out what was asked for.
    fn settle(&self) {
        eventually("every host has realized its plan", PATIENCE, || {
            let hosts = self.pool.json("host-list");
            let hosts = hosts.as_array().cloned().unwrap_or_default();
            hosts
                .iter()
                .all(|host| host["status"]["realized"] == host["status"]["planned"])
        });
    }
}

#[test]
fn who_is_in_the_default_group_speaks_with_its_members_and_hears_nobody_else() {
    let scene = scene();
    let (one, two, web) = (&scene.one, &scene.two, &scene.web);
    assert!(one.reaches(two) && two.reaches(one));
    let _listening = [one, two, web].map(|it| Listener::start(it, 80));
    assert!(connects(one, two, 80) && connects(two, one, 80));
    // `web` lets nobody in, and is no member of the default group.
    for outsider in [(one, web), (two, web), (web, one), (web, two)] {
        let (from, to) = outsider;
        assert_eq!(from.ping(to.address, 2, Duration::from_millis(200)), 0);
        assert!(!connects(from, to, 80));
    }
}

#[test]
fn ports_types_and_fragments_pass_just_as_rules_say() {
    let scene = scene();
    let (one, web) = (&scene.one, &scene.web);
    scene.allow("protocol=tcp port=80-81 from=group:default");
    scene.allow("protocol=tcp port=443 from=10.0.0.200/32");
    scene.settle();
    let _listening = [80, 81, 82, 443].map(|port| Listener::start(web, port));
    let open = |port| connects(one, web, port);
    assert_eq!([80, 81, 82, 443].map(open), [true, true, false, false]);
    assert_eq!(one.ping(web.address, 2, Duration::from_millis(200)), 0);
    scene.allow("protocol=icmp icmp-type=8 from=10.0.0.0/24");
    scene.settle();
    assert_eq!(one.ping(web.address, 3, Duration::from_millis(200)), 3);
    // What web begins itself is let out, and not into the default group.
    assert_eq!(web.ping(one.address, 2, Duration::from_millis(200)), 0);
    let large = one.command("ping");
    assert_eq!(traffic::large_pings(large, web), 3, "fragments were lost");
}

#[test]
fn a_member_comes_and_goes_and_its_way_with_it() {
    let scene = scene();
    let web = &scene.web;
    scene.pool.must("group-create tenant=acme name=clients");
    scene.allow("protocol=tcp port=80 from=group:clients");
    scene.settle();
    let _listening = Listener::start(web, 80);
    assert!(!connects(&scene.one, web, 80));
    scene
        .pool
        .must("vm-start late tenant=acme network=lan host=h2 groups=clients");
    let late = scene.pool.instance("late", "acme", "h2");
    scene.settle();
    assert!(connects(&late, web, 80));
    let others = [
        "group-delete clients tenant=acme",
        "group-delete default tenant=acme",
    ];
    for line in others {
        let refused = scene.pool.netctl(line);
        assert!(refused.is_err(), "{line}: {refused:?}");
    }
    scene.pool.must("vm-stop late tenant=acme");
    let rule = scene.rules().pop().unwrap();
    scene.forbid(&rule);
    scene.pool.must("group-delete clients tenant=acme");
}

#[test]
fn a_stateless_group_needs_rules_for_replies_and_then_works() {
    let scene = scene();
    let pool = &scene.pool;
    pool.must("group-create tenant=acme name=plain stateless=true");
    pool.must("vm-start plain tenant=acme network=lan host=h3 groups=plain");
    let plain = pool.instance("plain", "acme", "h3");
    let _listening = Listener::start(&scene.web, 80);
    scene.allow("protocol=tcp port=80");
    scene.settle();
    assert!(!connects(&plain, &scene.web, 80), "replies need a rule");
    pool.must("group-allow plain tenant=acme protocol=tcp port=1024-65535 from=10.0.0.0/24");
    scene.settle();
    assert!(connects(&plain, &scene.web, 80));
    let mixed = "vif-create tenant=acme network=lan groups=plain,web";
    assert!(pool.netctl(mixed).is_err());
}

#[test]
fn what_a_logged_rule_let_through_can_be_read_to_the_packet() {
    let scene = scene();
    let (one, web) = (&scene.one, &scene.web);
    scene.allow("protocol=tcp port=80 logged=true");
    let logged = scene.allow("protocol=icmp from=group:default logged=true");
    scene.allow("protocol=icmp from=10.0.0.0/24");
    scene.settle();
    assert_eq!(one.ping(web.address, 10, Duration::from_millis(50)), 10);
    // Hosts look at their flows every half minute. Replies count as well.
    eventually("ten pings and their answers", 2 * PATIENCE, || {
        let rules = scene.pool.json("group-rule-list web tenant=acme");
        let rules = rules.as_array().cloned().unwrap_or_default();
        let of = |id: &str| rules.iter().find(|it| it["id"] == id).cloned();
        let others = rules.iter().filter(|it| it["id"] != logged.as_str());
        let none = |it: &serde_json::Value| it["packets"].as_u64().unwrap_or(0) == 0;
        assert!(others.clone().all(none), "{rules:?}");
        of(&logged).is_some_and(|it| it["packets"] == 20 && it["bytes"] == 20 * 98)
    });
}
