//! VXLAN and Geneve networks keep every promise that VLANs keep, and those of their own.

mod over_ipv6;

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::checks::CHECKS;
use tests::frame::{self, BROADCAST, Mac};
use tests::tenants::TwoTenants;
use tests::{Instance, Pool, PoolSpec, Sniffer, eventually, namespace};

use crate::PATIENCE;

/// What the forged frames carry, and who they say they are from.
const FORGED: &str = "BULKHEAD forged";
const A_STRANGER: Mac = [0xfa, 0x00, 0x5e, 0x00, 0x53, 0x01];

/// The tenants' VNIs: the first two that are given.
const VNIS: [u32; 2] = [4096, 4097];

/// One tenant on VXLAN, the other on Geneve, on the first two of `hosts` hosts.
fn overlay_tenants(hosts: usize) -> TwoTenants {
    let pool = Pool::up(&PoolSpec::real(hosts));
    let scene = TwoTenants::set_on(pool, ["vxlan", "geneve"], |_| {}).admitting_everybody();
    all_reach_each_other(&scene);
    scene
}

/// The first packet to an endpoint is lost to its ARP, so this comes before any count.
fn all_reach_each_other(scene: &TwoTenants) {
    for tenant in &scene.tenants {
        let [first, second] = &tenant.instances;
        for (from, to) in [(first, second), (second, first)] {
            eventually("they reach each other", PATIENCE, || from.reaches(to));
        }
    }
}

/// The endpoint that a host was given.
fn endpoint(pool: &Pool, host: usize) -> Ipv4Addr {
    let shown = pool.json(&format!("host-show h{host}"));
    let text = shown["endpoint"].as_str().unwrap_or_default();
    text.parse()
        .unwrap_or_else(|e| panic!("no endpoint in {shown}: {e}"))
}

/// The Ethernet address of a host's own port on the private network.
fn underlay_mac(pool: &Pool, host: usize) -> Mac {
    let host = pool.host(host);
    let line = ["get", "interface", "br-private", "mac_in_use"];
    let text = pool.wait(host.vswitch().ovs_vsctl(&line)).unwrap();
    let mac: model::MacAddr = text.trim().trim_matches('"').parse().unwrap();
    mac.octets()
}

/// A broadcast, wrapped for each tenant's tunnel, of somebody there.
fn wrapped_for_everybody(senders: [Mac; 2]) -> [(u16, Vec<u8>); 2] {
    let [first, second] = senders.map(|sender| {
        let sender = (sender, Ipv4Addr::new(10, 0, 0, 99));
        frame::udp(sender, (BROADCAST, Ipv4Addr::BROADCAST), FORGED)
    });
    [
        frame::in_vxlan(VNIS[0], &first),
        frame::in_geneve(VNIS[1], &second),
    ]
}

/// How many instances a frame of one of these came out at, unwrapped, while `act` ran.
fn unwrapped_at(scene: &TwoTenants, senders: [Mac; 2], act: impl FnOnce()) -> usize {
    let sniffers: Vec<_> = scene.instances().map(Instance::sniff).collect();
    act();
    let caught = sniffers.into_iter().map(Sniffer::stop);
    let is_theirs = |it: &Vec<u8>| {
        let source = frame::source(it);
        frame::carries(it, FORGED) && senders.iter().any(|sender| source == Some(*sender))
    };
    caught.filter(|frames| frames.iter().any(is_theirs)).count()
}

#[test]
fn two_tenants_on_overlays_never_meet_whatever_they_or_hosts_send() {
    let scene = overlay_tenants(3);
    let verdicts = CHECKS
        .iter()
        .map(|(promise, check)| (promise, check(&scene)));
    let broken: Vec<_> = verdicts.filter(|(_, verdict)| verdict.is_err()).collect();
    assert!(broken.is_empty(), "{broken:#?}");

    full_packets_pass_and_no_larger_ones(&scene);
    what_a_vif_wraps_stays_wrapped(&scene);
    what_a_host_without_the_network_wraps_stays_wrapped(&scene);
    a_broadcast_goes_to_hosts_that_have_the_network_and_to_no_other(&scene);
}

