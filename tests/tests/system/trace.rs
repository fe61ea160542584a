//! `netctl trace` and `netctl why`: what they say of a packet is what becomes of it, and the switches say
//! the same.

use lab::Signal;
use serde_json::{Value, json};
use tests::{Instance, Pool, PoolSpec, Rest, eventually};

use crate::PATIENCE;

/// Two networks that a router joins, on a VLAN and an overlay, one apart, and another tenant's.
struct Scene {
    pool: Pool,
    web: [Instance; 3],
    db: [Instance; 2],
    foreign: Instance,
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(2));
        pool.must(
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
             endpoints=10.254.0.0/16",
        );
        for tenant in ["acme", "globex"] {
            pool.must(&format!("tenant-create name={tenant}"));
            pool.must(&format!(
                "vlan-create tenant={tenant} name=web subnet=10.0.1.0/24"
            ));
        }
        pool.must("vxlan-create tenant=acme name=db subnet=10.0.2.0/24");
        pool.must("subnet-create tenant=acme network=db cidr=fd00:2::/64");
        pool.must("router-create tenant=acme name=r network=web,db");
        let start =
            |name: &str, network: &str, host: &str| pool.vm_start(name, "acme", network, host);
        let web = [("web1", "h1"), ("web2", "h1"), ("web3", "h2")];
        let db = [("db1", "h1"), ("db2", "h2")];
        let scene = Self {
            web: web.map(|(name, host)| start(name, "web", host)),
            db: db.map(|(name, host)| start(name, "db", host)),
            foreign: pool.vm_start("web1", "globex", "web", "h2"),
            pool,
        };
        let everybody = || scene.web[0].reaches(&scene.db[1]);
        eventually("they reach each other", PATIENCE, everybody);
        scene
    }

    fn trace(&self, packet: &str) -> Value {
        confirmed(&self.pool, packet)
    }

    /// The verdict, and the sentence that goes with it.
    fn why(&self, packet: &str) -> (String, String) {
        let trace = self.trace(packet);
        let text = |key: &str| trace[key].as_str().unwrap_or_default().to_owned();
        let said = self.pool.must(&format!("why tenant=acme {packet}"));
        assert!(said.contains(&text("message")), "{said}");
        (text("verdict"), said)
    }
}

/// What a trace for acme says, after every switch on the way said the same, all the way.
pub(crate) fn confirmed(pool: &Pool, packet: &str) -> Value {
    let trace = pool.json(&format!("trace tenant=acme {packet}"));
    for host in trace["hosts"].as_array().unwrap() {
        let says = host["switch"].as_str().unwrap();
        assert_eq!(says, "the switch says the same", "{packet}: {trace:#}");
    }
    trace
}

/// The hosts on the way, and how the packet came to each.
pub(crate) fn hosts(trace: &Value) -> Vec<(String, String)> {
    let hosts = trace["hosts"].as_array().unwrap().iter();
    let text = |host: &Value, key: &str| host[key].as_str().unwrap().to_owned();
    hosts
        .map(|host| (text(host, "host"), text(host, "entry")))
        .collect()
}

/// By what the rules of a table are there, on the host at this place of the way.
fn by(trace: &Value, host: usize, table: &str) -> String {
    let steps = trace["hosts"][host]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["table"] == table);
    let step = step.unwrap_or_else(|| panic!("{table} is not passed: {trace:#}"));
    step["by"].as_str().unwrap().to_owned()
}

pub(crate) fn is_delivered_to(trace: &Value, instance: &Instance) {
    assert_eq!(trace["verdict"], "delivered", "{trace:#}");
    assert_eq!(trace["port_ids"], json!([instance.port_id]), "{trace:#}");
}

#[test]
fn a_trace_says_what_becomes_of_a_packet_and_every_switch_says_the_same() {
    let scene = Scene::set();
    what_is_delivered(&scene);
    what_is_dropped(&scene);
    what_a_router_refuses(&scene);
    what_security_groups_say(&scene);
    nobody_asks_of_others(&scene);
    an_agent_that_does_not_answer_is_named(&scene);
}

