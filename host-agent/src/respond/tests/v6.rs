//! DHCPv6, as clients speak it.

use dhcproto::v6::{DhcpOption, IAAddr, IANA, Message, MessageType, OptionCode, Status};
use dhcproto::{Decodable, Encodable};

use super::*;

const CLIENT: [u8; 10] = [0, 3, 0, 1, 1, 2, 3, 4, 5, 6];
const OWN: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);
const NEAR: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 6);
const FAR: Ipv6Addr = Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 5);

pub(super) fn message(kind: MessageType, options: Vec<DhcpOption>) -> Message {
    let mut message = Message::new(kind);
    for option in options {
        message.opts_mut().insert(option);
    }
    message
}

fn ask_at(port: &Port, message: &Message) -> Option<Message> {
    let frame = ipv6_frame((546, 547), &message.to_vec().unwrap());
    let answer = frame_of(Question::Dhcpv6, &frame, &port.config())?;
    let answer = Message::from_bytes(&payload(&answer, (547, 546))).unwrap();
    assert_eq!(answer.xid(), message.xid());
    Some(answer)
}

fn ask(kind: MessageType, options: Vec<DhcpOption>) -> Option<Message> {
    ask_at(&port(), &message(kind, options))
}

fn client() -> DhcpOption {
    DhcpOption::ClientId(CLIENT.to_vec())
}

fn server() -> DhcpOption {
    let own = [&[0, 3, 0, 1][..], &port().config().gateway_mac.octets()].concat();
    DhcpOption::ServerId(own)
}

fn association(id: u32, addresses: &[Ipv6Addr]) -> DhcpOption {
    let addresses = addresses.iter().map(|addr| {
        DhcpOption::IAAddr(IAAddr {
            addr: *addr,
            preferred_life: 0,
            valid_life: 0,
            opts: [].into_iter().collect(),
        })
    });
    DhcpOption::IANA(IANA {
        id,
        t1: 0,
        t2: 0,
        opts: addresses.collect(),
    })
}

/// The addresses of an association in an answer, with how long they are valid.
fn given(answer: &Message) -> Vec<(u32, Vec<(Ipv6Addr, u32)>)> {
    let associations = answer.opts().iter().filter_map(|option| match option {
        DhcpOption::IANA(association) => Some(association),
        _ => None,
    });
    let addresses = |association: &IANA| {
        let addresses = association.opts.iter().filter_map(|option| match option {
            DhcpOption::IAAddr(it) => Some((it.addr, it.valid_life)),
            _ => None,
        });
        (association.id, addresses.collect())
    };
    associations.map(addresses).collect()
}

fn status(answer: &Message) -> Option<Status> {
    match answer.opts().get(OptionCode::StatusCode) {
        Some(DhcpOption::StatusCode(it)) => Some(it.status),
        _ => None,
    }
}

#[test]
fn a_solicitation_is_offered_the_ports_address_and_all_that_goes_with_it() {
    let answer = ask(MessageType::Solicit, vec![client(), association(9, &[])]).unwrap();
    assert_eq!(answer.msg_type(), MessageType::Advertise);
    assert_eq!(given(&answer), [(9, vec![(OWN, A_DAY)])]);
    assert_eq!(answer.opts().get(OptionCode::ClientId), Some(&client()));
    assert_eq!(answer.opts().get(OptionCode::ServerId), Some(&server()));
    let resolvers = ["2620:fe::fe", "2620:fe::9"].map(|it| it.parse().unwrap());
    let dns = DhcpOption::DomainNameServers(resolvers.to_vec());
    assert_eq!(answer.opts().get(OptionCode::DomainNameServers), Some(&dns));
    let Some(DhcpOption::DomainSearchList(domains)) =
        answer.opts().get(OptionCode::DomainSearchList)
    else {
        panic!("{answer:?}");
    };
    assert_eq!(domains[0].to_string().trim_end_matches('.'), "web.example");
}

