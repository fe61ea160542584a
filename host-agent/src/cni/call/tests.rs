use super::*;

const PORT: &str = "0192f0c1-2f4b-7a30-8000-0000000000aa";

fn read(variables: &[(&str, &str)], configuration: &str) -> Result<Call, Failure> {
    let environment = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Call::read(&environment, configuration.as_bytes())
}

const ADD: [(&str, &str); 4] = [
    ("CNI_COMMAND", "ADD"),
    ("CNI_CONTAINERID", "c1"),
    ("CNI_IFNAME", "eth0"),
    ("CNI_NETNS", "/run/netns/c1"),
];

fn with_arguments(arguments: &'static str) -> Vec<(&'static str, &'static str)> {
    [ADD.as_slice(), &[("CNI_ARGS", arguments)]].concat()
}

#[test]
fn a_port_is_named_in_the_configuration_by_the_runtime_or_in_the_arguments() {
    let bare = r#"{"cniVersion":"1.1.0","name":"n","runtimeConfig":{}}"#;
    let listed = format!(r#"{{"cniVersion":"1.1.0","name":"n","bulkhead":{{"port":"{PORT}"}}}}"#);
    let told = format!(
        r#"{{"cniVersion":"1.0.0","name":"n","runtimeConfig":{{"bulkhead":{{"port":"{PORT}"}}}}}}"#
    );
    let expected = Some(Which::Port(PORT.parse().unwrap()));
    assert_eq!(read(&ADD, &listed).unwrap().which, expected);
    assert_eq!(read(&ADD, &told).unwrap().which, expected);
    let arguments =
        with_arguments("IgnoreUnknown=1;BULKHEAD_PORT=0192f0c1-2f4b-7a30-8000-0000000000aa");
    assert_eq!(read(&arguments, bare).unwrap().which, expected);
}

#[test]
fn what_is_said_twice_must_be_the_same() {
    let listed = format!(r#"{{"cniVersion":"1.1.0","name":"n","bulkhead":{{"port":"{PORT}"}}}}"#);
    let same = with_arguments("BULKHEAD_PORT=0192f0c1-2f4b-7a30-8000-0000000000aa");
    assert!(read(&same, &listed).is_ok());
    let other = with_arguments("BULKHEAD_PORT=0192f0c1-2f4b-7a30-8000-0000000000bb");
    let failure = read(&other, &listed).unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Configuration);
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let failure = read(
        &[("CNI_COMMAND", "ADD")],
        r#"{"cniVersion":"0.4.0","name":"n"}"#,
    );
    let failure = failure.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Environment);
    let text = failure.json(Some("0.4.0")).to_string();
    for name in ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn an_older_version_and_a_setting_that_is_none_are_refused() {
    let old = read(&ADD, r#"{"cniVersion":"0.2.0","name":"n"}"#).unwrap_err();
    assert_eq!(old.code(), ErrorCode::Version);
    let typo = r#"{"cniVersion":"1.1.0","name":"n","bulkhead":{"netwrok":"web"}}"#;
    assert_eq!(read(&ADD, typo).unwrap_err().code(), ErrorCode::Decoding);
}

#[test]
fn collecting_needs_a_list_and_takes_an_empty_one() {
    let gc = [("CNI_COMMAND", "GC")];
    let without = r#"{"cniVersion":"1.1.0","name":"n","bulkhead":{"network":"web"}}"#;
    assert!(read(&gc, without).is_err());
    let empty = r#"{"cniVersion":"1.1.0","name":"n","bulkhead":{"network":"web"},
        "cni.dev/valid-attachments":[]}"#;
    let expected = Command::Collect { valid: Vec::new() };
    assert_eq!(read(&gc, empty).unwrap().command, expected);
}

#[test]
fn an_address_is_for_a_new_port_only() {
    let with_ip = r#"{"cniVersion":"1.1.0","name":"n","bulkhead":{"network":"web"},
        "runtimeConfig":{"ips":["10.0.0.9/24"],"mac":"52:54:00:00:00:09"}}"#;
    let call = read(&ADD, with_ip).unwrap();
    assert_eq!(call.addresses, ["10.0.0.9".parse::<IpAddr>().unwrap()]);
    let arguments = with_arguments("BULKHEAD_PORT=0192f0c1-2f4b-7a30-8000-0000000000aa");
    assert!(read(&arguments, with_ip).is_err());
}

proptest::proptest! {
    #[test]
    fn anything_is_a_call_or_an_error(input: Vec<u8>, arguments: String) {
        let environment = |name: &str| match name {
            "CNI_COMMAND" => Some("ADD".to_owned()),
            "CNI_ARGS" => Some(arguments.clone()),
            other => Some(format!("{other} {arguments}")),
        };
        let _ = Call::read(&environment, &input);
        let text = String::from_utf8_lossy(&input).into_owned();
        let configuration = serde_json::json!({
            "cniVersion": "1.1.0", "name": text, "bulkhead": {"network": text},
            "runtimeConfig": {"ips": [text], "mac": text},
        });
        let _ = Call::read(&environment, configuration.to_string().as_bytes());
    }
}
