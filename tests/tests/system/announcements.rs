//! A port that moves on a VLAN is reached at its new host before it says a word.

use std::time::Duration;

use tests::frame::{self, Mac};
use tests::{Plug, Pool, eventually};

use crate::{PATIENCE, two_tenants};

const MARK: &str = "BULKHEAD to the mover";

/// Whoever is inside says nothing from now on, unless it is made to.
fn silence(place: &Plug) {
    let quiet = "net.ipv6.conf.all.disable_ipv6=1";
    let done = place
        .instance
        .command("sysctl")
        .args(["-qw", quiet])
        .status();
    assert!(done.is_ok_and(|it| it.success()));
}

fn active_on(pool: &Pool, host: &str) -> bool {
    let port = pool.json("vif-show mover tenant=acme");
    let host = pool.json(&format!("host-show {host}"))["id"].clone();
    port["host_id"] == host && port["status"]["state"] == "active"
}

/// Whether a frame that is sent now to the port's Ethernet address arrives at this place.
fn arrives(sender: &Plug, at: &Plug) -> bool {
    let sniffer = at.instance.sniff();
    let ends = [sender, at].map(|it| (it.instance.mac, it.instance.address));
    sender
        .instance
        .send_frames(&[frame::udp(ends[0], ends[1], MARK)]);
    std::thread::sleep(Duration::from_millis(200));
    let caught = sniffer.stop();
    caught.iter().any(|it| frame::carries(it, MARK))
}

fn is_of(frame: &[u8], mac: Mac) -> bool {
    frame.get(6..12) == Some(&mac[..])
}

#[test]
fn a_silent_port_that_moves_is_reached_at_its_new_host_at_once() {
    let scene = two_tenants(3);
    let pool = &scene.pool;
    let sender = pool.json("vif-create tenant=acme network=web name=sender");
    let sender = pool.plug(3, &sender, "sender");
    let port = pool.json("vif-create tenant=acme network=web name=mover");
    let places = [1, 2].map(|host| pool.plug_bare(host, &port, &format!("m{host}")));
    for place in &places {
        pool.unplug(place);
        silence(place);
    }
    let [old, new] = &places;
    pool.plug_in(old);
    eventually("it is there", PATIENCE, || active_on(pool, "h1"));
    // Now every switch on the way has heard it at its old host.
    let everybody = (frame::BROADCAST, sender.instance.address);
    let own = (old.instance.mac, old.instance.address);
    for _ in 0..3 {
        old.instance
            .send_frames(&[frame::udp(own, everybody, "hello")]);
    }
    eventually("it is reached", PATIENCE, || arrives(&sender, old));
    let [_, globex] = &scene.tenants;
    let foreign = globex.instances.each_ref().map(tests::Instance::sniff);
    let near = sender.instance.sniff();
    pool.unplug(old);
    pool.plug_in(new);
    eventually("it has moved", PATIENCE, || active_on(pool, "h2"));
    // Switches forget what they heard after minutes only.
    eventually("it is reached without a word", PATIENCE, || {
        arrives(&sender, new)
    });
    let announced = near.stop();
    let is_arp = |it: &&Vec<u8>| is_of(it, own.0) && it.get(12..14) == Some(&[8, 6][..]);
    assert!(
        announced.iter().any(|it| is_arp(&it)),
        "its neighbours hear"
    );
    for sniffer in foreign {
        let caught = sniffer.stop();
        assert!(!caught.iter().any(|it| is_of(it, own.0)), "others do not");
    }
}
