use model::{HostAddress, PhysicalNetworkId};
use uuid::Uuid;

use super::*;

fn id(n: u128) -> PhysicalNetworkId {
    Uuid::from_u128(n).into()
}

fn network(name: &str, role: Role, uplink: &str) -> WantedPhysicalNetwork {
    WantedPhysicalNetwork {
        name: name.to_owned(),
        role,
        uplink: uplink.parse().unwrap(),
        mtu: 1500,
        endpoint: None,
        address: None,
    }
}

fn link(n: u32, addresses: &[&str]) -> Link {
    let addresses = addresses.iter().map(|it| it.parse().unwrap());
    Link {
        index: n,
        mac: Some(model::MacAddr::local(n.into())),
        presence: Presence {
            addresses: addresses.collect(),
            routes: Vec::new(),
        },
        ..Link::default()
    }
}

fn kernel(links: &[(&str, &[&str])]) -> Kernel {
    let links = links.iter().zip(1..);
    Kernel {
        links: links
            .map(|((name, addresses), n)| ((*name).to_owned(), link(n, addresses)))
            .collect(),
    }
}

fn management(uplink: &str) -> PhysicalNetworks {
    [(id(1), network("mgmt", Role::Management, uplink))].into()
}

fn from(taken: &BTreeMap<String, Taken>) -> Vec<&str> {
    taken["br-mgmt"].from.keys().map(String::as_str).collect()
}

#[test]
fn management_takes_over_what_its_nic_has_with_its_mac() {
    let kernel = kernel(&[("eth0", &["192.0.2.7/24"]), ("eth1", &["198.51.100.7/24"])]);
    let taken = claims(&management("eth0"), &kernel, Some("eth0"), &BTreeMap::new());
    assert_eq!(from(&taken), ["eth0"]);
    assert_eq!(taken["br-mgmt"].mac, kernel.links["eth0"].mac);
    let targets = targets(&management("eth0"), &taken);
    assert_eq!(
        targets["br-mgmt"].addresses,
        ["192.0.2.7/24".parse().unwrap()]
    );
}

#[test]
fn on_another_nic_or_a_vlan_it_takes_over_what_leads_to_the_controller() {
    let kernel = kernel(&[("eth0", &["192.0.2.7/24"]), ("eth1", &[])]);
    for uplink in ["eth1", "eth1/vlan20", "eth0/vlan20"] {
        let taken = claims(&management(uplink), &kernel, Some("eth0"), &BTreeMap::new());
        assert_eq!(from(&taken), ["eth0"], "{uplink}");
        assert_eq!(taken["br-mgmt"].mac, kernel.links["eth0"].mac);
    }
}

#[test]
fn what_was_taken_is_kept_though_the_nic_has_it_no_more() {
    let before = kernel(&[("eth0", &["192.0.2.7/24"])]);
    let taken = claims(&management("eth0"), &before, Some("eth0"), &BTreeMap::new());
    let after = kernel(&[("eth0", &[]), ("br-mgmt", &["192.0.2.7/24"])]);
    let again = claims(&management("eth2"), &after, Some("br-mgmt"), &taken);
    assert_eq!(again, taken);
    // Nor does it take the place of a NIC that leads to the controller by chance.
    let chance = kernel(&[("eth0", &[]), ("eth5", &["203.0.113.9/24"])]);
    let again = claims(&management("eth2"), &chance, Some("eth5"), &taken);
    assert_eq!(again, taken);
}

#[test]
fn an_address_of_the_plan_stands_in_for_what_was_taken() {
    let kernel = kernel(&[("eth0", &["192.0.2.7/24"])]);
    let mut networks = management("eth0");
    networks.get_mut(&id(1)).unwrap().address = Some(HostAddress {
        address: "192.0.2.8/24".parse().unwrap(),
        gateway: Some("192.0.2.1".parse().unwrap()),
    });
    let taken = claims(&networks, &kernel, Some("eth0"), &BTreeMap::new());
    let targets = targets(&networks, &taken);
    let target = &targets["br-mgmt"];
    assert_eq!(target.addresses, ["192.0.2.8/24".parse().unwrap()]);
    assert!(target.has_default_route());
    // It is still known, for the way back.
    assert_eq!(from(&taken), ["eth0"]);
}

#[test]
fn networks_of_tenants_take_over_nothing() {
    let kernel = kernel(&[("eth0", &["192.0.2.7/24"])]);
    let networks = [
        (id(1), network("vm", Role::Private, "eth0")),
        (id(2), network("out", Role::Public, "eth1")),
    ];
    let taken = claims(&networks.into(), &kernel, Some("eth0"), &BTreeMap::new());
    assert!(taken.is_empty());
}

#[test]
fn only_nics_that_tenants_alone_are_on_are_theirs() {
    let networks = |of: &[(Role, &str)]| -> PhysicalNetworks {
        let named = of.iter().zip(1..);
        let networks = named.map(|((role, uplink), n)| (id(n), network("any", *role, uplink)));
        networks.collect()
    };
    let separate = networks(&[
        (Role::Management, "eth0"),
        (Role::Private, "eth1"),
        (Role::Public, "eth2/vlan20"),
        (Role::Storage, "eth3"),
    ]);
    let both = ["eth1", "eth2"].map(str::to_owned);
    assert_eq!(of_tenants(&separate, Some("eth0")), both.into());
    let one = networks(&[(Role::Management, "eth0/vlan7"), (Role::Private, "eth0")]);
    assert_eq!(of_tenants(&one, Some("br-mgmt")), BTreeSet::new());
    // Nobody said what management is on, and yet the way there is never closed.
    let unsaid = networks(&[(Role::Private, "eth0")]);
    assert_eq!(of_tenants(&unsaid, Some("eth0")), BTreeSet::new());
}
