use clap::CommandFactory;

use super::*;
use crate::args::Cli;

fn rewritten(line: &str) -> Result<String, Failure> {
    let args = line.split(' ').map(OsString::from).collect();
    let args = rewrite(args, &Cli::command())?;
    Ok(args.join(" ".as_ref()).into_string().unwrap())
}

#[test]
fn pairs_become_flags_and_positional_arguments_go_to_the_end() {
    for (line, expected) in [
        (
            "netctl vlan-create tenant=acme name=web vlan=101 subnet=10.0.0.0/24",
            "netctl vlan-create --tenant=acme --vlan=101 --subnet=10.0.0.0/24 -- web",
        ),
        (
            "netctl vlan-create web tenant=acme",
            "netctl vlan-create web --tenant=acme",
        ),
        (
            "netctl vlan-create --name web --tenant acme",
            "netctl vlan-create --tenant acme -- web",
        ),
        ("netctl vlan-create --name=web", "netctl vlan-create -- web"),
        (
            "netctl vlan-create physical_network=p",
            "netctl vlan-create --physical-network=p",
        ),
        (
            "netctl physical-network-create nic=eth1",
            "netctl physical-network-create --uplink=eth1",
        ),
        ("netctl vm-start no_wait=true", "netctl vm-start --no-wait"),
        ("netctl vm-start no-wait=no", "netctl vm-start"),
        (
            "netctl vif-list output=json server=unix:/a=b",
            "netctl vif-list --output=json --server=unix:/a=b",
        ),
        (
            "netctl usage last=1h by=port",
            "netctl usage --last=1h --by=port",
        ),
        ("netctl", "netctl"),
    ] {
        assert_eq!(rewritten(line).unwrap(), expected);
    }
}

#[test]
fn what_is_no_key_is_left_as_it_is() {
    for line in [
        "netctl tenant-create --unknown x=y",
        "netctl -o json tenant-list",
        "netctl --server a=b tenant-list",
        "netctl tenant-list --sort a=b",
        "netctl tenant-list -o a=b",
        "netctl no-such-command",
        "netctl tenant-create -- name=x",
        "netctl --help",
        "netctl -",
    ] {
        let line = line.replace("--unknown x=y", "--unknown");
        assert_eq!(rewritten(&line).unwrap(), line);
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_keys_there_are_and_the_nearest() {
    let failure = rewritten("netctl vlan-create tenent=acme").unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert_eq!(
        failure.to_string(),
        "netctl: vlan-create knows no key tenent\n  \
         allowed are: name, tenant, vlan, physical-network, external, isolated, gateway-mac, shared, mtu, \
         rate-out, rate-in, packets-out, packets-in, floods-out, connections, burst, subnet\n  \
         next: did you mean tenant=...?"
    );
    let failure = rewritten("netctl vlan-create colour=red").unwrap_err();
    assert!(
        failure
            .to_string()
            .ends_with("next: see `netctl vlan-create --help`")
    );
    assert!(rewritten("netctl vm-start no-wait=perhaps").is_err());
}

#[test]
fn a_value_that_looks_like_a_flag_stays_a_value() {
    assert_eq!(
        rewritten("netctl tenant-create name=--help").unwrap(),
        "netctl tenant-create -- --help"
    );
    assert_eq!(
        rewritten("netctl tenant-list sort=-name").unwrap(),
        "netctl tenant-list --sort=-name"
    );
}

#[test]
fn distances_count_letters() {
    for (a, b, expected) in [
        ("", "", 0),
        ("a", "", 1),
        ("tenent", "tenant", 1),
        ("vlan", "lavn", 2),
    ] {
        assert_eq!(distance(a, b), expected, "{a} {b}");
        assert_eq!(distance(b, a), expected, "{b} {a}");
    }
}
