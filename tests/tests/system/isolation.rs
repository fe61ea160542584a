//! Tenants are never mixed.

use tests::checks::CHECKS;

use crate::two_tenants;

#[test]
fn two_tenants_with_the_same_addresses_on_the_same_hosts_never_meet() {
    let scene = two_tenants(3);
    let verdicts = CHECKS
        .iter()
        .map(|(promise, check)| (promise, check(&scene)));
    let broken: Vec<_> = verdicts.filter(|(_, verdict)| verdict.is_err()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn nothing_in_br_int_floods_learns_or_forwards_by_itself() {
    let scene = two_tenants(2);
    for host in [1, 2] {
        let flows = scene.pool.flows(host);
        let loose = ["NORMAL", "FLOOD", "ALL", "learn("];
        let found = flows
            .iter()
            .find(|flow| loose.iter().any(|word| flow.contains(word)));
        assert_eq!(found, None);
        let vswitch = scene.pool.host(host);
        let get = |line: &[&str]| {
            let text = scene.pool.wait(vswitch.vswitch().ovs_vsctl(line));
            text.unwrap_or_else(|e| panic!("{e}")).trim().to_owned()
        };
        assert_eq!(get(&["get", "bridge", "br-int", "fail_mode"]), "secure");
        assert_eq!(
            get(&["get", "bridge", "br-private", "fail_mode"]),
            "standalone"
        );
        let trunks = trunks_towards_br_int(&get);
        let mut used: Vec<u16> = scene.tenants.iter().filter_map(|it| it.vlan).collect();
        used.sort_unstable();
        assert_eq!(
            trunks, used,
            "just the VLANs in use, never none and never all"
        );
    }
}

/// The trunks of the one port of br-private that is a patch.
fn trunks_towards_br_int(get: &dyn Fn(&[&str]) -> String) -> Vec<u16> {
    let ports = get(&["list-ports", "br-private"]);
    let patch = ports
        .lines()
        .find(|port| get(&["get", "interface", port, "type"]) == "patch");
    let patch = patch.unwrap_or_else(|| panic!("no patch among {ports}"));
    assert_eq!(get(&["get", "port", patch, "vlan_mode"]), "trunk");
    let trunks = get(&["get", "port", patch, "trunks"]);
    let numbers = trunks.trim_matches(['[', ']']).split(',');
    numbers
        .filter_map(|number| number.trim().parse().ok())
        .collect()
}

#[test]
fn a_host_without_a_network_gets_none_of_its_frames() {
    let scene = two_tenants(3);
    // The third host has no instance: no patch port, and so no way in.
    let host = scene.pool.host(3);
    let ports = scene
        .pool
        .wait(host.vswitch().ovs_vsctl(&["list-ports", "br-private"]));
    let ports = ports.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(ports.lines().collect::<Vec<_>>(), ["eth1"]);
    let of_a_network = |flow: &String| flow.contains("dl_vlan=") || flow.contains("vlan_vid=");
    assert_eq!(scene.pool.flows(3).into_iter().find(of_a_network), None);
}
