use proptest::prelude::*;
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

fn networks(list: &[(u128, Role, &str)]) -> PhysicalNetworks {
    let networks = list.iter();
    networks
        .map(|(n, role, uplink)| (id(*n), network(&format!("net{n}"), *role, uplink)))
        .collect()
}

const MANAGEMENT: (u128, Role, &str) = (1, Role::Management, "eth0");
const PRIVATE: (u128, Role, &str) = (2, Role::Private, "eth1");

fn change(
    settled: &[(u128, Role, &str)],
    wanted: &[(u128, Role, &str)],
    way: &str,
) -> Option<Change> {
    Change::between(&networks(settled), &networks(wanted), Some(way))
}

#[test]
fn what_stands_on_other_nics_never_touches_the_way() {
    assert_eq!(change(&[], &[PRIVATE], "eth0"), None);
    assert_eq!(
        change(&[MANAGEMENT, PRIVATE], &[MANAGEMENT], "br-net1"),
        None
    );
    let moved = (2, Role::Private, "eth2");
    assert_eq!(
        change(&[MANAGEMENT, PRIVATE], &[MANAGEMENT, moved], "br-net1"),
        None
    );
}

#[test]
fn every_change_of_the_nic_bond_vlan_or_bridge_of_management_touches_it() {
    for uplink in [
        "eth2",
        "eth0/vlan20",
        "eth0+eth2/lacp",
        "eth2+eth3/active-backup/vlan7",
    ] {
        let moved = (1, Role::Management, uplink);
        let change = change(&[MANAGEMENT, PRIVATE], &[moved, PRIVATE], "br-net1").unwrap();
        assert_eq!(change.after.len(), 1, "{uplink}");
        assert_eq!(change.bridge().as_deref(), Some("br-net1"));
    }
    assert!(change(&[], &[MANAGEMENT], "eth0").is_some());
    assert!(change(&[MANAGEMENT], &[], "br-net1").is_some());
}

#[test]
fn an_address_of_management_touches_it_and_an_mtu_does_not() {
    let settled = networks(&[MANAGEMENT]);
    let mut wanted = settled.clone();
    wanted.get_mut(&id(1)).unwrap().mtu = 9000;
    assert_eq!(Change::between(&settled, &wanted, Some("br-net1")), None);
    wanted.get_mut(&id(1)).unwrap().address = Some(model::HostAddress {
        address: "192.0.2.7/24".parse().unwrap(),
        gateway: None,
    });
    assert!(Change::between(&settled, &wanted, Some("br-net1")).is_some());
}

#[test]
fn what_joins_the_nic_of_management_touches_it_too() {
    let joined = (2, Role::Private, "eth0/vlan9");
    let joining = change(&[MANAGEMENT, PRIVATE], &[MANAGEMENT, joined], "br-net1").unwrap();
    assert_eq!((joining.before.len(), joining.after.len()), (2, 2));
    let undone = joining.undone(&networks(&[MANAGEMENT, joined]));
    assert_eq!(undone, networks(&[MANAGEMENT, PRIVATE]));
    assert!(change(&[MANAGEMENT, joined], &[MANAGEMENT, PRIVATE], "br-net1").is_some());
}

#[test]
fn a_way_that_storage_carries_is_looked_at_as_well() {
    let storage = (3, Role::Storage, "eth3");
    let moved = (3, Role::Storage, "eth4");
    assert!(change(&[storage], &[moved], "br-net3").is_some());
    assert_eq!(change(&[storage], &[moved], "eth0"), None);
}

proptest! {
    #[test]
    fn a_change_undone_is_what_was_and_done_is_what_is_wanted(
        before in arbitrary(), after in arbitrary(), way in "eth[0-3]|br-net[1-4]"
    ) {
        let Some(change) = Change::between(&before, &after, Some(&way)) else { return Ok(()) };
        prop_assert_eq!(change.done(&after), after.clone());
        let undone = change.undone(&after);
        for (id, it) in &change.before {
            prop_assert_eq!(&undone[id], it);
        }
        prop_assert!(change.leads_where(&change.after));
        // Taken back, the same change is due again, and no other.
        let again = Change::between(&undone, &after, Some(&way));
        prop_assert_eq!(again.map(|it| it.leads_where(&change.after)), Some(true));
    }
}

fn arbitrary() -> impl Strategy<Value = PhysicalNetworks> {
    let roles = [Role::Management, Role::Private, Role::Public, Role::Storage];
    let uplink = "eth[0-3](/vlan[1-3])?";
    prop::collection::btree_map(1_u128..5, uplink, 0..4).prop_map(move |map| {
        let roles = roles.iter().cycle();
        let entries = map.into_iter().zip(roles);
        entries
            .map(|((n, uplink), role)| (id(n), network(&format!("net{n}"), *role, &uplink)))
            .collect()
    })
}
