//! Names of a network's ports, and what is asked elsewhere.

use super::*;

const A: u16 = 1;
const SOA: u16 = 6;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const AXFR: u16 = 252;

const NUMBER: [u8; 2] = [0x12, 0x34];

/// The port of the other tests on a network whose gateways are resolvers.
fn asking(forward: &[&str]) -> Port {
    let mut port = port();
    for subnet in &mut port.subnets {
        subnet.handout.dns_names = true;
        subnet.handout.domain = Some("web.example".parse().unwrap());
        subnet.handout.dns_forward = forward.iter().map(|it| it.parse().unwrap()).collect();
    }
    let named = |name: &str, addresses: &[&str]| NamedPort {
        name: name.parse().unwrap(),
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
    };
    port.names = vec![
        named("web1", &["10.0.0.5", "fd00::5"]),
        named("Db", &["10.0.0.9", "10.0.0.10"]),
        named("web1", &["10.0.0.77"]),
    ];
    port
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|it| !it.is_empty());
    let labels = labels.flat_map(|it| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A query, with EDNS if a size is given.
fn query(name: &str, kind: u16, edns: Option<u16>) -> Vec<u8> {
    let mut out = [
        &NUMBER[..],
        &[1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())],
    ]
    .concat();
    out.extend(wire(name));
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    if let Some(size) = edns {
        out.extend([0, 0, 41]);
        out.extend(size.to_be_bytes());
        out.extend([0, 0, 0, 0, 0, 0]);
    }
    out
}

fn query_frame(message: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(mac().octets(), [0x0a, 0xbd, 0, 0, 0, 7])
        .ipv4([10, 0, 0, 5], [10, 0, 0, 1], 64)
        .udp(5353, 53);
    let mut frame = Vec::new();
    builder.write(&mut frame, message).unwrap();
    frame
}

/// The same to the gateway's IPv6 address.
fn query_frame_v6(message: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let builder = PacketBuilder::ethernet2(mac().octets(), [0x0a, 0xbd, 0, 0, 0, 7])
        .ipv6(address("fd00::5"), address("fd00::1"), 64)
        .udp(5353, 53);
    let mut frame = Vec::new();
    builder.write(&mut frame, message).unwrap();
    frame
}

fn ask_at(port: &Port, message: &[u8]) -> Option<Reply> {
    respond(Question::Dns, &query_frame(message), &port.config())
}

/// What is answered from the plan: the code, and the data of the answers.
fn told(name: &str, kind: u16) -> (u8, Vec<Vec<u8>>) {
    let reply = ask_at(&asking(&[]), &query(name, kind, None)).unwrap();
    let message = payload(&reply.into_frame().unwrap(), (53, 5353));
    assert_eq!(message[..2], NUMBER);
    assert_eq!(message[2] & 0x80, 0x80);
    let count = usize::from(u16::from_be_bytes([message[6], message[7]]));
    let mut rest = &message[12 + wire(name).len() + 4..];
    let mut data = Vec::new();
    for _ in 0..count {
        assert_eq!(rest[..2], [0xc0, 12]);
        let length = usize::from(u16::from_be_bytes([rest[10], rest[11]]));
        data.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length..];
    }
    (message[3] & 0xf, data)
}

fn v4(text: &str) -> Vec<u8> {
    text.parse::<Ipv4Addr>().unwrap().octets().to_vec()
}

#[test]
fn a_name_stands_for_the_addresses_of_all_ports_that_have_it() {
    let both = vec![v4("10.0.0.5"), v4("10.0.0.77")];
    assert_eq!(told("web1.web.example", A), (0, both));
    let six: Ipv6Addr = "fd00::5".parse().unwrap();
    assert_eq!(
        told("web1.web.example", AAAA),
        (0, vec![six.octets().to_vec()])
    );
    let two = vec![v4("10.0.0.9"), v4("10.0.0.10")];
    assert_eq!(told("DB.Web.eXample", A), (0, two));
    // It is there, but has none of these.
    assert_eq!(told("db.web.example", AAAA), (0, vec![]));
    assert_eq!(told("web.example", A), (0, vec![]));
    assert_eq!(told("web.example", SOA).1.len(), 1);
}

#[test]
fn an_unknown_name_of_the_domain_is_said_not_to_exist() {
    for name in ["web2.web.example", "a.web1.web.example", "_x.web.example"] {
        assert_eq!(told(name, A), (3, vec![]), "{name}");
    }
}

#[test]
fn an_address_of_the_network_has_its_ports_name() {
    let name = [&wire("web1")[..5], &wire("web.example")].concat();
    assert_eq!(told("5.0.0.10.in-addr.arpa", PTR), (0, vec![name.clone()]));
    let six = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
    assert_eq!(told(six, PTR), (0, vec![name]));
    assert_eq!(told("6.0.0.10.in-addr.arpa", PTR), (3, vec![]));
}

#[test]
fn other_names_are_refused_unless_somebody_may_be_asked() {
    for name in ["example", "other.example", "8.8.8.8.in-addr.arpa", "."] {
        assert_eq!(told(name, A), (5, vec![]), "{name}");
        let reply = ask_at(&asking(&["9.9.9.9"]), &query(name, A, None)).unwrap();
        assert!(matches!(reply, Reply::Ask(_)), "{name}");
    }
    // Nobody is asked for a whole zone.
    let reply = ask_at(&asking(&["9.9.9.9"]), &query("other.example", AXFR, None)).unwrap();
    assert!(reply.into_frame().is_some());
}