#[test]
fn rapid_commit_saves_a_round_trip() {
    let options = vec![client(), association(9, &[]), DhcpOption::RapidCommit];
    let answer = ask(MessageType::Solicit, options).unwrap();
    assert_eq!(answer.msg_type(), MessageType::Reply);
    assert!(answer.opts().get(OptionCode::RapidCommit).is_some());
    assert_eq!(given(&answer), [(9, vec![(OWN, A_DAY)])]);
}

#[test]
fn requests_and_renewals_are_given_the_address_and_others_are_taken_back() {
    let named = association(9, &[NEAR]);
    for (kind, options) in [
        (
            MessageType::Request,
            vec![client(), server(), named.clone()],
        ),
        (MessageType::Renew, vec![client(), server(), named.clone()]),
        (MessageType::Rebind, vec![client(), named]),
    ] {
        let answer = ask(kind, options).unwrap();
        assert_eq!(answer.msg_type(), MessageType::Reply);
        let expected = vec![(OWN, A_DAY), (NEAR, 0)];
        assert_eq!(given(&answer), [(9, expected)], "{kind:?}");
    }
}

#[test]
fn a_second_association_is_told_that_there_are_no_more_addresses() {
    let options = vec![client(), association(1, &[]), association(2, &[])];
    let answer = ask(MessageType::Solicit, options).unwrap();
    let mut given: Vec<_> = given(&answer).into_iter().map(|(_, it)| it).collect();
    given.sort();
    assert_eq!(given, [vec![], vec![(OWN, A_DAY)]]);
}

#[test]
fn a_client_learns_whether_its_addresses_belong_here() {
    let confirm = |addresses: &[Ipv6Addr]| {
        let answer = ask(
            MessageType::Confirm,
            vec![client(), association(9, addresses)],
        );
        answer.map(|answer| status(&answer).unwrap())
    };
    assert_eq!(confirm(&[OWN]), Some(Status::Success));
    assert_eq!(confirm(&[NEAR]), Some(Status::Success));
    assert_eq!(confirm(&[OWN, FAR]), Some(Status::NotOnLink));
    assert_eq!(confirm(&[]), None);
}

#[test]
fn releases_are_heard_and_information_is_given_without_an_address() {
    for kind in [MessageType::Release, MessageType::Decline] {
        let options = vec![client(), server(), association(9, &[OWN])];
        let answer = ask(kind, options).unwrap();
        assert_eq!(status(&answer), Some(Status::Success));
        assert_eq!(given(&answer), []);
    }
    let answer = ask(MessageType::InformationRequest, vec![]).unwrap();
    assert!(answer.opts().get(OptionCode::DomainNameServers).is_some());
    assert_eq!(given(&answer), []);
}

#[test]
fn what_names_no_client_or_another_server_is_not_answered() {
    let other = DhcpOption::ServerId(vec![0, 3, 0, 1, 9, 9, 9, 9, 9, 9]);
    let wanted = association(9, &[]);
    for (kind, options) in [
        (MessageType::Solicit, vec![wanted.clone()]),
        (
            MessageType::Solicit,
            vec![client(), server(), wanted.clone()],
        ),
        (MessageType::Request, vec![client(), wanted.clone()]),
        (
            MessageType::Request,
            vec![client(), other.clone(), wanted.clone()],
        ),
        (MessageType::Rebind, vec![client(), server(), wanted]),
        (MessageType::InformationRequest, vec![other]),
        (MessageType::Advertise, vec![client()]),
        (MessageType::Reply, vec![client(), server()]),
    ] {
        assert_eq!(ask(kind, options.clone()), None, "{kind:?} {options:?}");
    }
}

#[test]
fn without_dhcp_nothing_is_answered() {
    let port = port().without_dhcp();
    let message = message(MessageType::Solicit, vec![client(), association(9, &[])]);
    assert_eq!(ask_at(&port, &message), None);
}
