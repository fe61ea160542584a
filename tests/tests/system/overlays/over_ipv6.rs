//! Tunnels whose endpoints have IPv6 addresses.

use std::net::Ipv6Addr;

use tests::checks::CHECKS;
use tests::tenants::TwoTenants;
use tests::{Pool, PoolSpec, eventually};

use super::all_reach_each_other;
use crate::PATIENCE;

/// 1500 of the physical network, less 70 for the headers.
const MTU: u32 = 1430;

#[test]
fn overlays_between_ipv6_endpoints_keep_every_promise_and_what_is_wrong_is_named() {
    let pool = Pool::up(&PoolSpec::real(2));
    let endpoints = Some("fd00:254::/64");
    let scene = TwoTenants::set_over(pool, ["vxlan", "geneve"], endpoints, |_| {});
    let pool = &scene.pool;
    for host in ["h1", "h2"] {
        let shown = pool.host_view(host);
        let endpoint = shown["endpoint"].as_str().unwrap();
        assert!(endpoint.parse::<Ipv6Addr>().is_ok(), "{endpoint}");
    }
    all_reach_each_other(&scene);
    eventually(
        "both ends of both tunnels hear each other",
        PATIENCE,
        || {
            let up = pool.json("tunnel-list state=up");
            up.as_array().unwrap().len() == 4
        },
    );
    for tenant in &scene.tenants {
        let [first, second] = &tenant.instances;
        assert!(first.fits(second.address, MTU), "{}", tenant.name);
        assert!(!first.fits(second.address, MTU + 1), "{}", tenant.name);
    }
    let verdicts = CHECKS
        .iter()
        .map(|(promise, check)| (promise, check(&scene)));
    let broken: Vec<_> = verdicts.filter(|(_, verdict)| verdict.is_err()).collect();
    assert!(broken.is_empty(), "{broken:#?}");

    pool.must("fabric-check");
    let cable = pool.host(2).private_nic().to_owned();
    let cable = pool.lab().switch_port(2, &cable).unwrap();
    pool.wait(cable.set_mtu(1400)).unwrap();
    assert!(pool.netctl("fabric-check").is_err());
    let checks = pool.json("fabric-check-list");
    let said = checks.as_array().unwrap().last().unwrap()["findings"].to_string();
    // Without a tag a cable carries four bytes more. Of two hosts nobody knows whose cable it is.
    let narrow = "packets over 1404 bytes are lost between h1 and h2 on physical network private";
    assert!(said.contains(narrow), "{said}");
}
