//! The promises about two tenants on the same hosts, each a function that tries to break it.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::frame::{self, BROADCAST, Mac};
use crate::tenants::{TenantScene, TwoTenants};
use crate::{Instance, Sniffer, eventually};

/// How long what must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a check found: a figure when the promise holds, else how it was broken.
pub type Verdict = Result<String, String>;

/// A check of the scene.
pub type Check = fn(&TwoTenants) -> Verdict;

/// Every check with its promise, in the order they are shown.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "instances of one tenant reach each other across hosts",
        ping_across_hosts,
    ),
    ("TCP works across hosts", tcp_across_hosts),
    ("nothing of a tenant reaches the other", no_foreign_frame),
    (
        "an instance cannot speak with its host, nor with the management network",
        no_way_to_the_host,
    ),
    ("a spoofed MAC goes nowhere", spoofed_mac),
    ("a spoofed ARP goes nowhere", spoofed_arp),
    ("a spoofed address goes nowhere", spoofed_address),
    (
        "a self-tagged frame goes nowhere, whatever its VLAN",
        self_tagged,
    ),
    ("a double-tagged frame goes nowhere", double_tagged),
    (
        "50 MB of one tenant are on that tenant's usage alone",
        usage,
    ),
];

/// Marks of frames that must turn up nowhere.
const FORGED: &str = "BULKHEAD forged";

const A_STRANGER: Mac = [0xfa, 0x00, 0x5e, 0x00, 0x53, 0x01];
const AN_ADDRESS_OF_NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);

fn ping_across_hosts(scene: &TwoTenants) -> Verdict {
    let mut answered = 0;
    for TenantScene {
        instances: [first, second],
        name,
        ..
    } in &scene.tenants
    {
        for (from, to) in [(first, second), (second, first)] {
            eventually("they reach each other", PATIENCE, || from.reaches(to));
            let count = from.ping(to.address, 10, Duration::from_millis(20));
            if count != 10 {
                return Err(format!(
                    "{name}: {count} of 10 pings from {} answered",
                    from.name
                ));
            }
            answered += count;
        }
    }
    Ok(format!("{answered} of {answered} pings answered"))
}

fn tcp_across_hosts(scene: &TwoTenants) -> Verdict {
    const BYTES: u64 = 1_000_000;
    for TenantScene {
        instances: [first, second],
        name,
        ..
    } in &scene.tenants
    {
        let arrived = first.tcp_send(second, BYTES);
        if arrived != BYTES {
            return Err(format!("{name}: {arrived} of {BYTES} bytes arrived"));
        }
    }
    Ok("1 MB each, every byte arrived".into())
}

/// The mark of what a tenant's instances honestly send.
fn mark_of(tenant: &str) -> String {
    format!("BULKHEAD honest {tenant}")
}

/// Whatever an instance may send: to its peer, to the other tenant's addresses, to everybody, to a
/// group, to nobody known.
fn every_kind_of_frame(from: &Instance, others: &[&Instance]) -> Vec<Vec<u8>> {
    let mark = mark_of(&from.tenant);
    let me = (from.mac, from.address);
    let everybody = Ipv4Addr::new(10, 0, 0, 255);
    let group: Mac = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];
    let mut frames = vec![
        frame::udp(me, (BROADCAST, everybody), &mark),
        frame::udp(me, (BROADCAST, Ipv4Addr::BROADCAST), &mark),
        frame::udp(me, (group, Ipv4Addr::new(224, 0, 0, 251)), &mark),
        frame::udp(me, (A_STRANGER, AN_ADDRESS_OF_NOBODY), &mark),
        frame::arp(false, from.mac, me, ([0; 6], AN_ADDRESS_OF_NOBODY), &mark),
    ];
    for other in others {
        frames.push(frame::udp(me, (other.mac, other.address), &mark));
        frames.push(frame::arp(
            false,
            from.mac,
            me,
            ([0; 6], other.address),
            &mark,
        ));
    }
    frames
}

fn no_foreign_frame(scene: &TwoTenants) -> Verdict {
    // In each round two broadcasts, one to the group, one directly.
    const ENOUGH: usize = 4 * 20;
    let sniffers: Vec<_> = scene.instances().map(|it| (it, it.sniff())).collect();
    // Without its peer's frames an instance that is simply cut off would pass.
    let has_enough = |(at, sniffer): &(&Instance, Sniffer)| {
        let peer = peer_of(scene, at).mac;
        sniffer.count(|frame| frame::source(frame) == Some(peer)) >= ENOUGH
    };
    // On a busy machine some are lost before they are caught: more are sent until enough were.
    eventually("everybody sees its peer's frames", PATIENCE, || {
        for from in scene.instances() {
            from.send_frames(&every_kind_of_frame(from, &others(scene, from)));
        }
        sniffers.iter().all(has_enough)
    });
    let mut seen = 0;
    for (at, sniffer) in sniffers {
        let caught = sniffer.stop();
        let tenant = tenant_of(scene, at);
        if let Some(foreign) = caught.iter().find(|frame| is_foreign(frame, tenant)) {
            return Err(format!("{} received {foreign:02x?}", at.name));
        }
        seen += caught.len();
    }
    Ok(format!("{seen} frames seen in 4 instances, 0 foreign"))
}

