use proptest::prelude::*;
use serde_json::json;

use super::*;

const LIMITS: Limits = Limits {
    frame_bytes: 64,
    depth: 4,
};

/// Every message in these pieces, or why there are no more.
fn frames(pieces: &[&[u8]], limits: Limits) -> Result<Vec<String>, FrameError> {
    let mut reader = FrameReader::new(limits);
    let mut frames = Vec::new();
    for piece in pieces {
        reader.buffer_mut().extend_from_slice(piece);
        while let Some(frame) = reader.next_frame()? {
            frames.push(String::from_utf8(frame.to_vec()).unwrap());
        }
    }
    Ok(frames)
}

const STREAM: &str = concat!(
    r#"{"a":"}"}{"b":["\"]","\\"]}"#,
    " \n",
    r#"{}{"c":{"d":[[]]}}"#,
    "\t",
    r#"{"\\\"{":"é🦀"}"#
);

#[test]
fn messages_split_at_any_byte_or_joined_are_the_same() {
    let whole = frames(&[STREAM.as_bytes()], LIMITS).unwrap();
    assert_eq!(whole.len(), 5);
    for cut in 0..STREAM.len() {
        let (head, tail) = STREAM.as_bytes().split_at(cut);
        assert_eq!(
            frames(&[head, tail], LIMITS).unwrap(),
            whole,
            "cut at {cut}"
        );
    }
    let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
    assert_eq!(frames(&bytes, LIMITS).unwrap(), whole);
}

#[test]
fn limits_hold_to_the_byte_and_the_level() {
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert!(frames(&[long(64).as_bytes()], LIMITS).is_ok());
    let too_long = Err(FrameError::TooLong(64));
    assert_eq!(frames(&[long(65).as_bytes()], LIMITS), too_long);
    assert_eq!(
        frames(&[b"{\"a\"", &[b' '; 90]], LIMITS),
        too_long,
        "unfinished"
    );
    assert!(frames(&[br#"{"a":[[[]]]}"#], LIMITS).is_ok());
    let too_deep = Err(FrameError::TooDeep(4));
    assert_eq!(frames(&[br#"{"a":[[[["#], LIMITS), too_deep);
    for garbage in [&b"x"[..], b"[", b"}", b" 5", b"\xff"] {
        assert!(matches!(
            frames(&[garbage], LIMITS),
            Err(FrameError::NotAnObject(_))
        ));
    }
}

proptest! {
    #[test]
    fn any_objects_come_out_as_they_went_in(
        texts in prop::collection::vec(any::<String>(), 1..8),
        cuts in prop::collection::vec(1..20_usize, 1..50),
    ) {
        let messages: Vec<String> = texts.iter().map(|t| json!({t: [t, {"k": t}]}).to_string()).collect();
        let stream = messages.concat();
        let mut rest = stream.as_bytes();
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(frames(&pieces, Limits::default()).unwrap(), messages);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = FrameReader::new(LIMITS);
        reader.buffer_mut().extend_from_slice(b"{");
        reader.buffer_mut().extend_from_slice(&bytes);
        while let Ok(Some(frame)) = reader.next_frame() {
            let _ = Message::decode(&frame);
        }
    }
}

#[test]
fn messages_are_told_apart() {
    let request = br#"{"method":"echo","params":[1],"id":"x"}"#;
    let Message::Request { id, method, params } = Message::decode(request).unwrap() else {
        panic!();
    };
    assert_eq!(
        (id.get(), method.as_ref(), params.get()),
        ("\"x\"", "echo", "[1]")
    );

    let notification = br#"{"method":"up\u0064ate","params":[],"id":null}"#;
    let told = Message::decode(notification).unwrap();
    assert!(matches!(told, Message::Notification { method, .. } if method == "update"));

    let response = br#"{"id":7,"result":null,"error":null}"#;
    let Message::Response { id, outcome } = Message::decode(response).unwrap() else {
        panic!();
    };
    assert_eq!((id.get(), outcome.unwrap().get()), ("7", "null"));
    assert!(Message::decode(b"{}").is_ok_and(|m| matches!(m, Message::Response { .. })));
    assert!(Message::decode(br#"{"method":5}"#).is_err());
}

#[test]
fn refusals_are_read_in_every_form() {
    let refusal = |error: serde_json::Value| {
        let frame = json!({"id": 1, "error": error}).to_string();
        match Message::decode(frame.as_bytes()).unwrap() {
            Message::Response { outcome, .. } => outcome.unwrap_err(),
            other => panic!("{other:?}"),
        }
    };
    let of = |error: &str, details: &str| Refusal {
        error: error.to_owned(),
        details: details.to_owned(),
    };
    assert_eq!(refusal(json!("unknown method")), of("unknown method", ""));
    let object = json!({"error": "e", "details": "d", "syntax": "s"});
    assert_eq!(refusal(object.clone()), of("e", "d"));
    assert_eq!(refusal(json!([object])), of("e", "d"));
    assert_eq!(refusal(json!({"error": "e"})), of("e", ""));
    assert_eq!(refusal(json!(5)), of("unknown error", "5"));
}

#[test]
fn what_is_sent_is_as_the_rfc_has_it() {
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let request = encode_request(5, "get_schema", &["db"]).unwrap();
    assert_eq!(
        text(request),
        r#"{"method":"get_schema","params":["db"],"id":5}"#
    );
    let cancel = encode_notification("cancel", &[5]).unwrap();
    assert_eq!(
        text(cancel),
        r#"{"method":"cancel","params":[5],"id":null}"#
    );
    let echo: &RawValue = serde_json::from_str("[ 1 ]").unwrap();
    let answer = encode_response(RawValue::NULL, echo).unwrap();
    assert_eq!(text(answer), r#"{"id":null,"result":[ 1 ],"error":null}"#);
}
