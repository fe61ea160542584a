//! Forwarded ports of addresses outside, in plans that contradict themselves.

use model::plan::{Answered, PlannedGateway, PlannedPortForwarding, PlannedRouter};
use model::{ForwardedProtocol, NetworkId, PortForwardingId, RouterId};

use super::*;

const OUTSIDE: u128 = 40;
const ROUTER: u128 = 30;
const SHARED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 22);
const SNAT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);

/// A host with a port behind a router that leads outside, and these forwardings.
fn with(forwardings: &[PlannedPortForwarding]) -> Wanted {
    let mut external = network(OUTSIDE, 9, 200);
    if let PlanItem::Network(external) = &mut external {
        external.sharing.external = true;
    }
    let router = PlannedRouter {
        id: RouterId::from(uuid(ROUTER)),
        network_ids: vec![NetworkId::from(uuid(10))],
        mac: MacAddr::local(9),
        endpoints: Vec::new(),
        routes: Vec::new(),
        gateway: Some(PlannedGateway {
            network_id: NetworkId::from(uuid(OUTSIDE)),
            mac: MacAddr::local(7),
            mac_v6: None,
            snat: Some(SNAT),
            hosts: Vec::new(),
            pool: Vec::new(),
        }),
    };
    let mut items = vec![
        physical(1, "private", Role::Private),
        network(10, 1, 100),
        external,
        port(11, 10, 5, "10.0.0.5"),
        PlanItem::Router(router),
    ];
    items.extend(forwardings.iter().cloned().map(PlanItem::PortForwarding));
    wanted(&items)
}

fn forwarding(id: u128, outside: u16) -> PlannedPortForwarding {
    PlannedPortForwarding {
        id: PortForwardingId::from(uuid(id)),
        router_id: RouterId::from(uuid(ROUTER)),
        network_id: NetworkId::from(uuid(OUTSIDE)),
        address: SHARED,
        answered: Answered::Here,
        protocol: ForwardedProtocol::Tcp,
        external_port: outside.try_into().unwrap(),
        port_id: PortId::from(uuid(11)),
        inner: [10, 0, 0, 5].into(),
        internal_port: outside.try_into().unwrap(),
        host_mac: MacAddr::local(9),
    }
}

/// Whether the second of two is carried out beside the first.
fn second(change: impl FnOnce(&mut PlannedPortForwarding)) -> bool {
    let mut second = forwarding(51, 81);
    change(&mut second);
    let wanted = with(&[forwarding(50, 80), second]);
    assert!(wanted.forwardings.len() + wanted.failures.len() == 2);
    wanted.failures.is_empty()
}

#[test]
fn an_address_is_shared_by_ports_of_one_router_that_differ() {
    assert!(second(|_| ()));
    assert!(second(|it| {
        (it.protocol, it.external_port) = (ForwardedProtocol::Udp, 80.try_into().unwrap());
    }));
    assert!(!second(|it| it.external_port = 80.try_into().unwrap()));
    assert!(!second(|it| it.internal_port = 80.try_into().unwrap()));
    assert!(!second(|it| it.answered = Answered::Elsewhere));
    assert!(!second(|it| it.router_id = RouterId::from(uuid(31))));
    assert!(!second(|it| it.network_id = NetworkId::from(uuid(10))));
    assert!(!second(|it| it.inner = [10, 0, 0, 6].into()));
}

#[test]
fn nothing_is_forwarded_of_an_address_that_somebody_has() {
    assert!(!second(|it| it.address = SNAT));
}

#[test]
fn what_is_for_another_host_is_sent_on_by_who_answers_and_by_nobody_else() {
    let elsewhere = |it: &mut PlannedPortForwarding| {
        it.port_id = PortId::from(uuid(12));
        it.host_mac = MacAddr::local(8);
    };
    assert!(second(elsewhere));
    // To itself it sends nothing on.
    assert!(!second(|it| {
        elsewhere(it);
        it.host_mac = MacAddr::local(9);
    }));
    let mut other = forwarding(50, 80);
    elsewhere(&mut other);
    other.answered = Answered::Elsewhere;
    assert_eq!(with(&[other]).forwardings.len(), 0);
}
