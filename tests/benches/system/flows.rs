//! How many flows a host has for what, counted on the switch.

use std::time::Duration;

use serde_json::json;
use tests::eventually;

use super::{Bench, scale};

const PATIENCE: Duration = Duration::from_secs(60);

/// Every network has a subnet with DHCP, every port one IPv4 address.
pub(super) fn print() {
    println!("\nflows on a host:");
    for kind in ["vlan", "vxlan", "geneve"] {
        let mut bench = Bench::set(scale(2, 0, 1));
        bench.give_endpoints();
        let nothing = bench.settled_flows();
        let network = bench.add_network(kind);
        let first = bench.flows_with_port(network, 0);
        let second = bench.flows_with_port(network, 0);
        let other_host = bench.flows_with_port(network, 1);
        let remote = bench.flows_with_port(network, 1);
        let another = bench.add_network(kind);
        let another = bench.flows_with_port(another, 0);
        let port = second - first;
        println!(
            "  {kind}: host {nothing}, network {}, local port {port}, remote port {}, \
             first of another host {}",
            another - remote - port,
            remote - other_host,
            other_host - second
        );
    }
}

impl Bench {
    /// What overlays need of the private network.
    fn give_endpoints(&self) {
        let change = json!({"private": {"endpoints": "10.254.0.0/16"}});
        self.pool.lay(&change);
    }

    /// Adds a port, plugs it in, and counts the flows of the first host.
    fn flows_with_port(&mut self, network: usize, host: usize) -> usize {
        let port = self.add_port(network, host);
        self.plug(host, std::slice::from_ref(&port));
        self.wait_active(host, &port);
        self.settled_flows()
    }

    /// The flows of the first host, once they change no more.
    fn settled_flows(&self) -> usize {
        const ALIKE: usize = 5;
        let (mut last, mut times) = (0, 0);
        eventually("the flows change no more", PATIENCE, || {
            let now = self.pool.flows(1).len();
            times = if now == last { times + 1 } else { 0 };
            last = now;
            times == ALIKE && ["h1", "h2"].iter().all(|host| self.pool.is_settled(host))
        });
        last
    }
}
