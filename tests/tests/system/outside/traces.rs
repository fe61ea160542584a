//! Traces of translated packets: what is said of them is what becomes of them, and the switches say the
//! same.

use serde_json::Value;

use super::{ACME, FAR, GLOBEX, Scene, addresses_outside, all_pass, public};
use crate::trace::{confirmed, hosts, is_delivered_to};

fn message(trace: &Value) -> &str {
    trace["message"].as_str().unwrap()
}

fn says(trace: &Value, verdict: &str, all: &[&str]) {
    assert_eq!(trace["verdict"], verdict, "{trace:#}");
    for words in all {
        assert!(message(trace).contains(words), "{words}: {trace:#}");
    }
}

#[test]
fn a_trace_follows_a_packet_to_the_outside_and_from_there() {
    let scene = Scene::set();
    let Scene {
        pool,
        outside,
        acme,
        globex,
    } = &scene;
    for instance in acme.iter().chain(globex) {
        all_pass(instance, outside);
    }
    let trace = |packet: &str| confirmed(pool, packet);
    let gateway = format!("by its gateway 203.0.113.1 ({})", mac(outside.mac));
    let (floating, others) = (public(ACME), public(GLOBEX));

    // Out, as the floating IP, and as the router on that host.
    let out = trace(&format!("from=acme-h1 to={FAR}"));
    let name = "as 203.0.113.50 (the floating IP of VIF of acme-h1";
    says(&out, "left", &["on network internet", &gateway, name]);
    let out = trace(&format!("from=acme-h2 to={FAR} protocol=udp"));
    says(&out, "left", &[&gateway, "(as whom router r speaks on h2)"]);
    let reply = trace(&format!("from=acme-h1 to={FAR} state=established"));
    says(&reply, "left", &[&gateway, name]);

    // In, to the floating IP alone.
    let into = trace(&format!("from={FAR} to={floating} protocol=tcp port=22"));
    is_delivered_to(&into, &acme[0]);
    says(&into, "delivered", &["203.0.113.50", "stands for 10.0.1.2"]);
    let rules = into["rules"].to_string();
    assert!(rules.contains("let in by rule"), "{into:#}");
    assert_eq!(hosts(&into).len(), 1);
    let by_name = trace(&format!("from={FAR} to=acme-h1"));
    is_delivered_to(&by_name, &acme[0]);
    let reply = trace(&format!("from={FAR} to={floating} state=established"));
    is_delivered_to(&reply, &acme[0]);
    for address in addresses_outside(&scene) {
        let packet = format!("from={FAR} to={address}");
        let dropped = pool.json(&format!("trace {packet}"));
        says(
            &dropped,
            "dropped",
            &["nobody outside may begin to speak", "in translate"],
        );
    }

    // Between floating IPs: on one host, and from another.
    let near = pool.json(&format!("trace from=acme-h1 to={others}"));
    says(&near, "delivered", &["203.0.113.50", "203.0.113.60"]);
    assert_eq!(near["port_ids"][0], globex[0].port_id.as_str(), "{near:#}");
    let far = pool.json(&format!("trace from=acme-h2 to={others}"));
    is_delivered_to(&far, &globex[0]);
    let way: Vec<String> = hosts(&far).into_iter().map(|(host, _)| host).collect();
    assert_eq!(way, ["h2", "h1"]);
    let hidden = trace(&format!("from=acme-h2 to={others}")).to_string();
    assert!(!hidden.contains("globex"), "{hidden}");

    // Nothing leads there.
    let nobody = pool.netctl(&format!("trace tenant=acme from={FAR} to={others}"));
    assert!(nobody.unwrap_err().contains("nothing leads there"));
    let within = pool.netctl(&format!("trace tenant=acme from={FAR} to=10.0.1.2"));
    assert!(within.unwrap_err().contains("nothing leads there"));
    let free = pool.json(&format!("trace from={FAR} to={}", public(199)));
    says(
        &free,
        "dropped",
        &["nobody on network internet has 203.0.113.199"],
    );
}

fn mac(octets: [u8; 6]) -> String {
    model::MacAddr::try_from(octets).unwrap().to_string()
}
