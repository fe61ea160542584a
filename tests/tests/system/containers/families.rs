//! Containers on networks of both families, and of IPv6 alone.

use serde_json::Value;
use tests::{Instance, Pool, PoolSpec, eventually};

use super::with_result;
use crate::PATIENCE;

/// Two hosts with a network of both families, and one of IPv6 alone.
fn pool() -> Pool {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    for network in ["dual", "six"] {
        pool.must(&format!("vlan-create tenant=acme name={network}"));
    }
    pool.must("subnet-create tenant=acme network=dual name=four cidr=10.0.0.0/24");
    pool.must("subnet-create tenant=acme network=dual name=six cidr=fd00:17::/64");
    pool.must("subnet-create tenant=acme network=six name=alone cidr=fd00:18::/64");
    pool.admit_everybody("acme");
    pool
}

fn of_family<'a>(result: &'a Value, list: &str, key: &str, mark: char) -> &'a str {
    let found = result[list].as_array().unwrap().iter();
    let mut found = found
        .filter_map(|it| it[key].as_str())
        .filter(|it| it.contains(mark));
    found
        .next()
        .unwrap_or_else(|| panic!("no {key} with {mark} in {result}"))
}

fn six_of(result: &Value) -> &str {
    let address = of_family(result, "ips", "address", ':');
    address.split('/').next().unwrap()
}

fn pings_six(from: &Instance, to: &str) -> bool {
    // One packet, which may be late on a busy machine and must not be lost.
    let words = ["-6", "-n", "-q", "-c", "1", "-W", "5", to];
    let done = from.command("ping").args(words).output();
    done.unwrap().status.success()
}

#[test]
fn a_container_has_the_addresses_of_both_families_and_is_reached_by_both() {
    let pool = pool();
    let (near, far) = (
        pool.cni_network(1, "dual", "acme"),
        pool.cni_network(2, "dual", "acme"),
    );
    let (one, two) = (pool.container(1, "one"), pool.container(2, "two"));
    let (first, second) = (one.must("ADD", &near), two.must("ADD", &far));
    assert_eq!(first["ips"].as_array().unwrap().len(), 2);
    assert!(of_family(&first, "ips", "address", ':').starts_with("fd00:17::"));
    assert!(of_family(&first, "ips", "address", '.').ends_with("/24"));
    assert_eq!(of_family(&first, "ips", "gateway", '.'), "10.0.0.1");
    assert_eq!(of_family(&first, "routes", "dst", '.'), "0.0.0.0/0");
    assert_eq!(of_family(&first, "routes", "dst", ':'), "::/0");
    one.must("CHECK", &with_result(&near, &first));

    let (one_inside, two_inside) = (one.instance(&first), two.instance(&second));
    eventually("hosts know of each other", PATIENCE, || {
        one_inside.reaches(&two_inside)
    });
    eventually("it is reached by IPv6", PATIENCE, || {
        pings_six(&one_inside, six_of(&second)) && pings_six(&two_inside, six_of(&first))
    });
    // What is added later speaks at once: its address waits for nobody to object.
    let late = pool.container(1, "late");
    let result = late.must("ADD", &near);
    assert!(pings_six(&late.instance(&result), six_of(&first)));

    one.must("DEL", &near);
    assert!(!pings_six(&two_inside, six_of(&first)));
}

#[test]
fn a_container_may_have_no_address_but_of_ipv6() {
    let pool = pool();
    let six = pool.cni_network(1, "six", "acme");
    let (one, two) = (pool.container(1, "one"), pool.container(1, "two"));
    let (first, second) = (one.must("ADD", &six), two.must("ADD", &six));
    assert_eq!(first["ips"].as_array().unwrap().len(), 1);
    assert!(pings_six(&one.instance(&first), six_of(&second)));
    one.must("CHECK", &with_result(&six, &first));
}
