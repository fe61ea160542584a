//! One VIF that floods with whatever it can think of, while others go on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tests::attack::{ATTACKS, Attack};
use tests::{Pinging, eventually};

use super::{Scene, scene};
use crate::PATIENCE;

/// How long each goes on beyond what is tested meanwhile.
const ATTACK: Duration = Duration::from_secs(4);

/// How many frames are sent in one go.
const BATCH: u32 = 200;

/// Sends one of them after another until it is told to stop; gives how many frames that were.
fn attack(scene: &Scene, stop: &AtomicBool, done: &AtomicU64, attack: Attack) {
    let (from, to) = (&scene.one, &scene.far);
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let frames: Vec<_> = (n..n + BATCH).map(|n| attack(from, to, n)).collect();
        from.send_frames(&frames);
        n += BATCH;
        done.fetch_add(BATCH.into(), Ordering::Relaxed);
    }
}

/// While it goes on: a ping between others on both hosts, another VIF that is plugged, and the session.
fn others_go_on(scene: &Scene, name: &str, attack_by: Attack) {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let pool = &scene.pool;
    let events = || {
        pool.must("event-list")
            .lines()
            .filter(|it| it.contains("host"))
            .count()
    };
    let before = events();
    thread::scope(|scope| {
        scope.spawn(|| attack(scene, &stop, &done, attack_by));
        let ping = Pinging::start(&scene.beside.namespace, &scene.far.address.to_string());
        pool.must("vm-start late tenant=acme network=lan host=h1");
        let late = pool.instance("late", "acme", "h1");
        eventually("a VIF that was plugged meanwhile works", PATIENCE, || {
            late.reaches(&scene.far)
        });
        thread::sleep(ATTACK);
        assert!(late.reaches(&scene.far));
        pool.must("vm-stop late tenant=acme");
        let lost = ping.stop();
        stop.store(true, Ordering::Relaxed);
        eprintln!("{name}: {lost:?}, {} frames", done.load(Ordering::Relaxed));
        // A busy machine loses some without anybody's doing; who is starved loses nearly all.
        assert!(lost.lost * 2 < lost.sent, "{name}: {lost:?}");
    });
    assert_eq!(events(), before, "{name}: the session was lost");
}

#[test]
fn whatever_one_vif_floods_with_others_go_on() {
    let scene = scene();
    for (name, attack) in ATTACKS {
        others_go_on(&scene, name, attack);
    }
}
