use proptest::prelude::*;

use super::*;

fn form(json: &str) -> RuleForm {
    serde_json::from_str(json).unwrap()
}

fn faults(json: &str) -> Vec<&'static str> {
    let faults = form(json).check().unwrap_err();
    faults.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn a_rule_is_written_and_read_field_by_field() {
    let text = r#"{"id":"01920f5e-7c1a-7000-8000-0123456789ab","direction":"ingress",
        "family":"ipv4","protocol":"tcp","ports":"8000-8100","remote_cidr":"10.0.0.0/8","logged":true}"#;
    let rule: Rule = serde_json::from_str(text).unwrap();
    assert_eq!(rule.allows.family, Some(Family::Ipv4));
    assert_eq!(
        rule.allows.protocol,
        Protocol::Tcp(PortRange::new(8000, 8100).ok())
    );
    let again = serde_json::to_value(&rule).unwrap();
    let before: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(again, before);
}

#[test]
fn the_family_follows_from_the_prefix_and_the_protocol() {
    let family = |json| form(json).check().unwrap().family;
    assert_eq!(
        family(r#"{"direction":"egress","remote_cidr":"fd00::/8"}"#),
        Some(Family::Ipv6)
    );
    assert_eq!(
        family(r#"{"direction":"egress","protocol":"icmp"}"#),
        Some(Family::Ipv4)
    );
    assert_eq!(family(r#"{"direction":"egress","protocol":"6"}"#), None);
    let all = form(r#"{"direction":"egress","remote_cidr":"0.0.0.0/0"}"#).check();
    let all = all.unwrap();
    assert_eq!((all.family, all.remote), (Some(Family::Ipv4), Remote::Any));
}

#[test]
fn every_field_that_does_not_fit_is_named() {
    for (json, expected) in [
        (r#"{"direction":"ingress","ports":"80"}"#, vec!["ports"]),
        (
            r#"{"direction":"ingress","protocol":"icmp","ports":"80","icmp_code":1}"#,
            vec!["ports", "icmp_code"],
        ),
        (
            r#"{"direction":"ingress","protocol":"tcp","icmp_type":8}"#,
            vec!["icmp_type"],
        ),
        (
            r#"{"direction":"ingress","family":"ipv6","protocol":"icmp","remote_cidr":"10.0.0.1/8"}"#,
            vec!["remote_cidr", "protocol", "remote_cidr"],
        ),
    ] {
        assert_eq!(faults(json), expected, "{json}");
    }
}

#[test]
fn protocols_that_have_names_are_known_by_their_numbers_too() {
    for (number, name) in [("1", "icmp"), ("6", "tcp"), ("17", "udp"), ("58", "icmpv6")] {
        let parsed: ProtocolName = number.parse().unwrap();
        assert_eq!(parsed.to_string(), name);
    }
    assert_eq!("47".parse(), Ok(ProtocolName::Other(47)));
    assert!("256".parse::<ProtocolName>().is_err());
}

proptest! {
    #[test]
    fn the_masks_of_a_range_are_just_its_ports(a: u16, b: u16, port: u16) {
        let range = PortRange::new(a.min(b), a.max(b)).unwrap();
        let masks = range.masks();
        prop_assert!(masks.len() <= 30);
        for port in [port, range.first(), range.last(), range.first().wrapping_sub(1), range.last().wrapping_add(1)] {
            let inside = (range.first()..=range.last()).contains(&port);
            let matching = masks.iter().filter(|(value, mask)| port & mask == *value).count();
            prop_assert_eq!(matching, usize::from(inside));
        }
        prop_assert_eq!(range.to_string().parse(), Ok(range));
    }
}
