//! Plans and ports in, flows out, as people read them: `tests/data/<case>.json` gives
//! `tests/data/<case>.flows`. Run with `BLESS=1` to write the latter anew, and read the difference.

#![expect(clippy::unwrap_used, reason = "what fails to unwrap fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use host_agent::binding::{self, Binding, Carrier, Translators, ZonesInUse};
use host_agent::gateways::{Tenures, Word};
use host_agent::pipeline::limits::Meter;
use host_agent::pipeline::{self, View};
use host_agent::wanted::{Exit, Wanted};
use model::plan::{HostPlan, PlanKey};
use model::{Encapsulation, PhysicalNetworkId, PortId};
use openflow::message::MeterUnit;
use openflow::{Flow, PortNo};
use serde::Deserialize;

/// A plan, and where the switch has its ports.
#[derive(Deserialize)]
struct Case {
    plan: HostPlan,
    ports: BTreeMap<PortId, u32>,
    uplinks: BTreeMap<PhysicalNetworkId, u32>,
    #[serde(default)]
    tunnels: BTreeMap<Encapsulation, u32>,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn views(case: &Case) -> BTreeMap<PlanKey, View> {
    let carriers = case.ports.iter().map(|(id, port)| {
        let carrier = Carrier {
            interface: format!("vif{port}"),
            ifindex: None,
            port: PortNo(*port),
        };
        (*id, carrier)
    });
    let binding = Binding {
        carriers: carriers.collect(),
        ..Binding::default()
    };
    let patches = case.uplinks.iter();
    let patches = patches.map(|(id, port)| (Exit::Patch(*id), PortNo(*port)));
    let tunnels = case.tunnels.iter();
    let tunnels = tunnels.map(|(kind, port)| (Exit::Tunnel(*kind), PortNo(*port)));
    let uplinks = patches.chain(tunnels);
    let wanted = Wanted::new(&case.plan);
    assert_eq!(wanted.failures, []);
    let zones = case
        .ports
        .iter()
        .map(|(id, port)| (*id, (*port).try_into().unwrap()));
    let zones = ZonesInUse {
        ports: &zones.collect(),
        routers: &binding::translating(&wanted).zip(0xf000..).collect(),
    };
    // All other hosts are heard, and what this one may have it has.
    let outlets =
        Tenures::default().settle(&wanted, &wanted.watched, &Word::default(), |_, _| true);
    let translators = Translators {
        zones,
        outlets: &outlets,
    };
    binding::all_views(&wanted, &binding, &uplinks.collect(), translators)
}

fn compile(views: &BTreeMap<PlanKey, View>) -> Vec<Flow> {
    let networks = views.values().flat_map(View::compile);
    pipeline::infrastructure()
        .into_iter()
        .chain(networks)
        .collect()
}

/// The limits that the flows use.
fn print_meters(views: &BTreeMap<PlanKey, View>) -> String {
    let mut text = String::from("# meters\n");
    for meter in views.values().flat_map(View::meters) {
        let unit = match meter.unit {
            MeterUnit::Kilobits => "kbps",
            MeterUnit::Packets => "pktps",
        };
        let Meter {
            id, rate, burst, ..
        } = meter;
        writeln!(text, "meter={id},{unit},rate={rate},burst={burst}").unwrap();
    }
    text
}

/// Table by table, as a frame passes them.
fn print(mut flows: Vec<Flow>) -> String {
    flows.sort_by(|a, b| {
        (a.table, b.priority, &a.matching).cmp(&(b.table, a.priority, &b.matching))
    });
    let mut text = String::new();
    for table in pipeline::TABLES {
        writeln!(text, "# {}: {}?", table.name, table.why).unwrap();
        for flow in flows.iter().filter(|flow| flow.table == table.id) {
            writeln!(text, "{flow}").unwrap();
        }
    }
    text
}

#[test]
fn every_case_compiles_to_just_its_flows() {
    let mut cases = 0;
    for entry in fs::read_dir(data()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        cases += 1;
        let case: Case = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let views = views(&case);
        let text = print(compile(&views)) + &print_meters(&views);
        let golden = path.with_extension("flows");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &text).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(text, expected, "{} (BLESS=1 to renew)", golden.display());
    }
    assert!(cases > 0, "no cases found");
}
