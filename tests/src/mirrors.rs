//! Truth that owes nothing to our flows: mirrors of single ports, whose counters Open vSwitch keeps itself.
//!
//! A mirror of what a port sends counts it before any table, one of what it is sent when it goes out. A
//! packet is mirrored once to a place, so each mirror has one of its own: an interface that is down.

use serde_json::Value;

use crate::truth::{ByPort, Moved};
use crate::{Instance, Pool};

/// What a mirror counts of a port: what it sends, or what it is sent.
const WAYS: [(&str, &str); 2] = [("s", "select_src_port"), ("r", "select_dst_port")];

impl Pool {
    /// Mirrors what the port of an instance sends and is sent, on this host. `tag` keeps names apart on a
    /// host: a short word.
    pub fn mirror(&self, host: usize, instance: &Instance, tag: &str) {
        let interface = self.interface_of(host, &instance.port_id);
        for (way, selects) in WAYS {
            let place = format!("mi{way}{tag}");
            let name = format!("name={way}-{}", instance.port_id);
            let selects = format!("{selects}=@port");
            let line = [
                "add-port br-int",
                &place,
                "-- set interface",
                &place,
                "type=internal -- --id=@port get port",
                &interface,
                "-- --id=@place get port",
                &place,
                "-- --id=@mirror create mirror",
                &name,
                &selects,
                "output_port=@place -- add bridge br-int mirrors @mirror",
            ];
            let line = line.join(" ");
            let words: Vec<&str> = line.split(' ').collect();
            self.vsctl_of_host(host, &words);
        }
    }

    /// What the mirrors of hosts 1 to `hosts` counted since their switches started, by port.
    #[must_use]
    pub fn mirrored(&self, hosts: usize) -> ByPort {
        let mut sums = ByPort::new();
        for (port, moved) in (1..=hosts).flat_map(|host| self.mirrored_on(host)) {
            let sum: &mut Moved = sums.entry(port).or_default();
            *sum = *sum + moved;
        }
        sums
    }

    /// The same of one host.
    #[must_use]
    pub fn mirrored_on(&self, host: usize) -> ByPort {
        let columns = "--columns=name,statistics";
        let shown = self.vsctl_of_host(host, &["--format=json", columns, "list", "mirror"]);
        let shown: Value = serde_json::from_str(&shown).unwrap_or_else(|e| panic!("{e}"));
        let mut sums = ByPort::new();
        for row in shown["data"].as_array().unwrap_or(&Vec::new()) {
            let (port, moved) = row_of(row);
            let sum = sums.entry(port).or_default();
            *sum = *sum + moved;
        }
        sums
    }

    /// Takes the mirrors of an instance's port away.
    pub fn unmirror(&self, host: usize, instance: &Instance) {
        for (way, _) in WAYS {
            let name = format!("{way}-{}", instance.port_id);
            let get = ["--id=@mirror", "get", "mirror", &name];
            let remove = ["--", "remove", "bridge", "br-int", "mirrors", "@mirror"];
            self.vsctl_of_host(host, &[&get[..], &remove[..]].concat());
        }
    }

    fn vsctl_of_host(&self, host: usize, line: &[&str]) -> String {
        let shown = self.wait(self.host(host).vswitch().ovs_vsctl(line));
        shown.unwrap_or_else(|e| panic!("{:#}", anyhow::Error::new(e)))
    }

    /// The interface that stands for a port on a host's br-int.
    #[must_use]
    pub fn interface_of(&self, host: usize, port_id: &str) -> String {
        let condition = format!("external_ids:iface-id={port_id}");
        let find = ["--bare", "--columns=name", "find", "interface", &condition];
        self.vsctl_of_host(host, &find).trim().to_owned()
    }
}

/// `["s-<port>", ["map", [["tx_bytes", 42], ["tx_packets", 1]]]]`; no numbers before the first are known.
fn row_of(row: &Value) -> (String, Moved) {
    let name = row[0].as_str().unwrap_or_default();
    let (way, port) = name.split_once('-').unwrap_or(("", name));
    let number = |key: &str| {
        let pairs = row[1][1].as_array();
        let pair = pairs.and_then(|pairs| pairs.iter().find(|pair| pair[0] == key));
        pair.and_then(|pair| pair[1].as_u64()).unwrap_or(0)
    };
    let (bytes, packets) = (number("tx_bytes"), number("tx_packets"));
    let moved = match way {
        "s" => Moved {
            sent_bytes: bytes,
            sent_packets: packets,
            ..Moved::default()
        },
        _ => Moved {
            received_bytes: bytes,
            received_packets: packets,
            ..Moved::default()
        },
    };
    (port.to_owned(), moved)
}
