//! Containers of a real LXC, plugged in by its hook.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::eventually;
use tests::lxc::Lxc;

use super::{pool, vsctl};
use crate::PATIENCE;

#[test]
fn a_container_of_lxc_starts_with_its_rules_in_place_and_leaves_nothing() {
    let pool = pool();
    let peer = pool.vm_start("peer", "acme", "web", "h2");
    let port = pool.json("vif-create tenant=acme network=web name=boxed");
    let address = port["addresses"][0].as_str().unwrap();
    let mut lxc = Lxc::on(pool.host(1));

    // Nobody vouches for a port that is not there: the container does not start.
    let stranger = "00000000-0000-4000-8000-000000000bad";
    assert!(lxc.start("stranger", stranger).is_err());
    assert!(!vsctl(&pool, 1, "list-ports br-int").contains("veth"));

    let started = lxc.start("boxed", port["id"].as_str().unwrap());
    started.unwrap_or_else(|log| panic!("{log}"));
    let vif = |name: &str| pool.json(&format!("vif-show {name} tenant=acme"));
    assert_eq!(vif("boxed")["status"]["state"], "active");
    eventually(
        "it has its address from its first request",
        PATIENCE,
        || lxc.file("boxed", "leases").contains(address),
    );
    let inside = address.parse().unwrap();
    eventually("it is reached from another host", PATIENCE, || {
        peer.ping(inside, 1, std::time::Duration::from_secs(1)) == 1
    });
    eventually("it is behind its port", PATIENCE, || {
        let guest = vif("boxed")["status"]["guest"].clone();
        guest["name"] == "boxed" && guest["driver"] == "lxc"
    });

    // It dies, and the hook is not called by whoever would: the agent finds what is left.
    let pid = i32::try_from(lxc.pid("boxed")).unwrap();
    let agent = pool.host(1).agent().unwrap().clone();
    pool.wait(agent.stop()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    eventually("its link is gone", PATIENCE, || {
        let host = pool.host(1);
        let links = pool.wait(host.run(&["ip", "-br", "link"])).unwrap();
        !links.contains("veth")
    });
    pool.wait(agent.start()).unwrap();
    eventually("nothing of it is plugged in", PATIENCE, || {
        !vsctl(&pool, 1, "list-ports br-int").contains("veth")
    });
    assert!(vif("boxed")["status"]["guest"].is_null());
}
