use proptest::prelude::*;

use super::*;

/// What a real daemon sent, by name.
fn recorded(name: &str) -> BytesMut {
    let lines = include_str!("../../../tests/data/libvirt/replies.txt").lines();
    let mut found = lines.filter_map(|line| line.split_once(' '));
    let (_, digits) = found.find(|(start, _)| *start == name).unwrap();
    let digits = digits.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16));
    bytes.map(Result::unwrap).collect()
}

fn taken(name: &str) -> Message {
    let mut buffer = recorded(name);
    let message = take_message(&mut buffer).unwrap().unwrap();
    assert!(buffer.is_empty(), "{name}");
    message
}

fn body(name: &str) -> Bytes {
    let Message::Reply { outcome, .. } = taken(name) else {
        panic!("{name} is no reply");
    };
    outcome.unwrap()
}

const DOMAIN: Uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_5555_5555_5555);

#[test]
fn what_a_real_daemon_answers_is_understood() {
    assert_eq!(decode_authentication(&body("authentication")), Ok(vec![0]));
    assert!(body("open").is_empty());
    assert_eq!(decode_version(&body("version")).unwrap(), "9.0.0");
    let domains = decode_domains(&body("active")).unwrap();
    let domain = DomainRef {
        name: "t1".to_owned(),
        uuid: DOMAIN,
        run: 1,
    };
    assert_eq!(domains, [domain]);
    assert_eq!(decode_domains(&body("paused")), Ok(Vec::new()));
}

#[test]
fn a_refusal_is_understood_as_one() {
    let Message::Reply { serial, outcome } = taken("gone") else {
        panic!("no reply");
    };
    let fault = outcome.unwrap_err();
    assert_eq!(serial, 16);
    assert!(fault.is_gone());
    assert!(fault.message.starts_with("Domain not found: "), "{fault}");
}

#[test]
fn an_event_names_its_domain() {
    let domain = Some(DOMAIN);
    assert_eq!(taken("event"), Message::Event { domain });
}

#[test]
fn a_message_that_is_not_all_there_is_waited_for() {
    let whole = recorded("active");
    for end in 0..whole.len() {
        let mut cut = BytesMut::from(&whole[..end]);
        assert!(take_message(&mut cut).unwrap().is_none(), "cut at {end}");
        assert_eq!(cut.len(), end, "nothing is taken");
    }
}

#[test]
fn a_length_that_cannot_be_is_an_error_before_anything_is_kept() {
    for length in [0, 27, u32::MAX, (8 << 20) + 1] {
        let mut bytes = BytesMut::from(&length.to_be_bytes()[..]);
        assert!(take_message(&mut bytes).is_err(), "{length}");
    }
}

#[test]
fn a_list_that_claims_more_than_it_has_is_an_error() {
    let claims = Writer::default().u32(16_384).finish();
    assert_eq!(decode_domains(&claims), Err(XdrError::CutShort));
    let claims = Writer::default().u32(16_385).finish();
    assert!(decode_domains(&claims).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_take_more_than_is_there(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        length in 0_u32..64,
    ) {
        let header = [length + 28, REMOTE, VERSION, 273, 1, 1, length % 3];
        let header = header.into_iter().flat_map(u32::to_be_bytes);
        let mut buffer: BytesMut = header.chain(bytes.iter().copied()).collect();
        let _ = take_message(&mut buffer);
        let _ = take_message(&mut BytesMut::from(&bytes[..]));
        let _ = (decode_authentication(&bytes), decode_version(&bytes), decode_xml(&bytes));
        let domains = decode_domains(&bytes).unwrap_or_default();
        prop_assert!(domains.len() * 24 <= bytes.len());
    }
}

#[test]
fn another_protocol_is_refused() {
    let mut bytes = recorded("open");
    bytes[4] = 0x30;
    let error = take_message(&mut bytes).unwrap_err();
    assert!(matches!(error, ProtocolError::Program { .. }));
}

#[test]
fn signs_of_life_are_asked_and_answered() {
    // The daemon's own answer is what ours has to look like.
    assert_eq!(encode_pong(), recorded("pong"));
    let mut ping = BytesMut::from(&encode_pong()[..]);
    ping[15] = 1;
    assert_eq!(take_message(&mut ping).unwrap(), Some(Message::Ping));
}

#[test]
fn a_call_is_made_as_virsh_makes_it() {
    let call = encode_call(Procedure::Open, 2, open("qemu:///system"));
    let header = [56, REMOTE, 1, 1, 0, 2, 0, 1, 14];
    let header: Vec<u8> = header.iter().copied().flat_map(u32::to_be_bytes).collect();
    assert_eq!(call[..36], header);
    assert_eq!(call[36..], *b"qemu:///system\0\0\0\0\0\0");
}
