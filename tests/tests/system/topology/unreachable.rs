//! Management is out of reach of every VIF, also where it shares a NIC or a bond with tenants.

use std::net::Ipv4Addr;

use lab::Nics;
use tests::frame::{self, Mac};
use tests::{Instance, Pool, Sniffer};

use super::{all, controller, pair, pool};

const MARK: &str = "from a VIF to management";
const MANAGEMENT_VLAN: u16 = 4000;

/// Every frame that an instance could hope to reach management with.
fn attempts(from: &Instance, to: &[(Mac, Ipv4Addr)]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for target in to {
        for source in [
            (from.mac, from.address),
            (from.mac, Ipv4Addr::new(10, 255, 9, 9)),
        ] {
            let plain = [
                frame::udp(source, *target, MARK),
                frame::arp(false, from.mac, source, *target, MARK),
                frame::raw(from.mac, target.0, 0x88b5, MARK),
            ];
            for frame in plain {
                for vlan in [0, 1, MANAGEMENT_VLAN, 4001, 100] {
                    frames.push(frame::tagged(vlan, &frame));
                    frames.push(frame::tagged(100, &frame::tagged(vlan, &frame)));
                }
                frames.push(frame);
            }
        }
    }
    frames
}

fn mac_of(pool: &Pool, namespace: &str, link: &str) -> Mac {
    let line = ["ip", "-br", "link", "show", "dev", link];
    let shown = pool.wait(lab::namespace::run_in(namespace, &line)).unwrap();
    let mac: model::MacAddr = shown.split_whitespace().nth(2).unwrap().parse().unwrap();
    mac.octets()
}

#[test]
fn no_frame_of_a_vif_reaches_management_in_any_layout() {
    let bond = "eth1+eth2/active-backup";
    let (bonded, lacp) = (format!("{bond}/vlan4000"), "eth1+eth2/lacp");
    for (nics, layout) in [
        (Nics::Separate, all("eth0", "eth1", "eth2")),
        (Nics::Shared, all("eth0", "eth0", "eth0/vlan4001")),
        (
            Nics::Bonded,
            all(&bonded, bond, &format!("{bond}/vlan4001")),
        ),
        (
            Nics::Lacp,
            all(
                &format!("{lacp}/vlan4000"),
                lacp,
                &format!("{lacp}/vlan4001"),
            ),
        ),
    ] {
        let pool = pool(nics);
        pool.lay(&layout);
        let [from, to] = pair(&pool, "acme");
        assert!(from.reaches(&to), "{nics}");
        nothing_arrives(&pool, &from, nics);
    }
}

fn nothing_arrives(pool: &Pool, from: &Instance, nics: Nics) {
    let hosts = [pool.host(1), pool.host(2)];
    let controller = controller(pool);
    let mut targets = vec![
        (frame::BROADCAST, Ipv4Addr::BROADCAST),
        (
            mac_of(pool, &controller, "eth0"),
            Ipv4Addr::new(10, 255, 0, 1),
        ),
    ];
    for host in &hosts {
        let mac = mac_of(pool, host.namespace(), "br-management");
        targets.push((mac, host.address()));
    }
    let mut sniffers = vec![("the controller", Sniffer::start(&controller, "eth0"))];
    for host in &hosts {
        let name = host.name();
        sniffers.push((name, Sniffer::start(host.namespace(), "br-management")));
    }
    let frames = attempts(from, &targets);
    from.send_frames(&frames);
    // Its own stack as well: ARP and IP of the host's kernel are another way.
    for (_, address) in &targets {
        let answered = from.ping(*address, 1, std::time::Duration::from_millis(200));
        assert_eq!(answered, 0, "{nics}: {address} answered");
    }
    for (at, sniffer) in sniffers {
        let caught = sniffer.stop();
        let found = caught.iter().find(|it| {
            frame::source(it) == Some(from.mac) || (frame::carries(it, MARK) && !is_sample(it))
        });
        assert!(found.is_none(), "{nics}: {at} received {found:02x?}");
    }
}

/// Whether it is what a switch itself tells the collector: samples of frames, also of dropped ones.
fn is_sample(frame: &[u8]) -> bool {
    const SFLOW: [u8; 2] = 6343_u16.to_be_bytes();
    let (ipv4, udp) = (frame.get(12..14), frame.get(23));
    ipv4 == Some(&[8, 0]) && udp == Some(&17) && frame.get(36..38) == Some(&SFLOW)
}
