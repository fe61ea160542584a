//! DHCPv4, as clients speak it.

use dhcproto::v4::{DhcpOption, Flags, HType, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Encodable};

use super::*;

const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn message(kind: MessageType, has: Ipv4Addr, options: Vec<DhcpOption>) -> Message {
    let mut message = Message::new(has, NOBODY, NOBODY, NOBODY, &mac().octets());
    message.set_xid(0x1234_5678);
    let kind = [DhcpOption::MessageType(kind)];
    for option in kind.into_iter().chain(options) {
        message.opts_mut().insert(option);
    }
    message
}

fn ask_at(port: &Port, message: &Message) -> Option<Message> {
    let from = message.ciaddr();
    let frame = ipv4_frame(from, (68, 67), &message.to_vec().unwrap());
    let answer = frame_of(Question::Dhcpv4, &frame, &port.config())?;
    let answer = Message::from_bytes(&payload(&answer, (67, 68))).unwrap();
    assert_eq!(answer.opcode(), Opcode::BootReply);
    assert_eq!(answer.htype(), HType::Eth);
    assert_eq!(answer.xid(), message.xid());
    assert_eq!(answer.chaddr(), mac().octets());
    Some(answer)
}

fn ask(kind: MessageType, has: Ipv4Addr, options: Vec<DhcpOption>) -> Option<Message> {
    ask_at(&port(), &message(kind, has, options))
}

fn kind(answer: &Message) -> MessageType {
    answer.opts().msg_type().unwrap()
}

#[test]
fn a_discovery_is_offered_the_ports_address_and_all_that_goes_with_it() {
    let offer = ask(MessageType::Discover, NOBODY, vec![]).unwrap();
    assert_eq!(kind(&offer), MessageType::Offer);
    assert_eq!(offer.yiaddr(), OWN);
    let expected = [
        DhcpOption::ServerIdentifier(SERVER),
        DhcpOption::AddressLeaseTime(A_DAY),
        DhcpOption::SubnetMask([255, 255, 255, 0].into()),
        DhcpOption::BroadcastAddr([10, 0, 0, 255].into()),
        DhcpOption::Router(vec![SERVER]),
        DhcpOption::DomainNameServer(vec![[9, 9, 9, 9].into(), [149, 112, 112, 112].into()]),
        DhcpOption::DomainName("web.example".into()),
        DhcpOption::Hostname("web1".into()),
        DhcpOption::InterfaceMtu(1450),
    ];
    for option in expected {
        assert_eq!(offer.opts().get(OptionCode::from(&option)), Some(&option));
    }
    let Some(DhcpOption::ClasslessStaticRoute(routes)) =
        offer.opts().get(OptionCode::ClasslessStaticRoute)
    else {
        panic!("{offer:?}");
    };
    let routes: Vec<String> = routes
        .iter()
        .map(|(to, via)| format!("{to} {via}"))
        .collect();
    let expected = [
        "10.9.0.0/16 10.0.0.7",
        "10.8.1.128/25 10.0.0.8",
        "0.0.0.0/0 10.0.0.1",
    ];
    assert_eq!(routes, expected);
}

#[test]
fn a_request_for_the_own_address_is_acknowledged_and_for_another_refused() {
    let requested = |it| DhcpOption::RequestedIpAddress(it);
    let chosen = DhcpOption::ServerIdentifier(SERVER);
    // Selecting, after a restart, renewing (RFC 2131 table 4).
    for (has, options, expected) in [
        (
            NOBODY,
            vec![requested(OWN), chosen.clone()],
            MessageType::Ack,
        ),
        (NOBODY, vec![requested(OTHER), chosen], MessageType::Nak),
        (NOBODY, vec![requested(OWN)], MessageType::Ack),
        (NOBODY, vec![requested(OTHER)], MessageType::Nak),
        (OWN, vec![], MessageType::Ack),
        (OTHER, vec![], MessageType::Nak),
    ] {
        let answer = ask(MessageType::Request, has, options.clone()).unwrap();
        assert_eq!(kind(&answer), expected, "{has} {options:?}");
        let given = if expected == MessageType::Ack {
            OWN
        } else {
            NOBODY
        };
        assert_eq!(answer.yiaddr(), given);
        let has_lease = answer.opts().contains(OptionCode::AddressLeaseTime);
        assert_eq!(has_lease, expected == MessageType::Ack);
    }
}