fn others<'a>(scene: &'a TwoTenants, but: &Instance) -> Vec<&'a Instance> {
    let others = scene.instances().filter(|it| it.name != but.name);
    others.collect()
}

/// The other instance of the same tenant.
fn peer_of<'a>(scene: &'a TwoTenants, of: &Instance) -> &'a Instance {
    let [first, second] = &tenant_of(scene, of).instances;
    if first.name == of.name { second } else { first }
}

fn tenant_of<'a>(scene: &'a TwoTenants, instance: &Instance) -> &'a TenantScene {
    let found = scene.tenants.iter().find(|it| it.name == instance.tenant);
    found.unwrap_or(&scene.tenants[0])
}

/// Whether a frame comes from outside the tenant, by its address or by its mark.
fn is_foreign(frame: &[u8], tenant: &TenantScene) -> bool {
    let known = |mac| tenant.instances.iter().any(|it| it.mac == mac);
    let mut others = crate::tenants::NAMES
        .iter()
        .filter(|name| **name != tenant.name);
    !frame::source(frame).is_some_and(known)
        || others.any(|other| frame::carries(frame, &mark_of(other)))
}

/// Whatever might make the host's own stack, or a machine of the management network, answer.
fn no_way_to_the_host(scene: &TwoTenants) -> Verdict {
    let mut sent = 0;
    for from in scene.instances() {
        let me = (from.mac, from.address);
        let sniffer = from.sniff();
        let hosts = scene.pool.lab().hosts().unwrap_or_default();
        let mut targets: Vec<Ipv4Addr> = hosts.iter().map(lab::Host::address).collect();
        targets.push(Ipv4Addr::new(10, 255, 0, 1));
        let mut frames = Vec::new();
        for target in targets {
            frames.push(frame::arp(false, from.mac, me, ([0; 6], target), FORGED));
            // Linux takes a packet for itself also out of a broadcast frame.
            frames.push(frame::udp(me, (BROADCAST, target), FORGED));
        }
        from.send_frames(&frames);
        let everybody = ["-6", "-c", "2", "-i", "0.2", "-W", "1", "ff02::1%eth0"];
        // Its exit status says nothing: the instance answers itself. What arrives is looked at.
        let pinged = from.command("ping").args(everybody).output();
        assert!(pinged.is_ok(), "could not run ping");
        let tenant = tenant_of(scene, from);
        let caught = sniffer.stop();
        if let Some(answer) = caught.iter().find(|frame| is_foreign(frame, tenant)) {
            return Err(format!("{} received {answer:02x?}", from.name));
        }
        sent += frames.len() + 2;
    }
    Ok(format!("{sent} attempts, 0 answers"))
}

/// Sends forged frames from an instance and looks for their mark in every other one.
fn nowhere(scene: &TwoTenants, from: &Instance, frames: &[Vec<u8>]) -> Verdict {
    let others = scene.instances().filter(|it| it.name != from.name);
    let sniffers: Vec<_> = others.map(|it| (it, it.sniff())).collect();
    for _ in 0..3 {
        from.send_frames(frames);
    }
    for (at, sniffer) in sniffers {
        let caught = sniffer.stop();
        if let Some(forged) = caught.iter().find(|frame| frame::carries(frame, FORGED)) {
            return Err(format!("{} received {forged:02x?}", at.name));
        }
    }
    Ok(format!("{} sent, 0 arrived", frames.len() * 3))
}

/// Each place a forged frame may be meant for.
fn targets(scene: &TwoTenants, from: &Instance) -> Vec<(Mac, Ipv4Addr)> {
    let others = scene.instances().filter(|it| it.name != from.name);
    let mut targets: Vec<_> = others.map(|it| (it.mac, it.address)).collect();
    targets.push((BROADCAST, Ipv4Addr::BROADCAST));
    targets
}

fn spoofed_mac(scene: &TwoTenants) -> Verdict {
    let from = &scene.tenants[0].instances[0];
    let mut frames = Vec::new();
    // A stranger's, the peer's, and the other tenant's.
    let peers = scene.instances().filter(|it| it.name != from.name);
    let liars: Vec<Mac> = peers
        .map(|it| it.mac)
        .chain([A_STRANGER, BROADCAST])
        .collect();
    for to in targets(scene, from) {
        for liar in &liars {
            frames.push(frame::udp((*liar, from.address), to, FORGED));
        }
    }
    nowhere(scene, from, &frames)
}

fn spoofed_arp(scene: &TwoTenants) -> Verdict {
    let [from, peer] = &scene.tenants[0].instances;
    let gateway = Ipv4Addr::new(10, 0, 0, 1);
    let mut frames = Vec::new();
    for to in targets(scene, from) {
        for stolen in [gateway, peer.address, AN_ADDRESS_OF_NOBODY] {
            for reply in [false, true] {
                let as_other = frame::arp(reply, from.mac, (from.mac, stolen), to, FORGED);
                let for_other = frame::arp(reply, from.mac, (A_STRANGER, from.address), to, FORGED);
                frames.extend([as_other, for_other]);
            }
        }
    }
    nowhere(scene, from, &frames)
}

