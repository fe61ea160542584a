//! Learning bridges and machines on them, as one would make them by hand.

use std::net::Ipv4Addr;

use tests::{Instance, Pool};

use super::inside;

/// What instances on the overlay are told: 1500 less 50 for the headers. The plain ones have the same.
const MTU: &str = "1450";

/// A learning bridge on each of two hosts, with a tunnel to the other, and machines: two on the first
/// host, one on the second.
pub(super) fn machines(pool: &Pool) -> [Instance; 3] {
    bridge(pool, 1, 2);
    bridge(pool, 2, 1);
    [(1, 1), (1, 2), (2, 3)].map(|(host, number)| machine(pool, host, number))
}

fn bridge(pool: &Pool, host: usize, peer: usize) {
    let endpoint = |host: usize| -> String {
        let shown = pool.json(&format!("host-show h{host}"));
        shown["endpoint"].as_str().unwrap_or_default().to_owned()
    };
    let line = format!(
        "add-br br-plain -- set bridge br-plain datapath_type=netdev \
         -- add-port br-plain plain-vxlan \
         -- set interface plain-vxlan type=vxlan options:key=77 \
         options:local_ip={} options:remote_ip={}",
        endpoint(host),
        endpoint(peer)
    );
    let words: Vec<&str> = line.split_whitespace().collect();
    let done = pool.wait(pool.host(host).vswitch().ovs_vsctl(&words));
    done.unwrap_or_else(|e| panic!("{e}"));
}

fn machine(pool: &Pool, host: usize, number: u8) -> Instance {
    let address = Ipv4Addr::new(10, 77, 0, number);
    let port = serde_json::json!({
        "id": format!("plain-{number}"), "mac": format!("0a:77:00:00:00:0{number}"),
        "addresses": [address.to_string()],
    });
    let plug = pool.plug(host, &port, &format!("p{number}"));
    inside(&plug.instance, &format!("ip link set eth0 mtu {MTU}"));
    // It was plugged into br-int, where nobody knows it.
    pool.unplug(&plug);
    let line = ["add-port", "br-plain", plug.interface.as_str()];
    let moved = pool.wait(pool.host(host).vswitch().ovs_vsctl(&line));
    moved.unwrap_or_else(|e| panic!("{e}"));
    plug.instance
}