fn what_is_delivered(scene: &Scene) {
    let [_, web2, web3] = &scene.web;
    let [_, db2] = &scene.db;
    let near = scene.trace("from=web1 to=web2");
    is_delivered_to(&near, web2);
    assert_eq!(hosts(&near).len(), 1, "{near:#}");
    let by_vlan = scene.trace("from=web1 to=web3 protocol=tcp port=443");
    is_delivered_to(&by_vlan, web3);
    let way = hosts(&by_vlan);
    assert_eq!((way[0].0.as_str(), way[1].0.as_str()), ("h1", "h2"));
    assert!(way[1].1.starts_with("from h1 in VLAN "), "{way:?}");
    let by_tunnel = scene.trace("from=db1 to=db2 protocol=udp");
    is_delivered_to(&by_tunnel, db2);
    assert!(hosts(&by_tunnel)[1].1.contains("by vxlan with VNI"));
    let routed = scene.trace("from=web1 to=db2");
    is_delivered_to(&routed, db2);
    assert_eq!(by(&routed, 0, "route"), "router r");
    assert_eq!(by(&routed, 0, "fits"), "router r");
    let (address, v6) = (db2.address, "fd00:2::3");
    let by_address = scene.trace(&format!("from={} to={address}", scene.web[0].address));
    is_delivered_to(&by_address, db2);
    let six = scene.trace(&format!("from=db1 to={v6}"));
    assert_eq!(six["verdict"], "delivered", "{six:#}");
    let text = scene.pool.must("trace tenant=acme from=web1 to=db2");
    for words in [
        "spoof_guard",
        "router r",
        "network db",
        "delivered to VIF of db2",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // To everybody: each receiver's connection is looked up by itself.
    let flood = scene.trace("from=web1 to=255.255.255.255 protocol=udp");
    assert_eq!(flood["verdict"], "delivered", "{flood:#}");
    let mut receivers = [web2, web3].map(|it| it.port_id.as_str());
    receivers.sort_unstable();
    assert_eq!(flood["port_ids"], json!(receivers), "{flood:#}");
    let (verdict, said) = scene.why("from=web1 to=10.0.2.1");
    assert_eq!(verdict, "answered", "{said}");
}

/// Each is really lost, and the trace says where.
fn what_is_dropped(scene: &Scene) {
    let (verdict, said) = scene.why("from=web1 to=web2 from-address=10.0.1.99");
    assert_eq!(verdict, "dropped", "{said}");
    assert!(said.contains("on h1 in spoof_guard"), "{said}");
    assert!(
        said.contains("10.0.1.99 is not an address of VIF of web1 (10.0.1.2), which has 10.0.1.2"),
        "{said}"
    );
    assert!(said.contains("add-allowed"), "{said}");
    let (verdict, said) = scene.why("from=web1 to=web2 from-mac=02:00:00:00:00:99");
    assert_eq!(verdict, "dropped", "{said}");
    let mac = "02:00:00:00:00:99 is not the Ethernet address of VIF of web1";
    assert!(said.contains(mac), "{said}");
    let (verdict, said) = scene.why("from=web1 to=10.0.1.77");
    assert_eq!(verdict, "dropped", "{said}");
    assert!(
        said.contains("nobody on network web has 10.0.1.77"),
        "{said}"
    );
    let (verdict, said) = scene.why("from=web1 to=10.0.2.77");
    assert_eq!(verdict, "dropped", "{said}");
    assert!(said.contains("on h1 in next_hop"), "{said}");
}

fn what_a_router_refuses(scene: &Scene) {
    let (verdict, said) = scene.why("from=web1 to=8.8.8.8");
    assert_eq!(verdict, "dropped", "{said}");
    assert!(said.contains("by router r: there is no way"), "{said}");
    assert!(said.contains("router-route-add"), "{said}");
    let (verdict, said) = scene.why("from=web1 to=db2 bytes=1451");
    assert_eq!(verdict, "dropped", "{said}");
    assert!(said.contains("too big for the network"), "{said}");
    let fits = scene.trace("from=web1 to=db2 bytes=1450");
    is_delivered_to(&fits, &scene.db[1]);
    let via = scene.db[1].address;
    let route = "tenant=acme prefix=8.8.8.0/24";
    scene
        .pool
        .must(&format!("router-route-add r {route} via={via}"));
    eventually("the route is traced", PATIENCE, || {
        scene.trace("from=web1 to=8.8.8.8")["verdict"] == "delivered"
    });
    scene.pool.must(&format!("router-route-remove r {route}"));
}

fn what_security_groups_say(scene: &Scene) {
    let pool = &scene.pool;
    pool.must("group-create tenant=acme name=closed");
    let port = &scene.web[2].port_id;
    pool.must(&format!("vif-set {port} groups=closed"));
    let packet = "from=web1 to=web3 protocol=tcp port=443";
    eventually("the group is closed", PATIENCE, || {
        scene.trace(packet)["verdict"] == "dropped"
    });
    let (_, said) = scene.why(packet);
    assert!(said.contains("dropped on h2 in"), "{said}");
    assert!(
        said.contains(
            "no rule of the security group closed of VIF of web3 (10.0.1.4) lets tcp/443 in from \
             10.0.1.2"
        ),
        "{said}"
    );
    let what_would_help = "group-allow closed tenant=acme direction=ingress protocol=tcp port=443 \
                           from=10.0.1.2";
    assert!(said.contains(what_would_help), "{said}");
    pool.must(what_would_help);
    eventually("the port is open", PATIENCE, || {
        scene.trace(packet)["verdict"] == "delivered"
    });
    let other = scene.trace("from=web1 to=web3 protocol=tcp port=80");
    assert_eq!(other["verdict"], "dropped", "{other:#}");
    let rule = scene.trace(packet);
    assert_eq!(by(&rule, 1, "rules"), "security group closed", "{rule:#}");
    the_rule_is_named(scene, packet);
    // Nobody else's connections are let in to web1, but what it began is answered.
    let back = "from=web3 to=web1 protocol=tcp source-port=443 port=40000";
    let new = scene.trace(back);
    assert_eq!(new["verdict"], "dropped", "{new:#}");
    let reply = scene.trace(&format!("{back} state=established"));
    is_delivered_to(&reply, &scene.web[0]);
}

/// The one of several that lets it through, alone or in a conjunction with others about the same group.
fn the_rule_is_named(scene: &Scene, packet: &str) {
    let pool = &scene.pool;
    let rules_in = |packet: &str| -> Vec<String> {
        let trace = scene.trace(packet);
        let rules = trace["rules"].as_array().unwrap().iter();
        let says = rules.map(|it| it["says"].as_str().unwrap().to_owned());
        says.filter(|it| it.starts_with("let in")).collect()
    };
    let id = |what: &str| {
        let listed = pool.json("group-rule-list closed tenant=acme");
        let rules = listed.as_array().unwrap();
        let rule = rules.iter().find(|it| it["ports"] == what);
        let rule = rule.unwrap_or_else(|| panic!("{what}: {listed:#}"));
        rule["id"].as_str().unwrap().to_owned()
    };
    let [says] = &rules_in(packet)[..] else {
        panic!("one rule: {:?}", rules_in(packet));
    };
    let expected = format!(
        "let in by rule {} of security group closed: ipv4 tcp 443 from 10.0.1.2/32",
        id("443")
    );
    assert_eq!(says, &expected);
    for port in ["8080", "8081-8090"] {
        let allow = "group-allow closed tenant=acme direction=ingress protocol=tcp";
        pool.must(&format!("{allow} port={port} from=group:default"));
    }
    let packet = "from=web1 to=web3 protocol=tcp port=8085";
    eventually("both are there", PATIENCE, || {
        scene.trace(packet)["verdict"] == "delivered"
    });
    let [says] = &rules_in(packet)[..] else {
        panic!("one rule: {:?}", rules_in(packet));
    };
    let rule = format!(
        "rule {} of security group closed: tcp 8081-8090",
        id("8081-8090")
    );
    assert!(says.contains(&rule), "{says}");
    let said = pool.must(&format!("why tenant=acme {packet}"));
    assert!(said.contains(says.as_str()), "{said}");
    assert!(said.contains("let out by rule"), "{said}");
}

/// Neither by a sender nor by a receiver of another tenant.
fn nobody_asks_of_others(scene: &Scene) {
    let controller = scene.pool.lab().controller().unwrap();
    let data = controller.directory().to_path_buf();
    let rest = Rest::open(&data);
    let tenant = scene.pool.json("tenant-show globex")["id"].clone();
    let own = &scene.foreign.port_id;
    let others = &scene.web[0].port_id;
    let ask = |from: &str, to: Value| {
        let mut body = json!({"from_port_id": from, "tenant_id": tenant});
        body.as_object_mut()
            .unwrap()
            .extend(to.as_object().unwrap().clone());
        scene.pool.wait(rest.post("trace", &body))
    };
    let (status, answer) = ask(others, json!({"to_address": "10.0.1.3"}));
    assert_eq!(status, 422, "{answer}");
    let (status, answer) = ask(own, json!({"to_port_id": others}));
    assert_eq!(status, 422, "{answer}");
    let (status, answer) = ask(own, json!({"to_address": "10.0.2.2"}));
    assert_eq!((status, &answer["verdict"]), (200, &json!("dropped")));
    let text = answer.to_string();
    assert!(
        !text.contains("acme") && !text.contains(others.as_str()),
        "{text}"
    );
}

fn an_agent_that_does_not_answer_is_named(scene: &Scene) {
    let host = scene.pool.host(2);
    let agent = host.agent().unwrap();
    scene.pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    let said = scene
        .pool
        .must("why tenant=acme from=web1 to=web3 protocol=tcp port=443");
    assert!(said.contains("the agent of h2 does not answer"), "{said}");
    scene.pool.wait(agent.start()).unwrap();
    eventually("it answers again", PATIENCE, || {
        let trace = scene
            .pool
            .json("trace tenant=acme from=web1 to=web3 protocol=tcp port=443");
        trace["verdict"] == "delivered"
    });
}