#[test]
fn what_is_for_another_server_or_asks_nothing_is_not_answered() {
    let other = DhcpOption::ServerIdentifier(OTHER);
    let own = DhcpOption::RequestedIpAddress(OWN);
    assert_eq!(
        ask(MessageType::Request, NOBODY, vec![own.clone(), other]),
        None
    );
    assert_eq!(ask(MessageType::Request, NOBODY, vec![]), None);
    assert_eq!(ask(MessageType::Release, OWN, vec![]), None);
    assert_eq!(ask(MessageType::Decline, NOBODY, vec![own]), None);
    assert_eq!(ask(MessageType::Offer, NOBODY, vec![]), None);
    assert_eq!(ask(MessageType::Inform, OTHER, vec![]), None);
}

#[test]
fn who_informs_is_told_everything_but_an_address() {
    let answer = ask(MessageType::Inform, OWN, vec![]).unwrap();
    assert_eq!(kind(&answer), MessageType::Ack);
    assert_eq!(answer.yiaddr(), NOBODY);
    assert!(!answer.opts().contains(OptionCode::AddressLeaseTime));
    assert!(answer.opts().contains(OptionCode::InterfaceMtu));
}

#[test]
fn an_answer_goes_by_broadcast_only_to_who_cannot_hear_otherwise() {
    let destination = |flags, has, kind, options| {
        let mut message = message(kind, has, options);
        message.set_flags(flags);
        let frame = ipv4_frame(has, (68, 67), &message.to_vec().unwrap());
        let answer = frame_of(Question::Dhcpv4, &frame, &port().config()).unwrap();
        (
            answer[..6].to_vec(),
            Ipv4Addr::from([answer[30], answer[31], answer[32], answer[33]]),
        )
    };
    let unicast = (mac().octets().to_vec(), OWN);
    let broadcast = (vec![0xff; 6], Ipv4Addr::BROADCAST);
    let (plain, asked) = (Flags::default(), Flags::default().set_broadcast());
    let discover = MessageType::Discover;
    assert_eq!(destination(plain, NOBODY, discover, vec![]), unicast);
    assert_eq!(destination(asked, NOBODY, discover, vec![]), broadcast);
    assert_eq!(
        destination(asked, OWN, MessageType::Request, vec![]),
        unicast
    );
    assert_eq!(
        destination(plain, OTHER, MessageType::Request, vec![]),
        broadcast
    );
}

#[test]
fn the_clients_own_identifier_comes_back() {
    let id = DhcpOption::ClientIdentifier(vec![1, 2, 3]);
    let offer = ask(MessageType::Discover, NOBODY, vec![id.clone()]).unwrap();
    assert_eq!(offer.opts().get(OptionCode::ClientIdentifier), Some(&id));
}

#[test]
fn who_claims_another_ethernet_address_or_a_relay_is_not_answered() {
    let port = port();
    let mut other = message(MessageType::Discover, NOBODY, vec![]);
    other.set_chaddr(&MacAddr::local(6).octets());
    assert_eq!(ask_at(&port, &other), None);
    let mut relayed = message(MessageType::Discover, NOBODY, vec![]);
    relayed.set_giaddr(OTHER);
    assert_eq!(ask_at(&port, &relayed), None);
    let discover = message(MessageType::Discover, NOBODY, vec![]);
    let mut frame = ipv4_frame(NOBODY, (68, 67), &discover.to_vec().unwrap());
    frame[6..12].copy_from_slice(&MacAddr::local(6).octets());
    assert_eq!(frame_of(Question::Dhcpv4, &frame, &port.config()), None);
}

#[test]
fn a_port_without_an_address_or_dhcp_gets_nothing() {
    let discover = message(MessageType::Discover, NOBODY, vec![]);
    let mut bare = port();
    bare.addresses.remove(0);
    assert_eq!(ask_at(&bare, &discover), None);
    assert_eq!(ask_at(&port().without_dhcp(), &discover), None);
}

#[test]
fn a_prefix_of_one_address_has_no_router_and_still_a_server() {
    let single = Port {
        subnets: vec![subnet("10.0.0.5/32", "10.0.0.5", serde_json::json!({}))],
        ..port()
    };
    let offer = ask_at(&single, &message(MessageType::Discover, NOBODY, vec![])).unwrap();
    assert_eq!(offer.yiaddr(), OWN);
    assert!(!offer.opts().contains(OptionCode::Router));
    let server = DhcpOption::ServerIdentifier([169, 254, 0, 1].into());
    assert_eq!(
        offer.opts().get(OptionCode::ServerIdentifier),
        Some(&server)
    );
}
