use super::*;

fn flow(text: &str) -> Flow {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> ParseError {
    text.parse::<Flow>().expect_err(text)
}

#[test]
fn what_dump_flows_adds_is_ignored() {
    let dumped = " cookie=0x7, duration=12.5s, table=3, n_packets=1, n_bytes=60, idle_age=2, \
                  hard_age=3, priority=5,ip actions=drop";
    assert_eq!(
        flow(dumped),
        flow("cookie=0x7,table=3,priority=5,ip,actions=drop")
    );
    assert_eq!(
        flow(dumped).to_string(),
        "cookie=0x7, table=3, priority=5,ip actions=drop"
    );
}

#[test]
fn short_forms_are_understood() {
    let same = [
        (
            "tcp,tp_dst=80,actions=1",
            "ip,nw_proto=6,tcp_dst=80 actions=output:1",
        ),
        (
            "dl_vlan=0xffff,actions=strip_vlan",
            "vlan_tci=0x0000/0x1fff actions=pop_vlan",
        ),
        (
            "actions=mod_dl_src:02:00:00:00:00:01",
            "actions=set_field:02:00:00:00:00:01->eth_src",
        ),
        ("actions=set_tunnel:5", "actions=set_field:0x5->tun_id"),
        (
            "icmp6,icmp_type=135,actions=",
            "ipv6,ip_proto=58,icmpv6_type=135 actions=drop",
        ),
        (
            "dl_type=0x0806,actions=output:CONTROLLER",
            "arp,actions=CONTROLLER:65535",
        ),
        (
            "ct_state=0x22/0x22,ip,actions=drop",
            "ct_state=+trk+est,ip actions=drop",
        ),
        (
            "xreg0=0x100000002,actions=drop",
            "reg0=1,reg1=2,actions=drop",
        ),
        (
            "ip,nw_src=10.0.0.0/255.0.0.0,actions=drop",
            "ip,nw_src=10.0.0.0/8 actions=drop",
        ),
        ("NXM_NX_REG0=5,actions=drop", "reg0=0x5 actions=drop"),
    ];
    for (short, long) in same {
        assert_eq!(flow(short), flow(long), "{short}");
    }
}

/// Text, the column of the problem in it, and the problem.
const ERRORS: &[(&str, usize, &str)] = &[
    ("priority=5,ip", 1, "`actions=` is missing"),
    (
        "priority=70000,actions=drop",
        10,
        "this number is too large",
    ),
    (
        "ip,nw_src=10.0.0.300,actions=drop",
        11,
        "this is not an IPv4 address",
    ),
    (
        "ip,nw_src=10.0.0.0/33,actions=drop",
        20,
        "this prefix is too long",
    ),
    (
        "dl_src=2:0:0,actions=drop",
        8,
        "this is not an Ethernet address",
    ),
    (
        "in_port=1,colour=red,actions=drop",
        11,
        "this field is not known",
    ),
    ("in_port=1/3,actions=drop", 9, "in_port takes no mask"),
    (
        "tp_dst=80,actions=drop",
        1,
        "this needs a protocol before it",
    ),
    ("dl_vlan=5000,actions=drop", 9, "this is not a VLAN id"),
    (
        "reg0=0x100000000,actions=drop",
        6,
        "this does not fit into reg0",
    ),
    ("ct_state=+foo,actions=drop", 10, "this is not a ct_state"),
    ("actions=fly:1", 9, "this action is not known"),
    (
        "actions=output:1,load:0x100->NXM_NX_REG0[0..7]",
        23,
        "this does not fit into NXM_NX_REG0[0..7]",
    ),
    (
        "actions=load:1->NXM_NX_REG0[0..32]",
        29,
        "the field does not have these bits",
    ),
    (
        "actions=move:NXM_NX_REG0[]->NXM_NX_XXREG0[]",
        14,
        "the two sides are not equally wide",
    ),
    ("actions=clone(output:1", 15, "a parenthesis is not closed"),
    ("actions=output:1)", 17, "this closes nothing"),
    ("actions=ct(force)", 12, "this needs `commit`"),
    ("actions=ct(zone=NXM_NX_REG0[])", 17, "a zone has 16 bits"),
    ("actions=conjunction(1,3/2)", 23, "there is no such clause"),
    ("actions=resubmit(,)", 18, "this needs a port or a table"),
    ("actions=note:012", 14, "these are not bytes in hexadecimal"),
    ("actions=set_field:010->reg0", 19, "this is not a number"),
    ("actions=unknown:00", 17, "these bytes are not an action"),
];

#[test]
fn an_error_names_the_place() {
    for (text, column, problem) in ERRORS {
        let error = error(text);
        assert_eq!(
            (error.column(), error.problem.as_str()),
            (*column, *problem),
            "{text}"
        );
    }
}

#[test]
fn a_missing_prerequisite_is_an_error() {
    let error = error("nw_src=10.0.0.1,actions=drop");
    assert_eq!(
        error.to_string(),
        "nw_src needs a match on Ipv4 at column 1, near `nw_src=10.0.0.1,`"
    );
}

#[test]
fn unknown_fields_and_instructions_are_read_back() {
    let text = "unknown=8000fc03010203 actions=unknown_instruction:ffff000800000009";
    assert_eq!(flow(text).to_string(), text);
}

#[test]
fn a_match_and_an_action_have_texts_of_their_own() {
    let matching: Match = "tcp,reg0=0x1".parse().expect("a match");
    assert_eq!(matching.to_string(), "tcp,reg0=0x1");
    let actions = Action::parse_list("drop").expect("no actions");
    assert!(actions.is_empty());
    assert_eq!(Action::resubmit(4).to_string(), "resubmit(,4)");
}