fn full_packets_pass_and_no_larger_ones(scene: &TwoTenants) {
    // 1500 of the physical network, less 50 for the headers.
    const MTU: u32 = 1450;
    for tenant in &scene.tenants {
        let [first, second] = &tenant.instances;
        assert!(first.fits(second.address, MTU), "{}", tenant.name);
        assert!(!first.fits(second.address, MTU + 1), "{}", tenant.name);
    }
}

/// From VIFs on the overlays; and from one whose VLAN, addresses and peer were chosen to look like
/// the hosts' own.
fn what_a_vif_wraps_stays_wrapped(scene: &TwoTenants) {
    let pool = &scene.pool;
    let endpoints = [1, 2, 3].map(|host| (underlay_mac(pool, host), endpoint(pool, host)));
    pool.must("tenant-create name=mallory");
    pool.admit_everybody("mallory");
    pool.must("vlan-create tenant=mallory name=under");
    pool.must("subnet-create name=under cidr=10.254.0.0/16 network=under tenant=mallory gateway=10.254.0.250");
    let hosts = endpoints.iter().zip(1..);
    for ((mac, _), host) in hosts.clone() {
        let mac = model::MacAddr::try_from(*mac).unwrap();
        pool.must(&format!(
            "vif-create tenant=mallory network=under mac={mac} address=10.254.0.21{host} host=h{host}"
        ));
    }
    // A host that has the networks is whom she says she is.
    let port = pool.json(&format!(
        "vif-create tenant=mallory network=under address={} host=h3",
        endpoints[1].1
    ));
    let mallory = pool.plug(3, &port, "mallory");
    let accomplice =
        pool.json("vif-create tenant=mallory network=under address=10.254.0.200 host=h1");
    let accomplice = pool.plug(1, &accomplice, "second");
    eventually("her network works", PATIENCE, || {
        mallory.instance.reaches(&accomplice.instance)
    });
    nothing_tagged_reaches_the_hosts_own_port(pool, &mallory.instance, &endpoints);
    let senders = [&mallory.instance, &scene.tenants[0].instances[0]];
    for from in senders.into_iter().chain(&scene.tenants[1].instances) {
        let me = (from.mac, from.address);
        let forged: Vec<_> = endpoints
            .iter()
            .flat_map(|(mac, address)| [(*mac, *address), (BROADCAST, *address)])
            .flat_map(|to| {
                wrapped_for_everybody([A_STRANGER; 2])
                    .map(|(port, payload)| frame::datagram(me, to, port, &payload))
            })
            .collect();
        let send = || (0..3).for_each(|_| from.send_frames(&forged));
        let reached = unwrapped_at(scene, [A_STRANGER; 2], send);
        assert_eq!(reached, 0, "{} got into a tunnel", from.name);
    }
}

/// That is where packets are unwrapped: what a tenant's VLAN brings to the host stops before it.
fn nothing_tagged_reaches_the_hosts_own_port(
    pool: &Pool,
    from: &Instance,
    endpoints: &[(Mac, Ipv4Addr)],
) {
    let own_ports = [1, 2].map(|host| Sniffer::start(pool.host(host).namespace(), "br-private"));
    let to = |to| frame::udp((from.mac, from.address), to, FORGED);
    let frames = endpoints
        .iter()
        .flat_map(|(mac, address)| [to((*mac, *address)), to((BROADCAST, *address))]);
    from.send_frames(&frames.collect::<Vec<_>>());
    for own_port in own_ports {
        let caught = own_port.stop();
        let reached = caught.iter().find(|it| frame::carries(it, FORGED));
        assert_eq!(reached, None, "a VIF's frame reached the host's own port");
    }
}

