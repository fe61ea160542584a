//! Namespaces, virtual cables and the physical switch's ports.
//!
//! Both ends of a cable are made where they belong; none is ever in the machine's own namespace.
//! Even the commands run inside the lab's namespaces, so that one whose builder was killed is
//! found by `Lab::down` and does not go on making things.

use std::ops::RangeInclusive;

use crate::cable::{self, Cable};
use crate::execute::run_with_input;
use crate::layout::{self, BRIDGE, Layout};
use crate::vswitch::Vswitch;
use crate::{Error, Nics, namespace};

/// Makes the controller's namespace and the place outside, with their cables. The switch's own must
/// exist: it is made first of all, to take the prefix.
pub(crate) async fn lay_ends(layout: &Layout) -> Result<(), Error> {
    let (controller, outside) = (cable::of_controller(layout), cable::of_outside(layout));
    lay(layout, &[&controller, &outside]).await?;
    ip(&layout.switch_namespace(), "link set lo up\n").await?;
    let nic = layout::MANAGEMENT_NIC;
    let address = management_lines(&layout::CONTROLLER_ADDRESS.to_string());
    ip(&controller.namespace, &address).await?;
    without_offload(&controller.namespace).await?;
    let (v4, v6) = layout::OUTSIDE_ADDRESSES;
    let lines = format!(
        "addr add {v4} dev {nic}\naddr add {v6} dev {nic} nodad\nlink set {nic} up\nlink set lo up\n"
    );
    ip(&outside.namespace, &lines).await?;
    without_offload(&outside.namespace).await
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
    let cables: Vec<Cable> = numbers
        .clone()
        .flat_map(|number| cable::of_host(layout, number))
        .collect();
    create_all(&layout.switch_namespace(), &namespaces).await?;
    plug_in(layout, &cables.iter().collect::<Vec<_>>()).await?;
    for number in numbers {
        let host = layout.host_namespace(number);
        let address = layout::host_address(number).to_string();
        ip(&host, &host_lines(layout, number, &address)).await?;
        without_offload(&host).await?;
    }
    Ok(())
}

/// Makes the physical switch's bridge, with the controller's port and that to the outside.
pub(crate) async fn build_switch(layout: &Layout, switch: &Vswitch) -> Result<(), Error> {
    let mut arguments = vec!["add-br", BRIDGE, "--", "set", "Bridge", BRIDGE];
    arguments.extend(["datapath_type=netdev", "fail_mode=standalone"]);
    let ends = [cable::of_controller(layout), cable::of_outside(layout)];
    let ports: Vec<String> = ends.iter().flat_map(add_port).collect();
    arguments.extend(ports.iter().map(String::as_str));
    switch.ovs_vsctl(&arguments).await?;
    Ok(())
}

/// Plugs one host's cables into the physical switch.
pub(crate) async fn plug_host(
    layout: &Layout,
    switch: &Vswitch,
    number: usize,
) -> Result<(), Error> {
    let cables = cable::of_host(layout, number);
    let words: Vec<String> = match (layout.spec.nics, cables.as_slice()) {
        (Nics::Lacp, [management, members @ ..]) => {
            let bond = add_bond(&layout::host_bond(number), members);
            add_port(management).into_iter().chain(bond).collect()
        }
        _ => cables.iter().flat_map(add_port).collect(),
    };
    // The first word only parts it from what would stand before.
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    switch.ovs_vsctl(&arguments).await?;
    Ok(())
}

/// `-- add-port …` for one cable.
fn add_port(cable: &Cable) -> Vec<String> {
    let mut words: Vec<String> = ["--", "add-port", BRIDGE, &cable.port]
        .map(String::from)
        .into();
    words.extend(cable.passes.columns());
    words
}

/// `-- add-bond …` for cables that end in one host and carry the same.
fn add_bond(name: &str, members: &[Cable]) -> Vec<String> {
    let mut words: Vec<String> = ["--", "add-bond", BRIDGE, name].map(String::from).into();
    words.extend(members.iter().map(|cable| cable.port.clone()));
    words.extend(["lacp=active", "bond_mode=balance-tcp"].map(String::from));
    words.push("other_config:lacp-time=fast".to_owned());
    let passes = members.first().map(|cable| cable.passes.columns());
    words.extend(passes.unwrap_or_default());
    words
}

/// Makes the namespaces that cables lead to, and the cables.
async fn lay(layout: &Layout, cables: &[&Cable]) -> Result<(), Error> {
    let namespaces: Vec<String> = cables.iter().map(|it| it.namespace.clone()).collect();
    create_all(&layout.switch_namespace(), &namespaces).await?;
    plug_in(layout, cables).await
}

async fn plug_in(layout: &Layout, cables: &[&Cable]) -> Result<(), Error> {
    let switch = layout.switch_namespace();
    let added: String = cables.iter().map(|it| it.add()).collect();
    ip(&switch, &added).await?;
    let ports_up: String = cables.iter().map(|it| it.port_up()).collect();
    ip(&switch, &ports_up).await
}

async fn create_all(switch: &str, namespaces: &[String]) -> Result<(), Error> {
    let lines: String = namespaces
        .iter()
        .map(|name| format!("netns add {name}\n"))
        .collect();
    ip(switch, &lines).await
}

fn management_lines(address: &str) -> String {
    let (nic, bits) = (layout::MANAGEMENT_NIC, layout::MANAGEMENT_BITS);
    format!("addr add {address}/{bits} dev {nic}\nlink set {nic} up\nlink set lo up\n")
}

fn host_lines(layout: &Layout, number: usize, address: &str) -> String {
    // The host itself speaks on other networks by a bridge's own port, if at all.
    let others = cable::of_host(layout, number).into_iter().skip(1);
    let others = others.map(|cable| {
        let nic = cable.nic;
        format!("link set {nic} addrgenmode none\nlink set {nic} up\n")
    });
    management_lines(address) + &others.collect::<String>()
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
