//! Samples that agents hand on in their sessions: whose they are, a certificate says and nothing else.

use std::net::{SocketAddr, UdpSocket};

use lab::Signal;
use tests::namespace::inside;
use tests::tenants::TwoTenants;
use tests::truth::ByPort;
use tests::{Pool, PoolSpec, eventually};

use super::{IF_INDEXES, by_interface, collector, heard, lie};
use crate::PATIENCE;
use crate::billing::{billed_exactly, move_something};

fn relaying(hosts: usize) -> TwoTenants {
    let spec = PoolSpec::real(hosts).told(&["--samples-by-session"]);
    TwoTenants::set(Pool::up(&spec), |_| {}).admitting_everybody()
}

/// Says under this address that each interface of a host sent a terabyte.
fn lies(pool: &Pool, from: SocketAddr, interface: &str, first: u32) {
    let to = collector(pool);
    inside(pool.host(1).namespace(), || {
        let socket = UdpSocket::bind(from).unwrap();
        for if_index in 1..=IF_INDEXES {
            let lie = lie(interface, if_index, first + if_index);
            socket.send_to(&lie, to).unwrap();
        }
    });
}

#[test]
fn with_a_relay_no_datagram_is_believed_and_the_bill_and_the_meters_are_as_exact() {
    let scene = relaying(2);
    let pool = &scene.pool;
    let [one, two] = &scene.tenants[0].instances;
    let shown = pool.json(&format!("vif-show {}", two.port_id));
    let interface = shown["status"]["interface"].as_str().unwrap().to_owned();
    // Host 1 has the address of host 2, too: whatever is sent under it seems to come from there.
    let victim = pool.host(2).address();
    let add = format!("{victim}/32");
    let added = pool.wait(
        pool.host(1)
            .run(&["ip", "address", "add", &add, "dev", "lo"]),
    );
    added.unwrap();
    let mut sequence = 1_000_000;
    eventually("all lies were heard", PATIENCE, || {
        for address in [victim, pool.host(1).address()] {
            lies(pool, (address, 0).into(), &interface, sequence);
            sequence += IF_INDEXES;
        }
        heard(pool, "unproven") >= u64::from(4 * IF_INDEXES)
    });

    let moved = 2_000_000;
    move_something(one, two);
    assert_eq!(two.tcp_send(one, moved), moved);
    // The samples of both hosts come, and are theirs.
    for port in [&one.port_id, &two.port_id] {
        eventually("its counters arrive", PATIENCE, || {
            by_interface(pool, port) >= moved
        });
        assert!(by_interface(pool, port) < 1_000_000_000, "no terabyte");
    }
    assert!(heard(pool, "flow_samples") > 0);
    for kind in [
        "unknown_agents",
        "malformed",
        "duplicates",
        "stray",
        "missing",
    ] {
        assert_eq!(heard(pool, kind), 0, "{kind}");
    }
    billed_exactly(pool, 2, &ByPort::new());
    what_could_not_be_handed_on_is_told(pool);
    move_something(one, two);
    billed_exactly(pool, 2, &ByPort::new());
}

fn what_could_not_be_handed_on_is_told(pool: &Pool) {
    let controller = pool.lab().controller().unwrap();
    let process = controller.process();
    pool.wait(process.kill(Signal::SIGKILL)).unwrap();
    // A switch sends its counters each second; what an agent had for longer than two is old.
    std::thread::sleep(std::time::Duration::from_secs(5));
    pool.wait(process.start()).unwrap();
    eventually("it is told", PATIENCE, || {
        heard(pool, "dropped_by_agents") > 0
    });
}
