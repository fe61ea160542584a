//! VIFs and the host they are on: its own stack, the management network, and the filter between.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use tests::frame::{self, Mac};
use tests::management::{Management, Place};
use tests::{Instance, Pool, PoolSpec, eventually};

use super::{FOREIGN, assert_none_carries};
use crate::{PATIENCE, two_tenants};

#[test]
fn spoofing_towards_a_neighbour_on_the_same_host_and_towards_the_host() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let from = &scene.tenants[0].instances[0];
    let beside = pool.vm_start("beside", "acme", "web", "h1");
    let mut host = Management::of(pool);
    // The host's own port on the private network is a part of its own stack, too.
    let own = Place::observe(pool.host(1).namespace(), "br-private");
    pool.wait(pool.host(1).run(&["ip", "link", "set", "br-private", "up"]))
        .unwrap();
    host.places.push(own);
    for sender in [from, &scene.tenants[1].instances[0]] {
        host.out_of_reach_of(sender).unwrap();
    }
    let victim = beside.sniff();
    let to = (beside.mac, beside.address);
    let nobody: Mac = [0xfa, 0, 0x5e, 0, 0x53, 1];
    let mut frames = Vec::new();
    for place in &host.places {
        frames.push(frame::udp((place.mac, place.address), to, FOREIGN));
        frames.push(frame::udp((from.mac, place.address), to, FOREIGN));
        let claim = (from.mac, place.address);
        frames.push(frame::arp(true, from.mac, claim, to, FOREIGN));
    }
    for stolen in [Ipv4Addr::new(10, 0, 0, 1), beside.address] {
        for mac in [from.mac, nobody] {
            frames.push(frame::arp(true, from.mac, (mac, stolen), to, FOREIGN));
        }
        frames.push(frame::udp((from.mac, stolen), to, FOREIGN));
    }
    frames.push(frame::udp((nobody, from.address), to, FOREIGN));
    from.send_frames(&frames);
    assert_none_carries(&victim.stop(), FOREIGN);
}

#[test]
fn management_within_reach_of_a_vif_in_some_role() {
    let pool = Pool::up(&PoolSpec::real(2));
    for line in [
        "physical-network-create name=private role=private nic=eth1 vlans=100-199 endpoints=10.254.0.0/16",
        "physical-network-create name=public role=public nic=eth2",
        "tenant-create name=acme",
        "vlan-create tenant=acme name=web subnet=10.0.0.0/24",
        "vxlan-create tenant=acme name=over subnet=10.0.1.0/24",
        "flat-create tenant=acme name=internet physical-network=public external=true",
        "subnet-create network=internet tenant=acme cidr=203.0.113.0/24 pool-first=203.0.113.10",
    ] {
        pool.must(line);
    }
    let management = Management::of(&pool);
    assert_eq!(management.places.len(), 3, "two hosts and the controller");
    for network in ["web", "over", "internet"] {
        let vm = pool.vm_start(network, "acme", network, "h1");
        management.out_of_reach_of(&vm).unwrap();
    }
    // The same attempts do arrive where nothing is in the way.
    let second = &management.places[1];
    let a_host = Instance {
        namespace: second.namespace.clone(),
        mac: second.mac,
        address: second.address,
        ..pool.instance("web", "acme", "h1")
    };
    let first = Management {
        places: management.places[..1].to_vec(),
        vlans: Vec::new(),
    };
    first.out_of_reach_of(&a_host).unwrap_err();
}

/// Holds the shield's table as its own until dropped: the kernel lets nobody else change it.
struct Squatter(Child);

impl Squatter {
    fn take_the_filter(pool: &Pool) -> Self {
        let net = format!("--net=/run/netns/{}", pool.host(1).namespace());
        let mut nft = Command::new("nsenter")
            .args([&net, "--", "nft", "-i"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let commands = "add table inet squatter\ndelete table inet bulkhead\n\
                        add table inet bulkhead { flags owner; }\n";
        let input = nft.stdin.as_mut().unwrap();
        input.write_all(commands.as_bytes()).unwrap();
        input.flush().unwrap();
        Self(nft)
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[test]
fn a_filter_that_could_not_be_loaded_while_everything_went_on() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [first, second] = &scene.tenants[0].instances;
    eventually("they reach each other", PATIENCE, || first.reaches(second));
    let squatter = Squatter::take_the_filter(pool);
    eventually("operators are told", PATIENCE, || {
        let events = pool.json("event-list").to_string();
        events.contains("new VIFs stay dark")
    });
    let port = pool.json("vif-create tenant=acme network=web name=late");
    let late = pool.plug(1, &port, "late");
    let shown = || pool.json("vif-show late tenant=acme")["status"].clone();
    eventually("the VIF says why it is dark", PATIENCE, || {
        let reason = shown()["reason"].clone();
        let reason = reason.as_str().unwrap_or_default().to_owned();
        reason.contains("the host's own stack")
    });
    assert_ne!(shown()["state"], "active");
    assert!(!late.instance.reaches(first));
    assert!(first.reaches(second), "what works goes on working");
    drop(squatter);
    eventually("it is let in", PATIENCE, || shown()["state"] == "active");
    assert!(late.instance.reaches(first));
}
