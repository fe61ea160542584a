use proptest::prelude::*;

use super::*;

#[test]
fn every_kind_of_uplink_survives_text_and_back() {
    for text in [
        "eth0",
        "eth0/vlan20",
        "eth1+eth2/lacp",
        "eth1+eth2/balance-slb/vlan4094",
        "eth1+eth2+eth3/active-backup",
        "eth0.20/vlan30",
        "vlan7/vlan7",
    ] {
        let uplink: Uplink = text.parse().unwrap();
        assert_eq!(uplink.to_string(), text);
    }
}

#[test]
fn an_uplink_that_means_nothing_is_refused() {
    for bad in [
        "",
        "/",
        "eth0/",
        "eth0/20",
        "eth0/vlan",
        "eth0/vlan0",
        "eth0/vlan4095",
        "eth0/lacp",
        "eth1+eth2",
        "eth1+eth1/lacp",
        "eth1+/lacp",
        "eth1+eth2/vlan20",
        "eth1+eth2/vlan20/lacp",
        "eth1+eth2/lacp/20",
        "eth1+eth2/lacp/vlan20/",
        "eth1+eth2/bogus",
        "a+b+c+d+e+f+g+h+i/lacp",
    ] {
        assert!(bad.parse::<Uplink>().is_err(), "{bad}");
    }
}

#[test]
fn a_name_of_a_nic_that_was_stored_before_there_were_bonds_is_an_uplink() {
    let uplink: Uplink = serde_json::from_str("\"eth1\"").unwrap();
    assert_eq!(uplink.nics().len(), 1);
    assert_eq!((uplink.bond(), uplink.vlan()), (None, None));
}

proptest! {
    #[test]
    fn any_text_is_one_uplink_or_an_error(text in "[a-c+/]{0,6}(/lacp)?(/vlan[0-9]{1,4})?") {
        let Ok(uplink) = text.parse::<Uplink>() else { return Ok(()) };
        prop_assert_eq!(&uplink.to_string().parse::<Uplink>().unwrap(), &uplink);
    }
}
