//! The ports that tell whether a peer is there.

use super::*;

/// The overlay of [`with_overlay`], shared with so many other hosts.
fn with_peers(count: u16) -> Wanted {
    let peer = |number: u16| {
        let [high, low] = (number + 1).to_be_bytes();
        std::net::IpAddr::from([10, 254, high, low])
    };
    Wanted {
        peers: [(Encapsulation::Vxlan, (1..=count).map(peer).collect())].into(),
        ..with_overlay()
    }
}

/// A host that has all its tunnel ports, as the switch shows them.
fn observed(ports: &[(&str, BridgePort)]) -> Observed {
    let mut observed = settled();
    let integration = observed.bridges.get_mut("br-int").unwrap();
    let out = tunnel(12, "vxlan", "10.254.0.1");
    integration.ports.insert("over-vxlan".to_owned(), out);
    for (name, port) in ports {
        integration.ports.insert((*name).to_owned(), port.clone());
    }
    observed
}

fn liveness(row: u128, remote: &str, interval: &str) -> BridgePort {
    let mut port = tunnel(row, "vxlan", "10.254.0.1");
    let options = [("remote_ip", remote), ("key", "0")];
    let bfd = [
        ("enable", "true"),
        ("min_tx", interval),
        ("min_rx", interval),
    ];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    port.options.extend(options.map(owned));
    port.bfd.extend(bfd.map(owned));
    port
}

#[test]
fn each_peer_has_a_port_that_asks_it_for_signs_of_life_on_no_networks_vni() {
    let topology = plan(&observed(&[]), &with_peers(1), &surroundings("eth0"));
    let operations = operations(&topology);
    let interface = operations.iter().find(|it| it["table"] == "Interface");
    let row = &interface.unwrap()["row"];
    assert_eq!(row["name"], "vxlan-0afe0002");
    let (options, bfd) = (row["options"].to_string(), row["bfd"].to_string());
    for option in [r#"["remote_ip","10.254.0.2"]"#, r#"["key","0"]"#] {
        assert!(options.contains(option), "{options}");
    }
    assert!(bfd.contains(r#"["enable","true"]"#), "{bfd}");
    // Only frames of overlays are a way out.
    assert_eq!(topology.exits.len(), 2);

    let right = [("vxlan-0afe0002", liveness(13, "10.254.0.2", "250"))];
    let settled = plan(&observed(&right), &with_peers(1), &surroundings("eth0"));
    assert!(settled.operations.is_empty(), "{settled:?}");
    let gone = plan(&observed(&right), &with_overlay(), &surroundings("eth0"));
    assert_eq!(gone.operations.len(), 1, "the peer is gone, its port stays");
}

#[test]
fn a_session_that_somebody_changed_is_set_right_without_a_new_port() {
    let ports = [("vxlan-0afe0002", liveness(13, "10.254.0.2", "9999"))];
    let topology = plan(&observed(&ports), &with_peers(1), &surroundings("eth0"));
    let [operation] = operations(&topology).try_into().unwrap();
    assert_eq!(operation["op"], "update");
    assert!(operation["row"]["bfd"].to_string().contains("250"));
}

#[test]
fn many_peers_are_asked_less_often() {
    for (peers, interval) in [(128, "250"), (129, "1000"), (513, "4000")] {
        let topology = plan(&observed(&[]), &with_peers(peers), &surroundings("eth0"));
        let rows = operations(&topology);
        let mut asked = rows.iter().filter(|it| it["table"] == "Interface");
        let expected = format!(r#"["min_tx","{interval}"]"#);
        assert!(asked.all(|it| it["row"]["bfd"].to_string().contains(&expected)));
    }
}

#[test]
fn a_port_of_somebody_else_is_left_alone_and_the_way_out_stays() {
    let foreign = BridgePort {
        ours: false,
        ..liveness(13, "192.0.2.1", "250")
    };
    let ports = [("vxlan-0afe0002", foreign)];
    let topology = plan(&observed(&ports), &with_peers(1), &surroundings("eth0"));
    assert!(topology.operations.is_empty());
    assert!(reason(&topology).contains("vxlan-0afe0002"));
    assert_eq!(topology.exits.len(), 2);
}
