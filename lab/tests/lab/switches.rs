//! Labs without Bulkhead's programs: cables, VLANs, switches that die and come back.

use lab::{Datapath, Error, Host, Lab, Phase, Signal, Spec, Vswitch, namespace};

use crate::scratch::{Scratch, assert_nothing_left, switches_only};

#[tokio::test]
async fn hosts_reach_each_other_and_the_controllers_place_and_down_leaves_nothing() {
    let lab = Scratch::up(switches_only(2)).await;
    let (one, two) = (lab.host(1).unwrap(), lab.host(2).unwrap());
    assert_eq!(one.address().to_string(), "10.255.1.1");
    ping(&one, "10.255.1.2").await.unwrap();
    ping(&two, "10.255.0.1").await.unwrap();

    let status = lab.status().unwrap();
    assert!(status.is_whole(), "{status:?}");
    assert_eq!(status.processes.len(), 6);
    assert_eq!(status.hosts.len(), 2);
    assert!(matches!(lab.controller(), Err(Error::SwitchesOnly)));
    assert!(matches!(lab.host(3), Err(Error::NoSuchHost { .. })));

    let removed = lab.down().await.unwrap();
    assert_eq!(removed.processes.len(), 6);
    assert_eq!(removed.strays, 0);
    assert_nothing_left(lab.prefix().as_str(), lab.directory());
}

#[tokio::test]
async fn only_the_listed_vlans_pass_between_private_nics() {
    let spec = Spec {
        trunks: "100-101".parse().unwrap(),
        ..switches_only(2)
    };
    let lab = Scratch::up(spec).await;
    for number in [1, 2] {
        speak_on_vlans(&lab.host(number).unwrap(), &[100, 101, 102, 4000]).await;
    }
    let one = lab.host(1).unwrap();
    ping(&one, "10.1.100.2").await.unwrap();
    ping(&one, "10.1.101.2").await.unwrap();
    ping(&one, "10.1.102.2").await.unwrap_err();
    // Neither does the private NIC reach the management network, by its tag or untagged.
    ping(&one, "10.1.0.2").await.unwrap_err();
    let switch = lab.switch();
    let learned = switch.ovs_appctl(&["fdb/show", "br-sw"]).await.unwrap();
    let trunk = port_number(&switch, "h1-trunk").await;
    for line in learned.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_ne!(words[..2], [trunk.as_str(), "4000"], "{learned}");
    }
}

#[tokio::test]
async fn a_killed_switch_comes_back_with_its_bridges() {
    let lab = Scratch::up(switches_only(1)).await;
    let host = lab.host(1).unwrap();
    speak_on_vlans(&host, &[100]).await;
    for process in [host.vswitch().vswitchd(), host.vswitch().ovsdb()] {
        let before = process.pid().unwrap().unwrap();
        assert!(matches!(
            process.start().await,
            Err(Error::AlreadyRunning { .. })
        ));
        process.kill(Signal::SIGKILL).await.unwrap();
        assert_eq!(process.pid().unwrap(), None);
        assert!(!lab.status().unwrap().is_whole());
        assert!(matches!(
            process.kill(Signal::SIGKILL).await,
            Err(Error::NotRunning { .. })
        ));
        process.start().await.unwrap();
        assert_ne!(process.pid().unwrap().unwrap(), before);
    }
    let flows = host.vswitch().ovs_ofctl(&["dump-flows", "br-test"]).await;
    assert!(flows.unwrap().contains("NORMAL"));
}

#[tokio::test]
async fn a_host_can_be_added_and_the_lab_be_used_by_another_handle() {
    let lab = Scratch::up(switches_only(1)).await;
    let other = Lab::open(lab.directory()).unwrap();
    let two = other.add_host().await.unwrap();
    assert_eq!(two.name(), "h2");
    ping(&lab.host(2).unwrap(), "10.255.1.1").await.unwrap();
    assert_eq!(lab.hosts().unwrap().len(), 2);
    assert_eq!(lab.status().unwrap().phase, Phase::Up);
}

