//! The data plane keeps running whatever else dies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::frame;
use tests::{Instance, Pool, PoolSpec, StopWhenDropped, eventually, ping_while};

use crate::{PATIENCE, two_tenants};

#[test]
fn killing_the_agent_or_the_controller_loses_no_packet() {
    let scene = two_tenants(2);
    let [from, to] = &scene.tenants[0].instances;
    let host = scene.pool.host(1);
    let before = scene.pool.flows(1);

    let (sent, answered) = ping_while(from, to, || {
        let agent = host.agent().unwrap();
        scene.pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        thread::sleep(Duration::from_secs(1));
        scene.pool.wait(agent.start()).unwrap();
        thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(answered, sent, "the agent's restart lost packets");
    assert_eq!(
        scene.pool.flows(1),
        before,
        "the agent's restart changed flows"
    );

    let (sent, answered) = ping_while(from, to, || {
        let controller = scene.pool.lab().controller().unwrap();
        scene
            .pool
            .wait(controller.process().kill(Signal::SIGKILL))
            .unwrap();
        thread::sleep(Duration::from_secs(1));
        scene.pool.wait(controller.process().start()).unwrap();
        thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(answered, sent, "the controller's restart lost packets");
    assert_eq!(
        scene.pool.flows(1),
        before,
        "the controller's restart changed flows"
    );
}

#[test]
fn without_a_controller_a_port_of_the_plan_still_plugs_in() {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    let mut plugs = Vec::new();
    for (host, name) in [(1, "one"), (2, "two")] {
        let port = pool.json(&format!(
            "vif-create tenant=acme network=web name={name} host=h{host}"
        ));
        plugs.push(pool.plug(host, &port, name));
    }
    let [one, two] = [&plugs[0], &plugs[1]];
    eventually("they reach each other", PATIENCE, || {
        one.instance.reaches(&two.instance)
    });

    let controller = pool.lab().controller().unwrap();
    pool.wait(controller.process().kill(Signal::SIGKILL))
        .unwrap();
    pool.unplug(two);
    assert!(!one.instance.reaches(&two.instance));
    pool.plug_in(two);
    eventually("it is back", PATIENCE, || {
        one.instance.reaches(&two.instance)
    });

    // And from the plan on disk alone, by an agent that never met this run of the controller.
    let host = pool.host(2);
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    pool.unplug(two);
    pool.plug_in(two);
    assert!(
        !one.instance.reaches(&two.instance),
        "without its agent the port is dark"
    );
    pool.wait(agent.start()).unwrap();
    eventually("it is back", PATIENCE, || {
        one.instance.reaches(&two.instance)
    });
}

#[test]
fn a_killed_switch_comes_back_with_its_flows_and_never_leaks() {
    let scene = two_tenants(2);
    let host = scene.pool.host(1);
    let before = scene.pool.flows(1);
    let [acme, globex] = &scene.tenants;
    let sniffers: Vec<_> = globex.instances.iter().map(Instance::sniff).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopWhenDropped(&stop);
        // Broadcasts and direct frames, all the time, from before the kill to after the return.
        scope.spawn(|| {
            let from = &acme.instances[0];
            let me = (from.mac, from.address);
            let victims = globex.instances.iter().map(|it| (it.mac, it.address));
            let everybody = (frame::BROADCAST, std::net::Ipv4Addr::BROADCAST);
            let targets: Vec<_> = victims.chain([everybody]).collect();
            let frames: Vec<_> = targets
                .iter()
                .map(|to| frame::udp(me, *to, "BULKHEAD foreign"))
                .collect();
            while !stop.load(Ordering::Relaxed) {
                from.send_frames(&frames);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let vswitchd = host.vswitch().vswitchd();
        for _ in 0..3 {
            scene.pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
            scene.pool.wait(vswitchd.start()).unwrap();
            eventually("the flows are back", PATIENCE, || {
                scene.pool.flows(1) == before
            });
        }
    });
    for sniffer in sniffers {
        let caught = sniffer.stop();
        let foreign = caught
            .iter()
            .find(|it| frame::carries(it, "BULKHEAD foreign"));
        assert_eq!(foreign, None);
    }
    for TenantPair(first, second) in pairs(&scene) {
        eventually("they reach each other again", PATIENCE, || {
            first.reaches(second)
        });
    }
}

struct TenantPair<'a>(&'a Instance, &'a Instance);

fn pairs(scene: &tests::tenants::TwoTenants) -> impl Iterator<Item = TenantPair<'_>> {
    scene
        .tenants
        .iter()
        .map(|tenant| TenantPair(&tenant.instances[0], &tenant.instances[1]))
}
