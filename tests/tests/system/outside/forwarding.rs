//! Ports of one address outside that lead to instances on different hosts.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tests::{Instance, eventually, namespace};

use super::{FAR, Scene, nothing_passes, public};
use crate::PATIENCE;

const SHARED: u8 = 70;
/// Where servers listen, and as what they are known outside: on the first host and on the second.
const INSIDE: u16 = 7001;
const OUTSIDE: [u16; 2] = [8001, 8002];
/// More than one packet carries: it comes in fragments.
const LARGE: usize = 3000;
const A_MOMENT: Duration = Duration::from_secs(2);

/// Whoever asks this is told who it is, by TCP and by UDP.
struct Server {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    fn start(instance: &Instance) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let any = (Ipv4Addr::UNSPECIFIED, INSIDE);
        let (tcp, udp) = namespace::inside(&instance.namespace, || {
            (
                TcpListener::bind(any).unwrap(),
                UdpSocket::bind(any).unwrap(),
            )
        });
        let (told, name) = (Arc::clone(&stop), instance.name.clone());
        let tcp = std::thread::spawn(move || by_tcp(&tcp, &name, &told));
        let (told, name) = (Arc::clone(&stop), instance.name.clone());
        let udp = std::thread::spawn(move || by_udp(&udp, &name, &told));
        Self {
            stop,
            threads: vec![tcp, udp],
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            _ = thread.join();
        }
    }
}

fn by_tcp(listener: &TcpListener, name: &str, stop: &AtomicBool) {
    listener.set_nonblocking(true).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let Ok((mut stream, peer)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let said = format!("{name} hears {}", peer.ip());
        _ = stream.write_all(said.as_bytes());
    }
}

/// Says it once more for every byte, so that answers are as large as questions.
fn by_udp(socket: &UdpSocket, name: &str, stop: &AtomicBool) {
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let mut question = [0; LARGE];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, peer)) = socket.recv_from(&mut question) else {
            continue;
        };
        let mut said = format!("{name} hears {}", peer.ip()).into_bytes();
        said.resize(said.len().max(length), b' ');
        _ = socket.send_to(&said, peer);
    }
}

fn asked_by_tcp(from: &Instance, to: SocketAddrV4) -> Option<String> {
    namespace::inside(&from.namespace, || {
        let mut stream = TcpStream::connect_timeout(&to.into(), A_MOMENT).ok()?;
        stream.set_read_timeout(Some(A_MOMENT)).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        Some(said)
    })
}

/// A socket of somebody who asks again and again, in one connection.
struct Conversation(UdpSocket);

impl Conversation {
    fn begin((from, address): (&Instance, Ipv4Addr), to: SocketAddrV4) -> Self {
        let socket = namespace::inside(&from.namespace, || UdpSocket::bind((address, 0)).unwrap());
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(A_MOMENT)).unwrap();
        Self(socket)
    }

    /// What is said to a question of this length.
    fn ask(&self, length: usize) -> Option<String> {
        let mut said = [0; LARGE];
        self.0.send(&vec![b'?'; length]).ok()?;
        let length = self.0.recv(&mut said).ok()?;
        let said = String::from_utf8_lossy(&said[..length]);
        Some(said.trim_end().to_owned())
    }
}

fn at(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(public(SHARED), port)
}

fn forward(scene: &Scene, outside: u16, to: &Instance, protocol: &str) {
    let vif = &to.port_id;
    scene.pool.must(&format!(
        "port-forward-create {} vif={vif} vif-port={INSIDE} protocol={protocol}",
        at(outside)
    ));
}

#[test]
fn ports_of_one_address_lead_to_instances_on_different_hosts() {
    let scene = Scene::without_floating_ips();
    let (pool, outside) = (&scene.pool, &scene.outside);
    let address = public(SHARED);
    pool.must(&format!(
        "floating-ip-create {address} tenant=acme network=internet"
    ));
    // The lab's cables carry more than instances take: what comes in fragments must fit these.
    let less = [
        "-n",
        &outside.namespace,
        "link",
        "set",
        "eth0",
        "mtu",
        "1500",
    ];
    assert!(Command::new("ip").args(less).status().unwrap().success());
    let servers = scene.acme.each_ref().map(Server::start);
    let heard_outside = outside.sniff();
    // The second host's first: it is the one that answers for the address.
    for (instance, port) in scene.acme.iter().zip(OUTSIDE).rev() {
        forward(&scene, port, instance, "tcp");
        forward(&scene, port, instance, "udp");
    }
    let listed = pool.must("port-forward-list tenant=acme");
    assert!(
        listed.contains("203.0.113.70") && listed.contains("8001"),
        "{listed}"
    );
    each_hears_who_asks(&scene);
    // Switches on the way know both hosts, before anything is sent on.
    let is_a_hosts = |it: &Vec<u8>| it[6..8] == [0x0a, 0xbe] && it[12..14] == [0x80, 0x35];
    let announced = heard_outside.stop().into_iter().filter(is_a_hosts);
    let macs: BTreeSet<Vec<u8>> = announced.map(|it| it[6..12].to_vec()).collect();
    assert_eq!(macs.len(), 2);
    tenants_reach_it_too(&scene);
    nothing_else_comes_in(&scene);
    only_whom_a_rule_names_comes_in(&scene);
    a_host_is_asked_for_an_address_until_its_last_port_goes(&scene);
    drop(servers);
}