#[test]
fn a_gateway_that_is_no_resolver_answers_nothing() {
    let message = query("web1.web.example", A, None);
    assert!(ask_at(&port(), &message).is_none());
    let mut elsewhere = query_frame(&message);
    elsewhere[33] = 2; // To 10.0.0.2.
    let port = asking(&[]);
    assert!(respond(Question::Dns, &elsewhere, &port.config()).is_none());
    assert!(respond(Question::Dns, &query_frame_v6(&message), &port.config()).is_some());
}

#[test]
fn clients_are_told_of_a_gateway_that_is_a_resolver_before_all_others() {
    let port = asking(&[]);
    let resolvers = port.config().ipv4_resolvers();
    assert_eq!(
        resolvers[..2],
        [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(9, 9, 9, 9)]
    );
    let first: Ipv6Addr = "2620:fe::fe".parse().unwrap();
    assert_eq!(port.config().ipv6_resolvers()[0], first);
    assert!(
        port.config()
            .ipv6_resolvers()
            .contains(&"fd00::1".parse().unwrap())
    );
}

/// What is asked elsewhere for this query, and its number there.
fn pending(edns: Option<u16>) -> Pending {
    let reply = ask_at(&asking(&["9.9.9.9"]), &query("other.example", A, edns));
    match reply.unwrap() {
        Reply::Ask(pending) => pending,
        Reply::Frame(frame) => panic!("{frame:?}"),
    }
}

#[test]
fn only_an_answer_to_the_very_question_is_taken_and_goes_on_as_it_came() {
    let pending = pending(Some(1232));
    let question = pending.question(0xbeef).unwrap();
    assert_eq!(question[..2], [0xbe, 0xef]);
    assert_eq!(question[2..4], [1, 0]);
    let mut answer = [&question[..], &[9; 40]].concat();
    answer[2] = 0x81;
    assert!(pending.is_answered_by(&answer, 0xbeef));
    assert!(!pending.is_answered_by(&answer, 0xbeee));
    assert!(!pending.is_answered_by(&question, 0xbeef));
    let mut other = answer.clone();
    other[14] ^= 1;
    assert!(!pending.is_answered_by(&other, 0xbeef));
    for end in 0..12 + 15 + 4 {
        assert!(
            !pending.is_answered_by(&answer[..end], 0xbeef),
            "cut at {end}"
        );
    }
    let frame = pending.reply(Some(&answer)).unwrap();
    let message = payload(&frame, (53, 5353));
    assert_eq!(message[..2], NUMBER);
    assert_eq!(message[2..], answer[2..]);
}

#[test]
fn an_answer_that_the_asker_cannot_take_is_truncated_and_none_is_a_failure() {
    let long = vec![7; 513];
    let message = payload(&pending(None).reply(Some(&long)).unwrap(), (53, 5353));
    assert_eq!(message[2] & 2, 2);
    assert!(message.len() < 50);
    let message = payload(&pending(Some(4096)).reply(Some(&long)).unwrap(), (53, 5353));
    assert_eq!(message[2..], long[2..]);
    let too_long = vec![7; 1233];
    let message = payload(
        &pending(Some(4096)).reply(Some(&too_long)).unwrap(),
        (53, 5353),
    );
    assert_eq!(message[2] & 2, 2);
    let message = payload(&pending(None).reply(None).unwrap(), (53, 5353));
    assert_eq!(message[3] & 0xf, 2);
}

#[test]
fn an_answer_of_our_own_that_the_asker_cannot_take_says_that_there_is_more() {
    let mut port = asking(&[]);
    port.names = (0..40)
        .map(|n| NamedPort {
            name: "web1".parse().unwrap(),
            addresses: [Ipv4Addr::new(10, 0, 0, 100 + n).into()].into(),
        })
        .collect();
    let answer = |edns| {
        let reply = ask_at(&port, &query("web1.web.example", A, edns)).unwrap();
        payload(&reply.into_frame().unwrap(), (53, 5353))
    };
    // TC, RFC 1035 §4.1.1, and no record: half an answer would be taken for all of it.
    let message = answer(None);
    assert_eq!((message[2] & 2, &message[6..8]), (2, &[0, 0][..]));
    let message = answer(Some(1232));
    assert_eq!((message[2] & 2, &message[6..8]), (0, &[0, 40][..]));
}

#[test]
fn what_is_no_plain_question_is_dropped_wherever_it_is_cut_or_changed() {
    let port = asking(&["9.9.9.9"]);
    let whole = query("web1.web.example", A, Some(1232));
    for end in 0..whole.len() {
        assert!(ask_at(&port, &whole[..end]).is_none(), "cut at {end}");
    }
    let mut answer = whole.clone();
    answer[2] = 0x80;
    assert!(ask_at(&port, &answer).is_none());
    let mut two = whole.clone();
    two[5] = 2;
    assert!(ask_at(&port, &two).is_none());
    // A name that points elsewhere.
    let mut pointing = whole.clone();
    pointing[12] = 0xc0;
    assert!(ask_at(&port, &pointing).is_none());
    let labels = vec!["a".repeat(60); 5].join(".");
    assert!(ask_at(&port, &query(&labels, A, None)).is_none());
}
