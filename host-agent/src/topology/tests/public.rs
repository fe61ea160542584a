//! Public networks, and networks that have no tag.

use super::*;

/// One flat network on the physical network `vm`, which is public.
fn flat() -> Wanted {
    let mut wanted = wanted();
    let physical = wanted.physical_networks.values_mut().next();
    physical.unwrap().role = Role::Public;
    let network = wanted.networks.values_mut().next();
    network.unwrap().segment = Segment::Flat {
        physical_network_id: uuid(PHYSICAL).into(),
    };
    wanted
}

/// The rows that operations give to ports.
fn ports(topology: &Topology) -> Vec<Json> {
    let operations = operations(topology).into_iter();
    let rows = operations.filter(|it| it["table"] == "Port" && !it["row"].is_null());
    rows.map(|it| it["row"].clone()).collect()
}

#[test]
fn a_flat_network_has_what_has_no_tag_and_the_host_has_it_no_more() {
    let topology = plan(&settled(), &flat(), &surroundings("eth0"));
    assert_eq!(topology.failures, []);
    let ports = ports(&topology);
    let trunks: Vec<String> = ports.iter().map(|row| row["trunks"].to_string()).collect();
    // The patch, and the bridge's own port.
    assert_eq!(ports.len(), 2);
    for vlan in [0, 4095] {
        let only = [format!(r#"["set",[{vlan}]]"#), vlan.to_string()];
        assert!(trunks.iter().any(|it| only.contains(it)), "{trunks:?}");
    }
    for row in &ports {
        assert_eq!(row["vlan_mode"], "trunk");
        assert_eq!(row["tag"].to_string(), r#"["set",[]]"#);
    }
}

#[test]
fn what_a_flat_network_needs_is_not_touched_and_goes_with_it() {
    let mut observed = settled();
    let bridge = observed.bridges.get_mut("br-vm").unwrap();
    for (port, vlan) in [("in-vm", 0), ("br-vm", 4095)] {
        let port = bridge.ports.get_mut(port).unwrap();
        port.vlan_mode = Some("trunk".to_owned());
        port.tag = None;
        port.trunks = [vlan].into();
    }
    let topology = plan(&observed, &flat(), &surroundings("eth0"));
    assert_eq!(operations(&topology), Vec::<Json>::new());
    let back = plan(&observed, &wanted(), &surroundings("eth0"));
    assert_eq!(ports(&back).len(), 2, "as they were");
}

#[test]
fn a_flat_network_is_refused_where_the_host_itself_speaks_without_a_tag() {
    let mut observed = settled();
    let bridge = observed.bridges.get_mut("br-vm").unwrap();
    bridge.ours = false;
    let topology = plan(&observed, &flat(), &surroundings("eth0"));
    assert!(reason(&topology).contains("the host speaks"));
    assert!(topology.exits.is_empty());
    let bridge = observed.bridges.get_mut("br-vm").unwrap();
    bridge.ports.get_mut("br-vm").unwrap().tag = Some(20);
    let topology = plan(&observed, &flat(), &surroundings("eth0"));
    assert_eq!(topology.failures, []);
}

#[test]
fn a_public_network_is_there_only_where_something_is_on_it() {
    let mut idle = flat();
    idle.networks.clear();
    let mut observed = settled();
    let removed = plan(&observed, &idle, &surroundings("eth0")).operations;
    assert!(!removed.is_empty(), "what was needed before is removed");
    observed.bridges.remove("br-vm");
    let integration = observed.bridges.get_mut("br-int").unwrap();
    integration.ports.clear();
    let topology = plan(&observed, &idle, &surroundings("eth0"));
    assert_eq!(operations(&topology), Vec::<Json>::new());
}