fn what_a_host_without_the_network_wraps_stays_wrapped(scene: &TwoTenants) {
    let target = endpoint(&scene.pool, 1);
    let send_from = |host: usize, senders| {
        let own = endpoint(&scene.pool, host);
        let namespace = scene.pool.host(host).namespace().to_owned();
        namespace::inside(&namespace, || {
            let socket = UdpSocket::bind((own, 0)).unwrap();
            for (port, payload) in wrapped_for_everybody(senders) {
                for _ in 0..3 {
                    socket.send_to(&payload, (target, port)).unwrap();
                    thread::sleep(Duration::from_millis(50));
                }
            }
        });
    };
    // The second host has both networks, and speaks for its own ports and no others.
    let [acme, globex] = &scene.tenants;
    let tried = |host, ports: [&Instance; 2]| {
        let macs = ports.map(|it| it.mac);
        unwrapped_at(scene, macs, || send_from(host, macs))
    };
    let at_second = [&acme.instances[1], &globex.instances[1]];
    let at_first = [&acme.instances[0], &globex.instances[0]];
    let understood = tried(2, at_second);
    assert_eq!(understood, 2, "the test's own packets are not understood");
    assert_eq!(
        tried(2, at_first),
        0,
        "a host's own ports came from another"
    );
    assert_eq!(tried(3, at_second), 0);
    let strangers = [A_STRANGER; 2];
    for host in [2, 3] {
        let reached = unwrapped_at(scene, strangers, || send_from(host, strangers));
        assert_eq!(reached, 0, "a stranger on the {host}th host");
    }
}

fn a_broadcast_goes_to_hosts_that_have_the_network_and_to_no_other(scene: &TwoTenants) {
    const MARK: &str = "BULKHEAD everybody";
    let nics = [2, 3].map(|host| {
        let host = scene.pool.host(host);
        Sniffer::start(host.namespace(), host.private_nic())
    });
    let mut sent = 0;
    for tenant in &scene.tenants {
        let from = &tenant.instances[0];
        let me = (from.mac, from.address);
        from.send_frames(&[
            frame::udp(me, (BROADCAST, Ipv4Addr::BROADCAST), MARK),
            // Nobody has this address: it must not even leave the host.
            frame::udp(me, (A_STRANGER, Ipv4Addr::new(10, 0, 0, 99)), MARK),
        ]);
        sent += 1;
        // What is answered after them has overtaken none of them.
        let to = tenant.instances[1].address;
        assert_eq!(from.ping(to, 3, Duration::from_millis(100)), 3);
    }
    let [with, without] = nics.map(|nic| {
        let caught = nic.stop();
        caught.iter().filter(|it| frame::carries(it, MARK)).count()
    });
    // That it is one copy and no more is shown by the flow tables alone, in the agent's tests.
    assert!(with >= sent, "a broadcast did not arrive");
    assert_eq!(without, 0, "a host without the networks saw their frames");
}

#[test]
fn overlays_outlive_agents_controllers_and_switches() {
    let scene = overlay_tenants(2);
    let host = scene.pool.host(1);
    let before = scene.pool.flows(1);
    let kill_and_wait = |process: &lab::Process| {
        scene.pool.wait(process.kill(Signal::SIGKILL)).unwrap();
        for tenant in &scene.tenants {
            let [first, second] = &tenant.instances;
            let answered = first.ping(second.address, 50, Duration::from_millis(10));
            assert_eq!(answered, 50, "{}", tenant.name);
        }
    };
    let controller = scene.pool.lab().controller().unwrap();
    kill_and_wait(controller.process());
    // From the plan on disk alone.
    let agent = host.agent().unwrap();
    kill_and_wait(agent);
    scene.pool.wait(agent.start()).unwrap();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(scene.pool.flows(1), before, "the restart changed flows");
    all_reach_each_other(&scene);

    // With the switch, the link that has the endpoint goes, and comes back without it.
    let vswitchd = host.vswitch().vswitchd();
    scene.pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    scene.pool.wait(vswitchd.start()).unwrap();
    all_reach_each_other(&scene);
    assert_eq!(scene.pool.flows(1), before);

    scene.pool.wait(controller.process().start()).unwrap();
    for tenant in ["acme", "globex"] {
        for number in [1, 2] {
            eventually("the controller is back", PATIENCE, || {
                let stopped = format!("vm-stop {tenant}-{number} tenant={tenant}");
                scene.pool.netctl(&stopped).is_ok()
            });
        }
    }
    eventually("tunnels go with the last network", PATIENCE, || {
        let ports = host.vswitch().ovs_vsctl(&["list-ports", "br-int"]);
        let ports = scene.pool.wait(ports).unwrap();
        !ports.contains("over-")
    });
}
