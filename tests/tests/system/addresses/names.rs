//! Names of ports, and others by way of a resolver that the operator gave: answered behind the
//! gateway, on the port's own host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lab::Signal;
use tests::{Instance, eventually, namespace};

use super::Scene;
use super::clients::{ip, udhcpc};
use crate::PATIENCE;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A resolver in the management network that says that every name has this address.
const SAID: [u8; 4] = [192, 0, 2, 53];

/// What busybox makes of a name.
fn lookup(at: &Instance, name: &str) -> String {
    let server = GATEWAY.to_string();
    let output = at
        .command("busybox")
        .args(["nslookup", name, &server])
        .output();
    let output = output.unwrap();
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Asks by hand; the answer, if there is one in time.
fn ask(at: &Instance, to: IpAddr, query: &[u8]) -> Option<Vec<u8>> {
    namespace::inside(&at.namespace, || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket.connect((to, 53)).unwrap();
        socket.send(query).unwrap();
        let mut buffer = [0; 2048];
        let length = socket.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    })
}

/// A query for the address of a name.
fn query(name: &str) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

/// A resolver that runs until it is dropped; it remembers whether it was asked.
struct Resolver {
    address: Ipv4Addr,
    asked: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Resolver {
    fn start(scene: &Scene) -> Self {
        let controller = scene.pool.lab().controller().unwrap();
        let address = *controller.api_address().ip();
        let namespace = controller.namespace().to_owned();
        let socket = namespace::inside(&namespace, || UdpSocket::bind((address, 53)).unwrap());
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let (asked, stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (was_asked, is_over) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !is_over.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    was_asked.store(true, Ordering::Relaxed);
                    answer(&socket, &buffer[..length], from);
                }
            }
        });
        Self {
            address,
            asked,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// First a lie under another number, then the truth.
fn answer(socket: &UdpSocket, query: &[u8], to: SocketAddr) {
    let mut out = query.to_vec();
    out[2..4].copy_from_slice(&[0x81, 0x80]);
    out[7] = 1;
    out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
    let lie = [&[out[0] ^ 1], &out[1..], &[6, 6, 6, 6]].concat();
    let truth = [&out[..], &SAID].concat();
    for message in [lie, truth] {
        socket.send_to(&message, to).unwrap();
    }
}

fn configured() -> Scene {
    let scene = Scene::set();
    scene
        .pool
        .must("subnet-set four tenant=acme dns-names=true");
    let one = scene.instance(1);
    eventually("the gateway is a resolver", PATIENCE, || {
        udhcpc(one).is_some_and(|told| told["dns"] == "10.0.0.1 9.9.9.9")
    });
    scene
}

#[test]
fn names_of_ports_on_any_host_are_answered_also_while_the_controller_is_away() {
    let scene = configured();
    let [one, two] = [scene.instance(1), scene.instance(2)];
    let controller = scene.pool.lab().controller().unwrap();
    let killed = controller.process().kill(Signal::SIGKILL);
    scene.pool.wait(killed).unwrap();
    for instance in [one, two] {
        let name = format!("{}.web.example", instance.name);
        eventually("the name is known", PATIENCE, || {
            lookup(one, &name).contains(&instance.address.to_string())
        });
        let found = lookup(one, &instance.address.to_string());
        assert!(found.contains(&name), "{found}");
    }
    let found = lookup(one, "three.web.example");
    assert!(
        found.contains("NXDOMAIN") || found.contains("can't"),
        "{found}"
    );
    // Nobody may be asked about any other.
    let found = ask(one, GATEWAY.into(), &query("example.net")).unwrap();
    assert_eq!(found[3] & 0xf, 5);
}

#[test]
fn other_names_are_asked_of_the_resolver_that_the_operator_gave_and_of_nobody_else() {
    let scene = configured();
    let one = scene.instance(1);
    let resolver = Resolver::start(&scene);
    let found = ask(one, GATEWAY.into(), &query("example.net")).unwrap();
    assert_eq!(found[3] & 0xf, 5);
    let line = format!(
        "subnet-set four tenant=acme dns-forward={}",
        resolver.address
    );
    scene.pool.must(&line);
    eventually("the resolver's answer arrives", PATIENCE, || {
        let found = ask(one, GATEWAY.into(), &query("example.net"));
        found.is_some_and(|found| found[..2] == [0x12, 0x34] && found.ends_with(&SAID))
    });
    // The host's way to the resolver is not the port's.
    ip(one, "route replace default via 10.0.0.1");
    resolver.asked.store(false, Ordering::Relaxed);
    assert_eq!(
        ask(one, resolver.address.into(), &query("example.net")),
        None
    );
    // Nor is anything but a question passed on.
    assert_eq!(ask(one, GATEWAY.into(), b"GET / HTTP/1.0\r\n\r\n"), None);
    let names = query("one.web.example");
    assert!(
        ask(one, GATEWAY.into(), &names)
            .unwrap()
            .ends_with(&one.address.octets())
    );
    assert!(!resolver.asked.load(Ordering::Relaxed));
    drop(resolver);
    let found = ask(one, GATEWAY.into(), &query("example.org")).unwrap();
    assert_eq!(found[3] & 0xf, 2, "a failure is told");
}
