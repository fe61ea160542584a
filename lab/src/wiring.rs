//! Namespaces, virtual cables and the physical switch's ports.
//!
//! Both ends of a cable are made where they belong; none is ever in the machine's own namespace.
//! Even the commands run inside the lab's namespaces, so that one whose builder was killed is
//! found by `Lab::down` and does not go on making things.

use std::ops::RangeInclusive;
use std::slice;

use crate::execute::run_with_input;
use crate::layout::{self, Layout};
use crate::vswitch::Vswitch;
use crate::{Error, namespace};

/// The physical switch's only bridge.
pub(crate) const BRIDGE: &str = "br-sw";

/// Makes the switch's and the controller's namespace and the cable between them. The switch's
/// own must exist: it is made first of all, to take the prefix.
pub(crate) async fn lay_controller(layout: &Layout) -> Result<(), Error> {
    let (switch, controller) = (layout.switch_namespace(), layout.controller_namespace());
    create_all(&switch, slice::from_ref(&controller)).await?;
    let cable = Cable {
        port: layout::CONTROLLER_PORT.to_owned(),
        namespace: controller.clone(),
        nic: layout::MANAGEMENT_NIC,
    };
    ip(&switch, &cable.add()).await?;
    ip(&switch, &format!("link set lo up\n{}", cable.port_up())).await?;
    let address = layout::CONTROLLER_ADDRESS.to_string();
    ip(&controller, &management_lines(&address)).await?;
    without_offload(&controller).await
}

/// Makes the hosts' namespaces and cables.
pub(crate) async fn lay_hosts(
    layout: &Layout,
    numbers: RangeInclusive<usize>,
) -> Result<(), Error> {
    let namespaces: Vec<String> = numbers
        .clone()
        .map(|number| layout.host_namespace(number))
        .collect();
    let switch = layout.switch_namespace();
    create_all(&switch, &namespaces).await?;
    let cables: Vec<Cable> = numbers.clone().flat_map(|n| cables(layout, n)).collect();
    let added: String = cables.iter().map(Cable::add).collect();
    ip(&switch, &added).await?;
    let ports_up: String = cables.iter().map(Cable::port_up).collect();
    ip(&switch, &ports_up).await?;
    for number in numbers {
        let host = layout.host_namespace(number);
        let address = layout::host_address(number).to_string();
        ip(&host, &host_lines(&address)).await?;
        without_offload(&host).await?;
    }
    Ok(())
}

/// Makes the physical switch's bridge, with the controller's port on it.
pub(crate) async fn build_switch(layout: &Layout, switch: &Vswitch) -> Result<(), Error> {
    let tag = format!("tag={}", layout.spec.management_vlan);
    let mut arguments = vec!["add-br", BRIDGE, "--", "set", "Bridge", BRIDGE];
    arguments.extend(["datapath_type=netdev", "fail_mode=standalone", "--"]);
    arguments.extend(["add-port", BRIDGE, layout::CONTROLLER_PORT, &tag]);
    switch.ovs_vsctl(&arguments).await?;
    Ok(())
}

/// Plugs one host's cables into the physical switch.
pub(crate) async fn plug_host(
    layout: &Layout,
    switch: &Vswitch,
    number: usize,
) -> Result<(), Error> {
    let tag = format!("tag={}", layout.spec.management_vlan);
    let vlans: Vec<String> = layout.spec.trunks.vlans().map(|v| v.to_string()).collect();
    // 0 is what Open vSwitch calls frames without a tag: hosts speak to each other by them.
    let trunks = format!("trunks=0,{}", vlans.join(","));
    let (management, trunk) = (layout::management_port(number), layout::trunk_port(number));
    let mut arguments = vec!["add-port", BRIDGE, &management, &tag, "--"];
    arguments.extend(["add-port", BRIDGE, &trunk, "vlan_mode=trunk", &trunks]);
    switch.ovs_vsctl(&arguments).await?;
    Ok(())
}

async fn create_all(switch: &str, namespaces: &[String]) -> Result<(), Error> {
    let lines: String = namespaces
        .iter()
        .map(|name| format!("netns add {name}\n"))
        .collect();
    ip(switch, &lines).await
}

/// A veth pair from the physical switch to a NIC.
struct Cable {
    port: String,
    namespace: String,
    nic: &'static str,
}

impl Cable {
    /// A line for `ip` inside the switch's namespace.
    fn add(&self) -> String {
        let Self {
            port,
            namespace,
            nic,
        } = self;
        let mtu = layout::UNDERLAY_MTU;
        format!(
            "link add {port} mtu {mtu} \
             type veth peer name {nic} mtu {mtu} netns {namespace}\n"
        )
    }

    /// A switch's port needs no address of its own, so the kernel is kept from speaking on it.
    fn port_up(&self) -> String {
        let port = &self.port;
        format!("link set {port} addrgenmode none\nlink set {port} up\n")
    }
}

fn cables(layout: &Layout, number: usize) -> [Cable; 2] {
    let namespace = layout.host_namespace(number);
    [
        Cable {
            port: layout::management_port(number),
            namespace: namespace.clone(),
            nic: layout::MANAGEMENT_NIC,
        },
        Cable {
            port: layout::trunk_port(number),
            namespace,
            nic: layout::PRIVATE_NIC,
        },
    ]
}

fn management_lines(address: &str) -> String {
    let (nic, bits) = (layout::MANAGEMENT_NIC, layout::MANAGEMENT_BITS);
    format!("addr add {address}/{bits} dev {nic}\nlink set {nic} up\nlink set lo up\n")
}

fn host_lines(address: &str) -> String {
    // The host itself speaks on the private network by a bridge's own port, if at all.
    let nic = layout::PRIVATE_NIC;
    format!(
        "{}link set {nic} addrgenmode none\nlink set {nic} up\n",
        management_lines(address)
    )
}

/// Runs lines of `ip` commands inside a namespace.
async fn ip(namespace: &str, lines: &str) -> Result<(), Error> {
    let mut ip = namespace::command(namespace, "ip");
    ip.args(["-batch", "-"]);
    run_with_input(ip, lines).await?;
    Ok(())
}

/// Makes the kernel compute checksums itself on the management NIC: the userspace datapath passes
/// packets on as they come, so with offload TCP would fail where ping works.
async fn without_offload(namespace: &str) -> Result<(), Error> {
    let line = ["ethtool", "-K", layout::MANAGEMENT_NIC, "tx", "off"];
    namespace::run_in(namespace, &line).await?;
    Ok(())
}
