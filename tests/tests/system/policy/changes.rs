//! Rules that change while frames flow: nothing opens, nothing blinks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::{Instance, eventually, frame, ping_while};

use super::scene;
use super::traffic::{Listener, Stream, connects};
use crate::PATIENCE;

#[test]
fn a_revoked_connection_stops_within_a_second_and_the_others_lose_nothing() {
    let scene = scene();
    let (one, web) = (&scene.one, &scene.web);
    scene.allow("protocol=icmp from=group:default");
    scene.allow("protocol=tcp port=81 from=group:default");
    let revoked = scene.allow("protocol=tcp port=80 from=group:default");
    scene.settle();
    let _listening = [80, 81].map(|port| Listener::start(web, port));
    let streams = [80, 81].map(|port| Stream::start(one, web, port));
    assert!(streams.iter().all(Stream::is_alive));
    let (sent, answered) = ping_while(one, web, || {
        scene.forbid(&revoked);
        // The answer to the command says that it is saved; hosts follow at once.
        thread::sleep(Duration::from_secs(1));
        let stopped = streams[0].answered();
        thread::sleep(Duration::from_secs(2));
        assert_eq!(
            streams[0].answered(),
            stopped,
            "a revoked connection went on"
        );
        assert!(streams[1].is_alive(), "an allowed connection stopped");
    });
    assert_eq!(answered, sent, "pings that are allowed were lost");
    assert!(!connects(one, web, 80));
    // Allowed once more, it goes on where it stopped.
    scene.allow("protocol=tcp port=80 from=group:default");
    scene.settle();
    assert!(streams[0].is_alive());
}

#[test]
fn no_packet_is_lost_to_rules_that_come_and_go() {
    let scene = scene();
    let (one, web) = (&scene.one, &scene.web);
    scene.allow("protocol=icmp from=group:default");
    scene.allow("protocol=tcp port=80 from=group:default");
    scene.settle();
    let _listening = Listener::start(web, 80);
    let stream = Stream::start(one, web, 80);
    let (sent, answered) = ping_while(one, web, || {
        for port in 1000..1010 {
            let rule = scene.allow(&format!("protocol=tcp port={port} from=group:default"));
            scene.allow(&format!("protocol=udp port={port}"));
            scene.forbid(&rule);
        }
        scene.settle();
    });
    assert_eq!(answered, sent, "a change of other rules lost packets");
    assert!(stream.is_alive());
}

#[test]
fn rules_outlive_restarts_of_the_agent_and_of_the_switch_and_never_open() {
    let scene = scene();
    let (one, two, web) = (&scene.one, &scene.two, &scene.web);
    scene.allow("protocol=icmp from=10.0.0.2/32");
    scene.settle();
    assert_eq!(one.address.to_string(), "10.0.0.2");
    let host = scene.pool.host(3);
    let before = scene.pool.flows(3);
    let (sent, answered) = ping_while(one, web, || {
        let agent = host.agent().unwrap();
        scene.pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        thread::sleep(Duration::from_secs(1));
        scene.pool.wait(agent.start()).unwrap();
        thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(answered, sent, "the agent's restart lost packets");
    assert_eq!(
        scene.pool.flows(3),
        before,
        "the agent's restart changed flows"
    );

    // Somebody who is not allowed keeps knocking while the switch dies and comes back.
    let heard = web.sniff();
    let knocking = frames_of(two, web);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                two.send_frames(&knocking);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let vswitchd = host.vswitch().vswitchd();
        for _ in 0..2 {
            scene.pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
            scene.pool.wait(vswitchd.start()).unwrap();
            eventually("the flows are back", PATIENCE, || {
                scene.pool.flows(3) == before
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    let heard = heard.stop();
    let foreign = heard.iter().find(|it| frame::carries(it, "BULKHEAD knock"));
    assert_eq!(foreign, None, "the rules were open for a moment");
    eventually("pings are answered again", PATIENCE, || one.reaches(web));
}

fn frames_of(from: &Instance, to: &Instance) -> Vec<Vec<u8>> {
    let ends = ((from.mac, from.address), (to.mac, to.address));
    vec![frame::udp(ends.0, ends.1, "BULKHEAD knock")]
}