#[tokio::test]
async fn instances_and_what_runs_in_them_are_removed_too() {
    let lab = Scratch::up(switches_only(1)).await;
    let instance = format!("{}-i-web1", lab.prefix());
    namespace::create(&instance).await.unwrap();
    assert_eq!(lab.instances().unwrap(), [instance.as_str()]);
    let mut stray = namespace::command(&instance, "sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let entered = format!("/proc/{}/comm", stray.id().unwrap());
    while std::fs::read_to_string(&entered).unwrap() != "sleep\n" {
        tokio::task::yield_now().await;
    }
    // A neighbour whose name only starts alike is not ours.
    let neighbour = format!("{}x-h1", lab.prefix());
    namespace::create(&neighbour).await.unwrap();

    let removed = lab.down().await.unwrap();
    assert!(removed.namespaces.contains(&instance));
    assert_eq!(removed.strays, 1);
    assert!(!stray.wait().await.unwrap().success());
    namespace::delete(&neighbour).await.unwrap();
    assert_nothing_left(lab.prefix().as_str(), lab.directory());
}

#[tokio::test]
async fn a_taken_prefix_or_directory_is_refused_and_left_alone() {
    let lab = Scratch::up(switches_only(1)).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let same_prefix = Spec {
        directory: elsewhere.path().to_path_buf(),
        prefix: Some(lab.prefix().clone()),
        ..switches_only(1)
    };
    let refused = Lab::up(same_prefix).await;
    assert!(matches!(refused, Err(Error::PrefixTaken { .. })));
    let same_directory = Spec {
        directory: lab.directory().to_path_buf(),
        ..switches_only(1)
    };
    let refused = Lab::up(same_directory).await;
    assert!(matches!(refused, Err(Error::Occupied { .. })));
    assert!(lab.status().unwrap().is_whole());
}

#[tokio::test]
async fn a_dummy_datapath_has_ports_without_devices_and_the_management_network_still_works() {
    let spec = Spec {
        datapath: Datapath::Dummy,
        ..switches_only(2)
    };
    let lab = Scratch::up(spec).await;
    let one = lab.host(1).unwrap();
    ping(&one, "10.255.1.2").await.unwrap();
    // Bulkhead's agent asks for the userspace datapath by name, and gets it: what makes the lab
    // cheap is that its ports need no devices.
    let line = "add-br br-test -- set Bridge br-test datapath_type=netdev \
                -- add-port br-test p1 -- set Interface p1 type=dummy \
                -- add-port br-test eth1";
    let words: Vec<&str> = line.split_whitespace().collect();
    one.vswitch().ovs_vsctl(&words).await.unwrap();
    let ports = one.vswitch().ovs_ofctl(&["show", "br-test"]).await.unwrap();
    assert!(ports.contains("(p1)"), "{ports}");
    assert!(ports.contains("(eth1)"), "{ports}");
}

async fn ping(from: &Host, to: &str) -> Result<String, Error> {
    from.run(&["ping", "-c", "2", "-i", "0.2", "-W", "1", to])
        .await
}

/// Puts the private NIC on a bridge, with an address 10.1.(vlan mod 1000).(host) on each VLAN.
async fn speak_on_vlans(host: &Host, vlans: &[u16]) {
    let mut line = vec!["add-br br-test -- set Bridge br-test datapath_type=netdev".to_owned()];
    line.push(format!("add-port br-test {}", host.private_nic()));
    line.extend(vlans.iter().map(|vlan| {
        format!("add-port br-test v{vlan} tag={vlan} -- set Interface v{vlan} type=internal")
    }));
    let line = line.join(" -- ");
    let words: Vec<&str> = line.split(' ').collect();
    host.vswitch().ovs_vsctl(&words).await.unwrap();
    for vlan in vlans {
        let (device, number) = (format!("v{vlan}"), host.number());
        let address = format!("10.1.{}.{number}/24", vlan % 1000);
        host.run(&["ip", "addr", "add", &address, "dev", &device])
            .await
            .unwrap();
        host.run(&["ip", "link", "set", &device, "up"])
            .await
            .unwrap();
    }
}

async fn port_number(switch: &Vswitch, port: &str) -> String {
    let line = ["get", "Interface", port, "ofport"];
    switch.ovs_vsctl(&line).await.unwrap().trim().to_owned()
}
