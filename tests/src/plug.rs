//! VIFs as a hypervisor that is not ours plugs them: a veth pair, a port on br-int, an `iface-id`.

use std::time::Duration;

use lab::Host;
use serde_json::Value;

use crate::{Instance, Pool, eventually};

/// How long a switch may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// The interface on br-int, for unplugging.
#[derive(Clone, Debug)]
pub struct Plug {
    /// The number of the host.
    pub host: usize,
    /// The host's end.
    pub interface: String,
    /// What is behind it.
    pub instance: Instance,
}

impl Pool {
    /// Makes a namespace for a port, as `netctl vif-create` made it, and plugs it in on a host.
    /// `tag` keeps names apart within a test: one short word.
    pub fn plug(&self, host: usize, port: &Value, tag: &str) -> Plug {
        let plug = self.plug_bare(host, port, tag);
        let address = format!("{}/24", plug.instance.address);
        let namespace = plug.instance.namespace.as_str();
        self.run(&[
            "ip", "-n", namespace, "address", "add", &address, "dev", "eth0",
        ]);
        plug
    }

    /// The same without an address: whoever is inside has to ask for one.
    pub fn plug_bare(&self, host: usize, port: &Value, tag: &str) -> Plug {
        let the_host = self.host(host);
        let text = |key: &str| port[key].as_str().unwrap_or_default().to_owned();
        let address = port["addresses"][0].as_str().unwrap_or("192.0.2.1");
        let namespace = format!("{}-x-{tag}", self.lab().prefix().as_str());
        let plug = Plug {
            host,
            interface: format!("tap{tag}"),
            instance: Instance {
                name: tag.to_owned(),
                tenant: String::new(),
                host: the_host.name().to_owned(),
                namespace: namespace.clone(),
                mac: crate::pool::mac(&text("mac")),
                address: address.parse().unwrap_or_else(|e| panic!("{e}")),
                port_id: text("id"),
            },
        };
        self.run(&["ip", "netns", "add", &namespace]);
        let (outer, inner) = (plug.interface.as_str(), namespace.as_str());
        let host_namespace = the_host.namespace();
        self.run(&[
            "ip",
            "link",
            "add",
            outer,
            "netns",
            host_namespace,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "address",
            &text("mac"),
            "netns",
            inner,
        ]);
        self.run(&["ip", "-n", inner, "link", "set", "eth0", "up"]);
        self.run(&["ip", "-n", host_namespace, "link", "set", outer, "up"]);
        let net = format!("--net=/run/netns/{inner}");
        self.run(&["nsenter", &net, "--", "ethtool", "-K", "eth0", "tx", "off"]);
        self.plug_in(&plug);
        plug
    }

    /// Adds the interface to br-int, as a hypervisor does when its machine starts.
    pub fn plug_in(&self, plug: &Plug) {
        let iface_id = format!("external_ids:iface-id={}", plug.instance.port_id);
        let host = self.host(plug.host);
        let interface = &plug.interface;
        let add = [
            "add-port",
            "br-int",
            interface,
            "--",
            "set",
            "interface",
            interface,
            &iface_id,
        ];
        self.wait(host.vswitch().ovs_vsctl(&add))
            .unwrap_or_else(|e| panic!("{e}"));
    }

    /// Removes the interface from br-int, as a hypervisor does when its machine ends.
    pub fn unplug(&self, plug: &Plug) {
        let host = self.host(plug.host);
        let removed = self.wait(host.vswitch().ovs_vsctl(&["del-port", &plug.interface]));
        removed.unwrap_or_else(|e| panic!("{e}"));
    }

    /// Host `number`, counted from 1.
    #[must_use]
    pub fn host(&self, number: usize) -> Host {
        let host = self.lab().host(number);
        host.unwrap_or_else(|e| panic!("{e}"))
    }

    /// The flows of br-int on a host, without counters, one a line, sorted.
    #[must_use]
    pub fn flows(&self, host: usize) -> Vec<String> {
        let text = self.dump_flows(host, &["--no-stats"]);
        let lines = text.lines().map(|line| line.trim().to_owned());
        let mut flows: Vec<String> = lines.filter(|line| line.contains("actions=")).collect();
        flows.sort();
        flows
    }

    /// What `ovs-ofctl dump-flows` prints of br-int. A switch that was only just started may not have
    /// the bridge yet.
    pub(crate) fn dump_flows(&self, host: usize, options: &[&str]) -> String {
        let host = self.host(host);
        let line = [&["-O", "OpenFlow15"], options, &["dump-flows", "br-int"]].concat();
        let mut text = String::new();
        eventually("the switch shows its flows", PATIENCE, || {
            let shown = self.wait(host.vswitch().ovs_ofctl(&line));
            shown.map(|shown| text = shown).is_ok()
        });
        text
    }

    fn run(&self, line: &[&str]) {
        let output = std::process::Command::new(line[0])
            .args(&line[1..])
            .output();
        let output = output.unwrap_or_else(|e| panic!("{line:?}: {e}"));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line:?}: {complaint}");
    }
}