fn spoofed_address(scene: &TwoTenants) -> Verdict {
    let [from, peer] = &scene.tenants[0].instances;
    let gateway = Ipv4Addr::new(10, 0, 0, 1);
    let outside = Ipv4Addr::new(198, 51, 100, 7);
    let mut frames = Vec::new();
    for to in targets(scene, from) {
        for stolen in [
            peer.address,
            gateway,
            AN_ADDRESS_OF_NOBODY,
            outside,
            Ipv4Addr::LOCALHOST,
        ] {
            frames.push(frame::udp((from.mac, stolen), to, FORGED));
        }
        // Protocols that are no business of an instance: LLDP, and one nobody has heard of.
        frames.push(frame::raw(from.mac, to.0, 0x88cc, FORGED));
        frames.push(frame::raw(from.mac, to.0, 0x88b5, FORGED));
    }
    nowhere(scene, from, &frames)
}

/// The VLANs in use, two others, and the two ids with a meaning of their own.
fn vlans(scene: &TwoTenants) -> Vec<u16> {
    let used = scene.tenants.iter().filter_map(|tenant| tenant.vlan);
    used.chain([0, 1, 150, 4000, 4095]).collect()
}

/// Frames that would be honest without a tag.
fn untagged(scene: &TwoTenants, from: &Instance) -> Vec<Vec<u8>> {
    let me = (from.mac, from.address);
    let targets = targets(scene, from);
    let datagrams = targets.iter().map(|to| frame::udp(me, *to, FORGED));
    let requests = targets
        .iter()
        .map(|to| frame::arp(false, from.mac, me, *to, FORGED));
    datagrams.chain(requests).collect()
}

fn self_tagged(scene: &TwoTenants) -> Verdict {
    let from = &scene.tenants[0].instances[0];
    let mut frames = Vec::new();
    for frame in untagged(scene, from) {
        frames.extend(vlans(scene).iter().map(|vlan| frame::tagged(*vlan, &frame)));
    }
    nowhere(scene, from, &frames)
}

fn double_tagged(scene: &TwoTenants) -> Verdict {
    let from = &scene.tenants[0].instances[0];
    let mut frames = Vec::new();
    for frame in untagged(scene, from) {
        for inner in vlans(scene) {
            let inner = frame::tagged(inner, &frame);
            frames.extend(
                vlans(scene)
                    .iter()
                    .map(|outer| frame::tagged(*outer, &inner)),
            );
        }
    }
    nowhere(scene, from, &frames)
}

/// What the collector counted for a tenant, both directions of all its VIFs.
fn counted(scene: &TwoTenants, tenant: &str) -> u64 {
    let rows = scene.pool.json(&format!("usage by=tenant tenant={tenant}"));
    let rows = rows.as_array().cloned().unwrap_or_default();
    let bytes = |row: &serde_json::Value, direction| row[direction]["bytes"].as_u64().unwrap_or(0);
    rows.iter()
        .map(|row| bytes(row, "sent") + bytes(row, "received"))
        .sum()
}

/// What the tenant's instances' own kernels counted.
fn truth(tenant: &TenantScene) -> u64 {
    let counters = tenant.instances.iter().map(Instance::counters);
    counters.map(|it| it.sent_bytes + it.received_bytes).sum()
}

fn usage(scene: &TwoTenants) -> Verdict {
    const BYTES: u64 = 50_000_000;
    let [mover, idle] = &scene.tenants;
    let (before, idle_before) = (counted(scene, mover.name), counted(scene, idle.name));
    let (truth_before, idle_truth_before) = (truth(mover), truth(idle));
    let [first, second] = &mover.instances;
    if first.tcp_send(second, BYTES) != BYTES {
        return Err("the transfer did not complete".into());
    }
    let moved = truth(mover) - truth_before;
    let mut counted_now = 0;
    eventually("the counters are read", PATIENCE, || {
        counted_now = counted(scene, mover.name).saturating_sub(before);
        counted_now >= 2 * BYTES
    });
    // The last reading may still be under way when the first is complete.
    std::thread::sleep(Duration::from_secs(5));
    counted_now = counted(scene, mover.name).saturating_sub(before);
    let idle_counted = counted(scene, idle.name).saturating_sub(idle_before);
    let idle_moved = truth(idle) - idle_truth_before;
    // A veth's sender counts frames that are lost before they reach the switch: at most some percent.
    let close = counted_now.abs_diff(moved) <= moved / 20;
    let others_quiet = idle_counted <= idle_moved + 10_000;
    let figures = format!(
        "{}: {counted_now} counted, {moved} true; {}: {idle_counted} counted, {idle_moved} true",
        mover.name, idle.name
    );
    if close && others_quiet {
        Ok(figures)
    } else {
        Err(figures)
    }
}
