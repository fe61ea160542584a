use model::plan::{Generation, HostPlan};
use serde_json::json;

use super::*;

const FIRST: &str = "10.254.0.3";
const SECOND: &str = "10.254.0.4";
const SENDER: &str = "10.254.0.1";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);

/// Which of the hosts this one is.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Sender,
    First,
    Second,
}

fn mac(of: Of) -> &'static str {
    match of {
        Of::Sender => "0a:be:00:00:00:01",
        Of::First => "0a:be:00:00:00:03",
        Of::Second => "0a:be:00:00:00:04",
    }
}

fn uuid(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

/// What the plan says to one of the hosts: a router on a VLAN, which gets out by two of them.
fn wanted(of: Of) -> Wanted {
    let all = [
        (Of::Sender, SENDER),
        (Of::First, FIRST),
        (Of::Second, SECOND),
    ];
    let others = all.iter().filter(|(it, _)| *it != of);
    let endpoints: Vec<&str> = others.map(|(_, endpoint)| *endpoint).collect();
    let physical = |id: u8, name: &str, role: &str| {
        json!({"kind": "physical_network", "id": uuid(id), "name": name, "role": role,
               "nic": format!("eth{id}"), "vlans": "100-299", "mtu": 1500})
    };
    let network = |id: u8, number: u32, (physical, vlan): (u8, u16), cidr: &str, gateway: &str| {
        json!({"kind": "network", "id": uuid(id), "tenant_id": uuid(0xa0), "number": number,
               "segment": {"kind": "vlan", "physical_network_id": uuid(physical), "vlan": vlan},
               "mtu": 1500, "external": number == 9,
               "subnets": [{"cidr": cidr, "gateway": gateway, "dhcp": true, "dns": [], "routes": []}]})
    };
    let hosts = [(Of::First, FIRST), (Of::Second, SECOND)];
    let hosts = hosts.map(|(it, endpoint)| json!({"mac": mac(it), "endpoint": endpoint}));
    let snat = (of != Of::Sender).then_some(ADDRESS);
    let items = json!([
        physical(1, "vm", "private"),
        physical(2, "public", "public"),
        network(0x40, 9, (2, 200), "203.0.113.0/24", "203.0.113.1"),
        network(0x10, 1, (1, 100), "10.0.1.0/24", "10.0.1.1"),
        {"kind": "router", "id": uuid(0x30), "network_ids": [uuid(0x10)], "mac": mac(of),
         "endpoints": endpoints,
         "gateway": {"network_id": uuid(0x40), "mac": "00:00:5e:00:01:07", "snat": snat,
                     "hosts": hosts, "pool": []}},
    ]);
    let plan: HostPlan =
        serde_json::from_value(json!({"generation": Generation(1), "items": items})).unwrap();
    let wanted = Wanted::new(&plan);
    assert_eq!(wanted.failures, []);
    wanted
}

fn hears(endpoints: &[&str]) -> Heard {
    endpoints.iter().map(|it| it.parse().unwrap()).collect()
}

fn key() -> Key {
    (9.try_into().unwrap(), ADDRESS)
}

/// A host with what it heard and had.
struct Host {
    wanted: Wanted,
    tenures: Tenures,
    word: Word,
}

impl Host {
    fn new(of: Of) -> Self {
        Self {
            wanted: wanted(of),
            tenures: Tenures::default(),
            word: Word::default(),
        }
    }

    fn settle(&mut self, heard: &[&str]) -> Outlet {
        let (heard, word) = (hears(heard), &self.word);
        let outlets = self
            .tenures
            .settle(&self.wanted, &heard, word, |_, _| false);
        *outlets.values().next().unwrap()
    }

    fn asks(&self) -> bool {
        self.tenures.asked(&self.wanted).any(|(_, it)| it == key())
    }

    fn nobody_answers(&mut self) {
        self.word.free.insert(key(), Instant::now());
    }
}

fn goes_by(outlet: Outlet) -> Option<IpAddr> {
    match outlet.exit {
        WayExit::By(host) => Some(host.endpoint),
        _ => None,
    }
}

#[test]
fn who_sends_goes_to_the_first_that_it_hears_and_without_any_to_the_first() {
    let mut host = Host::new(Of::Sender);
    let by = |endpoint: &str| Some(endpoint.parse().unwrap());
    assert_eq!(goes_by(host.settle(&[FIRST, SECOND])), by(FIRST));
    assert_eq!(goes_by(host.settle(&[SECOND])), by(SECOND));
    assert_eq!(goes_by(host.settle(&[])), by(FIRST));
    assert_eq!(goes_by(host.settle(&[FIRST])), by(FIRST));
    assert_eq!(host.settle(&[FIRST]).duty, Duty::None);
    assert!(!host.asks());
}

#[test]
fn a_gateway_host_takes_the_address_once_nobody_before_it_lives_and_nobody_answers_for_it() {
    let mut host = Host::new(Of::Second);
    host.nobody_answers();
    assert_eq!(goes_by(host.settle(&[FIRST, SENDER])), FIRST.parse().ok());
    assert!(!host.asks());
    let outlet = host.settle(&[SENDER]);
    assert_eq!(
        outlet.exit,
        WayExit::Nobody,
        "what was said before says nothing"
    );
    assert!(host.asks() && matches!(outlet.duty, Duty::Asks(_)));
    assert_eq!(host.settle(&[SENDER]).exit, WayExit::Nobody);
    host.nobody_answers();
    let outlet = host.settle(&[SENDER]);
    assert_eq!(outlet.duty, Duty::Holds);
    assert!(matches!(outlet.exit, WayExit::ForAll(_)) && !host.asks());
    // The first is back.
    let outlet = host.settle(&[FIRST, SENDER]);
    assert_eq!(goes_by(outlet), FIRST.parse().ok());
    assert!(matches!(outlet.duty, Duty::Asks(_)), "it has it no more");
}

#[test]
fn who_hears_nobody_keeps_the_address_until_another_asks_for_it() {
    let mut host = Host::new(Of::First);
    host.settle(&[SECOND]);
    host.nobody_answers();
    assert_eq!(host.settle(&[SECOND]).duty, Duty::Holds);
    assert!(matches!(host.settle(&[]).duty, Duty::HoldsAlone(_)));
    assert!(matches!(host.settle(&[]).exit, WayExit::ForAll(_)));
    host.word.asked_for.insert(key(), Instant::now());
    let outlet = host.settle(&[]);
    assert_eq!(outlet.exit, WayExit::Nobody);
    // Whoever asked is left the time to take it.
    host.nobody_answers();
    assert_eq!(host.settle(&[]).exit, WayExit::Nobody);
    let later = Instant::now() + YIELD;
    host.word.free.insert(key(), later);
    assert!(matches!(host.settle(&[]).exit, WayExit::ForAll(_)));
}

#[test]
fn who_hears_others_does_not_let_go_because_somebody_asks() {
    let mut host = Host::new(Of::First);
    host.settle(&[SENDER]);
    host.nobody_answers();
    host.settle(&[SENDER]);
    host.word.asked_for.insert(key(), Instant::now());
    assert_eq!(host.settle(&[SENDER]).duty, Duty::Holds);
}

#[test]
fn an_agent_that_starts_anew_keeps_what_its_switch_has() {
    let wanted = wanted(Of::First);
    let mut tenures = Tenures::default();
    let heard = hears(&[SECOND]);
    let outlets = tenures.settle(&wanted, &heard, &Word::default(), |network, address| {
        (network, address) == key()
    });
    assert!(outlets.values().all(|it| it.duty == Duty::Holds));
}

#[test]
fn hosts_watch_the_gateway_hosts_and_these_watch_whom_they_serve() {
    assert_eq!(wanted(Of::Sender).watched, hears(&[FIRST, SECOND]));
    assert_eq!(wanted(Of::First).watched, hears(&[SECOND, SENDER]));
    let peers = wanted(Of::First).peers;
    assert_eq!(peers[&WATCH], hears(&[SECOND, SENDER]));
}