/// By TCP and UDP, in fragments too.
fn each_hears_who_asks(scene: &Scene) {
    let outside = &scene.outside;
    for (instance, port) in scene.acme.iter().zip(OUTSIDE) {
        let heard = |by: Ipv4Addr| Some(format!("{} hears {by}", instance.name));
        let by_outside = heard(outside.address);
        eventually("it is forwarded", PATIENCE, || {
            asked_by_tcp(outside, at(port)) == by_outside
        });
        for _ in 0..5 {
            assert_eq!(asked_by_tcp(outside, at(port)), by_outside);
            let asker = (outside, Ipv4Addr::UNSPECIFIED);
            let conversation = Conversation::begin(asker, at(port));
            assert_eq!(conversation.ask(10), by_outside);
            assert_eq!(conversation.ask(LARGE), by_outside, "in fragments");
        }
        let conversation = Conversation::begin((outside, FAR), at(port));
        assert_eq!(conversation.ask(10), heard(FAR));
    }
}

/// From both hosts, and even who is behind it: each is heard in the name of its host.
fn tenants_reach_it_too(scene: &Scene) {
    for from in scene.globex.iter().chain(&scene.acme) {
        for (instance, port) in scene.acme.iter().zip(OUTSIDE) {
            let said = asked_by_tcp(from, at(port));
            let said = said.unwrap_or_else(|| panic!("{} to {port}", from.name));
            let name = format!("{} hears 203.0.113.", instance.name);
            assert!(said.starts_with(&name), "{} to {port}: {said}", from.name);
        }
    }
}

fn nothing_else_comes_in(scene: &Scene) {
    let outside = &scene.outside;
    for port in [INSIDE, 22, 8003] {
        assert_eq!(asked_by_tcp(outside, at(port)), None);
    }
    nothing_passes(outside, public(SHARED));
    let refused = scene.pool.netctl("floating-ip-delete 203.0.113.70");
    assert!(refused.unwrap_err().contains("forwarded"), "it is in use");
    // Who is behind it gets out as ever.
    for instance in &scene.acme {
        assert!(instance.ping(FAR, 3, Duration::from_millis(100)) > 0);
    }
}

/// Security groups ask about whoever really asks, and not about a host on the way.
fn only_whom_a_rule_names_comes_in(scene: &Scene) {
    let (pool, outside) = (&scene.pool, &scene.outside);
    let group = pool.json("group-show default tenant=acme");
    let rules = group["rules"].as_array().unwrap().iter();
    let remotes = ["remote_cidr", "remote_group_id"];
    let everybody = rules.filter(|rule| {
        rule["direction"] == "ingress" && remotes.iter().all(|it| rule[*it].is_null())
    });
    for rule in everybody {
        let id = rule["id"].as_str().unwrap();
        pool.must(&format!("group-rule-remove default tenant=acme rule={id}"));
    }
    pool.must(&format!(
        "group-allow default tenant=acme protocol=udp port={INSIDE} from={FAR}/32"
    ));
    for port in OUTSIDE {
        let comes_in = |from| {
            let conversation = Conversation::begin((outside, from), at(port));
            conversation.ask(10).is_some()
        };
        eventually("just the one who is named comes in", PATIENCE, || {
            comes_in(FAR) && !comes_in(outside.address)
        });
    }
    pool.admit_everybody("acme");
}

fn a_host_is_asked_for_an_address_until_its_last_port_goes(scene: &Scene) {
    let (pool, outside) = (&scene.pool, &scene.outside);
    let by_outside = format!("{} hears {}", scene.acme[0].name, outside.address);
    let asker = (outside, Ipv4Addr::UNSPECIFIED);
    let conversation = Conversation::begin(asker, at(OUTSIDE[0]));
    eventually("everybody comes in again", PATIENCE, || {
        conversation.ask(10).as_ref() == Some(&by_outside)
    });
    for protocol in ["tcp", "udp"] {
        pool.must(&format!(
            "port-forward-delete {} protocol={protocol}",
            at(OUTSIDE[1])
        ));
    }
    eventually("it leads nowhere", PATIENCE, || {
        asked_by_tcp(outside, at(OUTSIDE[1])).is_none()
    });
    // Now the other host answers for the address, and the gateway need not ask again where that is.
    eventually("the other one goes on", PATIENCE, || {
        conversation.ask(10).as_ref() == Some(&by_outside)
    });
    assert_eq!(asked_by_tcp(outside, at(OUTSIDE[0])), Some(by_outside));
    for protocol in ["tcp", "udp"] {
        pool.must(&format!(
            "port-forward-delete {} protocol={protocol}",
            at(OUTSIDE[0])
        ));
    }
    eventually("nobody has it", PATIENCE, || {
        asked_by_tcp(outside, at(OUTSIDE[0])).is_none()
    });
    pool.must("floating-ip-delete 203.0.113.70");
}
