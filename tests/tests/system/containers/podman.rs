//! Containers of a real Podman, which calls the plugin by itself.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::podman::Podman;
use tests::{Pool, eventually};

use super::{pool, text, vifs, vsctl};
use crate::PATIENCE;

#[test]
fn podman_plugs_its_containers_in_by_the_plugin_and_out_however_they_end() {
    let pool = pool();
    let peer = pool.vm_start("peer", "acme", "web", "h1");
    let links = vsctl(&pool, 1, "list-ports br-int");
    let podman = Podman::on(pool.host(1), &pool.cni_network(1, "web", "acme"));
    let made = |pool: &Pool| {
        let made = vifs(pool).into_iter();
        made.filter(|it| text(&it["name"]).starts_with("cni-"))
            .collect::<Vec<_>>()
    };
    let clean = |what: &str| {
        eventually(what, PATIENCE, || {
            made(&pool).is_empty() && vsctl(&pool, 1, "list-ports br-int") == links
        });
    };

    // Its first packet passes.
    let script = format!(
        "ping -c 1 -W 5 {} && echo yes > /pinged; exec sleep 1000",
        peer.address
    );
    let id = podman.start("one", &script);
    let id = id.unwrap_or_else(|complaint| panic!("{complaint}"));
    eventually("its first packet is answered", PATIENCE, || {
        podman.file("pinged").contains("yes")
    });
    let vif = made(&pool).pop().unwrap();
    let address = vif["addresses"][0].as_str().unwrap();
    let told = podman.must(&[
        "inspect",
        "one",
        "--format",
        "{{json .NetworkSettings.Networks}}",
    ]);
    assert!(told.contains(address), "{told}");
    assert!(told.contains(vif["mac"].as_str().unwrap()), "{told}");
    assert_eq!(
        peer.ping(
            address.parse().unwrap(),
            3,
            std::time::Duration::from_millis(200)
        ),
        3
    );
    eventually("it is behind its port", PATIENCE, || {
        let name = text(&vif["name"]);
        let vif = pool.json(&format!("vif-show {name} tenant=acme"));
        vif["status"]["guest"]["name"] == id.as_str() && vif["status"]["guest"]["driver"] == "cni"
    });

    // Stopped, it has no port; started again, it has one again.
    podman.must(&["stop", "--time", "0", "one"]);
    clean("nothing is left of it when it stops");
    podman.must(&["start", "one"]);
    assert_eq!(made(&pool).len(), 1);

    // Killed as by a crash: Podman's own clean-up calls the plugin.
    let pid = podman.must(&["inspect", "one", "--format", "{{.State.Pid}}"]);
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    clean("nothing is left of it when it is killed");

    // The agent is away: the container does not start, and leaves nothing.
    let agent = pool.host(1).agent().unwrap().clone();
    pool.wait(agent.stop()).unwrap();
    let complaint = podman.start("two", "exec sleep 1000").unwrap_err();
    assert!(complaint.contains("agent"), "{complaint}");
    pool.wait(agent.start()).unwrap();
    podman.must(&["rm", "--all", "--force", "--time", "0"]);
    clean("nothing is left of what did not start");
}
