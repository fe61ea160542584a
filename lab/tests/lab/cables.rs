//! The layouts of NICs, the place outside, and what can be done to a cable.

use lab::{Error, Host, Nics, Spec, namespace};

use crate::scratch::{Scratch, switches_only};

/// Makes a bridge with these NICs, bonded if there are several, and an own port with an address. Beside a
/// datapath in userspace the kernel hears what its NICs receive, and must not answer for that address there.
async fn join(host: &Host, nics: &[&str], options: &[&str], address: &str) {
    let mut line = vec!["add-br", "br-test", "--", "set", "Bridge", "br-test"];
    line.extend(["datapath_type=netdev", "--"]);
    match nics {
        [nic] => line.extend(["add-port", "br-test", nic]),
        _ => line.extend(["add-bond", "br-test", "bond"].iter().chain(nics)),
    }
    line.extend(options);
    host.vswitch().ovs_vsctl(&line).await.unwrap();
    for line in [
        "sysctl -qw net.ipv4.conf.all.arp_ignore=1".to_owned(),
        format!("ip addr add {address} dev br-test"),
        "ip link set br-test up".to_owned(),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        host.run(&words).await.unwrap();
    }
}

async fn reaches(host: &Host, to: &str, bytes: &str) -> bool {
    let line = ["ping", "-c2", "-i0.2", "-W1", "-Mdo", "-s", bytes, to];
    host.run(&line).await.is_ok()
}

async fn lab(nics: Nics) -> Scratch {
    Scratch::up(Spec {
        nics,
        ..switches_only(2)
    })
    .await
}

#[tokio::test]
async fn the_public_nic_reaches_the_outside_until_its_cable_is_cut() {
    let lab = lab(Nics::Separate).await;
    let one = lab.host(1).unwrap();
    join(&one, &[one.public_nic()], &[], "203.0.113.11/24").await;
    assert!(reaches(&one, "203.0.113.1", "56").await);
    let line = ["ping", "-c1", "-W1", "203.0.113.11"];
    namespace::run_in(&lab.outside(), &line).await.unwrap();
    let port = lab.switch_port(1, "eth2").unwrap();
    port.cut().await.unwrap();
    assert!(!reaches(&one, "203.0.113.1", "56").await);
    port.mend().await.unwrap();
    assert!(reaches(&one, "203.0.113.1", "56").await);
    assert!(matches!(lab.switch_port(1, "eth9"), Err(Error::BadSpec(_))));
}

#[tokio::test]
async fn a_trunk_can_lose_a_vlan_and_a_cable_part_of_its_mtu() {
    let lab = lab(Nics::Separate).await;
    let (one, two) = (lab.host(1).unwrap(), lab.host(2).unwrap());
    for host in [&one, &two] {
        let address = format!("10.1.0.{}/24", host.number());
        join(
            host,
            &["eth1"],
            &["--", "set", "Port", "br-test", "tag=100"],
            &address,
        )
        .await;
    }
    assert!(reaches(&one, "10.1.0.2", "1400").await);
    let port = lab.switch_port(2, "eth1").unwrap();
    port.take_vlan(100).await.unwrap();
    assert!(!reaches(&one, "10.1.0.2", "56").await);
    port.give_vlan(100).await.unwrap();
    assert!(reaches(&one, "10.1.0.2", "56").await);
    port.set_mtu(1300).await.unwrap();
    assert!(reaches(&one, "10.1.0.2", "1200").await);
    assert!(!reaches(&one, "10.1.0.2", "1400").await);
    let access = lab.switch_port(2, "eth0").unwrap();
    assert!(access.take_vlan(100).await.is_err());
}

#[tokio::test]
async fn the_one_nic_for_all_carries_management_and_the_public_vlan() {
    let lab = lab(Nics::Shared).await;
    let one = lab.host(1).unwrap();
    assert!(reaches(&one, "10.255.0.1", "56").await);
    let tagged = ["--", "set", "Port", "br-test", "tag=4001"];
    join(&one, &["eth0"], &tagged, "203.0.113.11/24").await;
    assert!(reaches(&one, "203.0.113.1", "56").await);
}

#[tokio::test]
async fn a_bond_meets_its_other_end_in_both_layouts() {
    for (nics, options) in [
        (Nics::Bonded, ["bond_mode=active-backup"].as_slice()),
        (
            Nics::Lacp,
            // A first word that is lost is said again after a second, and not after thirty.
            &[
                "lacp=active",
                "bond_mode=balance-tcp",
                "other_config:lacp-time=fast",
            ],
        ),
    ] {
        let lab = lab(nics).await;
        for number in [1, 2] {
            let host = lab.host(number).unwrap();
            join(
                &host,
                &["eth1", "eth2"],
                options,
                &format!("10.1.0.{number}/24"),
            )
            .await;
        }
        assert!(
            comes_to_reach(&lab.host(1).unwrap(), "10.1.0.2").await,
            "{nics}"
        );
    }
}

/// LACP takes a second or so before a bond carries anything, on a busy machine more.
async fn comes_to_reach(host: &Host, to: &str) -> bool {
    for _ in 0..20 {
        if reaches(host, to, "56").await {
            return true;
        }
    }
    false
}
