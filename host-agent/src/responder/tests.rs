use std::net::IpAddr;

use model::NetworkId;
use openflow::{Field, Match};

use super::*;
use crate::binding::Carrier;
use crate::pipeline::{Outsiders, Reach};

const PORT: PortNo = PortNo(5);

/// One network with number 7 and one port, plugged at number 5.
fn known() -> Known {
    let network = NetworkId::generate();
    let id = PortId::generate();
    let cidr = "fd00::/64".parse().unwrap();
    let subnet = model::plan::PlannedSubnet {
        cidr,
        gateway: "fd00::1".parse().unwrap(),
        handout: model::Handout::default(),
    };
    let wanted_network = WantedNetwork {
        number: 7.try_into().unwrap(),
        segment: model::Segment::Vlan {
            physical_network_id: model::Id::generate(),
            vlan: model::VlanId::MIN,
        },
        remotes: [].into(),
        mtu: 1500,
        subnets: vec![subnet],
        gateways: [].into(),
        resolvers: [].into(),
        names: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
    };
    let port = WantedPort {
        network,
        mac: MacAddr::local(5),
        addresses: ["fd00::5".parse::<IpAddr>().unwrap()].into(),
        allowed: [].into(),
        spoof_guard: model::SpoofGuard::On,
        limits: model::Limits::default(),
        hostname: None,
        security_group_ids: Vec::new(),
        on_trunk: None,
        standby: None,
    };
    let wanted = Wanted {
        networks: [(network, wanted_network)].into(),
        ports: [(id, port)].into(),
        ..Wanted::default()
    };
    let carrier = Carrier {
        interface: "vif5".to_owned(),
        ifindex: None,
        port: PORT,
    };
    let binding = Binding {
        carriers: [(id, carrier)].into(),
        ..Binding::default()
    };
    Known::new(&Arc::new(wanted), &binding)
}

fn solicitation(port: PortNo, network: u32) -> PacketIn {
    PacketIn {
        cookie: Group::of(network.try_into().unwrap()).cookie(),
        metadata: Match::new().exact(Field::InPort, port.0),
        data: crate::respond::tests::router_solicitation(MacAddr::local(5)),
        userdata: vec![Question::RouterSolicit.code()],
        ..PacketIn::default()
    }
}

#[test]
fn a_question_is_answered_to_the_port_that_asked() {
    let Some(Answer::Send(answer)) = known().answer(&solicitation(PORT, 7)) else {
        panic!("no answer");
    };
    assert_eq!(answer.in_port, PortNo::CONTROLLER);
    assert_eq!(answer.actions, deliver(7.try_into().unwrap(), PORT));
}

#[test]
fn a_question_from_another_port_or_network_or_flow_is_not_answered() {
    let known = known();
    assert!(known.answer(&solicitation(PortNo(6), 7)).is_none());
    assert!(known.answer(&solicitation(PORT, 8)).is_none());
    let question = solicitation(PORT, 7);
    for userdata in [vec![], vec![7], vec![133, 0]] {
        let other = PacketIn {
            userdata,
            ..question.clone()
        };
        assert!(known.answer(&other).is_none());
    }
    let operators_own = PacketIn {
        cookie: 7,
        ..question
    };
    assert!(known.answer(&operators_own).is_none());
}

#[test]
fn news_are_published_and_nothing_else() {
    let (sender, mut receiver) = watch::channel(Arc::default());
    let known = known();
    known.clone().publish(&sender);
    assert!(receiver.has_changed().unwrap());
    receiver.mark_unchanged();
    known.publish(&sender);
    assert!(!receiver.has_changed().unwrap());
}

#[test]
fn every_port_is_told_of_its_router() {
    assert_eq!(known().advertisements().len(), 1);
}

#[test]
fn a_port_is_told_anew_when_what_it_was_told_changes_and_only_then() {
    let before = known();
    assert_eq!(before.news(&Known::default()).len(), 1);
    assert_eq!(before.news(&before).len(), 0);
    let mut wanted = Wanted::clone(&before.wanted);
    for network in wanted.networks.values_mut() {
        network.subnets[0].handout.dns = vec!["fd00::9".parse().unwrap()];
    }
    let after = Known {
        waiting: Default::default(),
        wanted: Arc::new(wanted),
        ports: before.ports.clone(),
        exits: BTreeMap::new(),
        zones: BTreeMap::new(),
    };
    assert_eq!(after.news(&before).len(), 1);
    // Another port at the same number.
    let moved = Known {
        ports: [((PORT, 7.try_into().unwrap()), PortId::generate())].into(),
        ..before.clone()
    };
    assert_eq!(before.news(&moved).len(), 1);
}
