//! Addresses that ports share, and ports that may send from any.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests::frame::{self, BROADCAST, Mac};
use tests::{Instance, eventually};

use super::Scene;
use super::clients::ip;
use crate::PATIENCE;

const SHARED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);
const VIRTUAL: Mac = [0, 0, 0x5e, 0, 1, 0x33];
const MARK: &str = "BULKHEAD pair";

/// Two ports on two hosts that may share, a client beside the first and one who may not.
fn scene() -> Scene {
    let mut scene = Scene::set();
    scene.plug(1, "client");
    scene.plug(2, "rogue");
    for number in 1..=4 {
        let at = scene.instance(number);
        ip(at, &format!("address add {}/24 dev eth0", at.address));
    }
    for name in ["one", "two"] {
        let pairs = "10.0.0.50,10.0.0.51@00:00:5e:00:01:33";
        scene
            .pool
            .must(&format!("vif-set {name} tenant=acme allowed={pairs}"));
    }
    scene
}

/// Tells everybody that an address is here now.
fn announce(at: &Instance) {
    let side = (at.mac, SHARED);
    let told = frame::arp(false, at.mac, side, ([0; 6], SHARED), MARK);
    at.send_frames(&[told]);
}

fn neighbour(at: &Instance) -> String {
    ip(at, "neighbour show 10.0.0.50 dev eth0")
}

fn text(mac: Mac) -> String {
    model::MacAddr::try_from(mac).unwrap().to_string()
}

#[test]
fn a_shared_address_moves_to_another_host_under_ping_and_nobody_else_can_take_it() {
    let scene = scene();
    let [one, two, client, rogue] = [1, 2, 3, 4].map(|it| scene.instance(it));
    let reached = || client.ping(SHARED, 1, Duration::from_secs(1)) == 1;
    ip(one, "address add 10.0.0.50/24 dev eth0");
    eventually("the first one has it", PATIENCE, reached);
    assert!(
        neighbour(client).contains(&text(one.mac)),
        "{}",
        neighbour(client)
    );
    let answered = std::thread::scope(|scope| {
        let pings = scope.spawn(|| client.ping(SHARED, 100, Duration::from_millis(100)));
        std::thread::sleep(Duration::from_secs(2));
        ip(one, "address delete 10.0.0.50/24 dev eth0");
        ip(two, "address add 10.0.0.50/24 dev eth0");
        announce(two);
        pings.join().unwrap()
    });
    assert!(
        neighbour(client).contains(&text(two.mac)),
        "{}",
        neighbour(client)
    );
    // Those between the move and its announcement may be lost, those after it not.
    assert!(answered >= 90, "{answered} of 100");
    announce(rogue);
    ip(rogue, "address add 10.0.0.50/24 dev eth0");
    for _ in 0..5 {
        assert!(reached());
        assert!(
            neighbour(client).contains(&text(two.mac)),
            "{}",
            neighbour(client)
        );
    }
    ip(client, "neighbour flush dev eth0");
    eventually("asked anew, the right one answers", PATIENCE, reached);
    assert!(
        neighbour(client).contains(&text(two.mac)),
        "{}",
        neighbour(client)
    );
}

#[test]
fn frames_to_a_virtual_address_reach_those_that_share_it_and_nobody_else() {
    let scene = scene();
    let [one, two, client, rogue] = [1, 2, 3, 4].map(|it| scene.instance(it));
    let to = (VIRTUAL, Ipv4Addr::new(10, 0, 0, 51));
    let told = frame::udp((client.mac, client.address), to, MARK);
    let mut heard = [false; 3];
    eventually("both that share it hear it", PATIENCE, || {
        let sniffers = [one, two, rogue].map(Instance::sniff);
        client.send_frames(&vec![told.clone(); 5]);
        std::thread::sleep(Duration::from_secs(1));
        heard = sniffers.map(|it| it.stop().iter().any(|it| frame::carries(it, MARK)));
        heard[..2] == [true, true]
    });
    assert!(!heard[2]);
    // From the virtual address, those that share it are heard, and the other one is not.
    let at_client = client.sniff();
    let own = "BULKHEAD own";
    let forged = "BULKHEAD forged";
    let to = (client.mac, client.address);
    let from = (VIRTUAL, Ipv4Addr::new(10, 0, 0, 51));
    two.send_frames(&[frame::udp(from, to, own)]);
    rogue.send_frames(&[frame::udp(from, to, forged)]);
    two.send_frames(&[frame::udp((VIRTUAL, SHARED), to, forged)]);
    std::thread::sleep(Duration::from_secs(2));
    let heard = at_client.stop();
    assert!(heard.iter().any(|it| frame::carries(it, own)));
    assert!(!heard.iter().any(|it| frame::carries(it, forged)));
}

#[test]
fn only_without_its_guard_a_port_sends_from_any_address_and_the_operator_is_told() {
    let scene = scene();
    let [one, rogue] = [1, 4].map(|it| scene.instance(it));
    let gateway: Mac = [0x0a, 0xbd, 0, 0, 0, 1];
    let stranger = ([2, 0, 0, 0, 0, 9], Ipv4Addr::new(192, 0, 2, 1));
    let frames = |mark: &str| {
        let to = (one.mac, one.address);
        let own = frame::udp(stranger, to, mark);
        let forged = [
            frame::udp((gateway, rogue.address), to, FORGED),
            frame::udp((rogue.mac, [10, 0, 0, 1].into()), to, FORGED),
            frame::tagged(100, &frame::udp(stranger, to, FORGED)),
            frame::arp(
                true,
                rogue.mac,
                (rogue.mac, [10, 0, 0, 1].into()),
                to,
                FORGED,
            ),
            frame::datagram(
                (rogue.mac, rogue.address),
                (BROADCAST, [255; 4].into()),
                68,
                FORGED.as_bytes(),
            ),
        ];
        [vec![own], forged.to_vec()].concat()
    };
    const FORGED: &str = "BULKHEAD forged";
    let hears = |mark: &str| {
        let sniffer = one.sniff();
        rogue.send_frames(&frames(mark));
        std::thread::sleep(Duration::from_secs(1));
        let heard = sniffer.stop();
        assert!(!heard.iter().any(|it| frame::carries(it, FORGED)));
        heard.iter().any(|it| frame::carries(it, mark))
    };
    assert!(!hears("BULKHEAD one"));
    scene.pool.must("vif-set rogue tenant=acme spoof-guard=off");
    eventually("the guard is off", PATIENCE, || hears("BULKHEAD two"));
    assert_eq!(
        scene.pool.json("vif-show rogue tenant=acme")["spoof_guard"],
        "off"
    );
    let events = scene.pool.json("event-list kind=spoof-guard");
    let message = events[0]["message"].as_str().unwrap();
    assert!(
        message.contains("admin switched") && message.ends_with("off"),
        "{message}"
    );
    scene.pool.must("vif-set rogue tenant=acme spoof-guard=on");
    eventually("the guard is on again", PATIENCE, || {
        !hears("BULKHEAD three")
    });
}
