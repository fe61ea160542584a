//! How fast a host's flows are compiled and compared.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use host_agent::diff::{Changes, diff};
use host_agent::pipeline::{
    self, LocalPort, Mark, NetworkView, Outsiders, Policy, Reach, RemotePort, Uplink,
};
use model::{MacAddr, PortId, SecurityGroupNumber, Tracking, VlanId};
use openflow::{Flow, PortNo};

fn main() {
    divan::main();
}

/// A network with ports here and elsewhere, one IPv4 address each.
fn network(locals: u32, remotes: u32) -> NetworkView {
    let mac = |n: u32| MacAddr::local(n.into());
    let address = |n: u32| [IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))].into();
    NetworkView {
        number: model::NetworkNumber::try_from(1).unwrap_or_else(|_| unreachable!()),
        uplink: Some(Uplink {
            port: PortNo(65_000),
            mark: Mark::Vlan(VlanId::MIN),
        }),
        locals: (1..=locals)
            .map(|n| LocalPort {
                id: PortId::generate(),
                port: PortNo(n),
                tag: None,
                mac: mac(n),
                addresses: address(n),
                allowed: [].into(),
                spoof_guard: model::SpoofGuard::On,
                limits: model::Limits::default(),
                policy: Policy {
                    zone: u16::try_from(n).unwrap_or(u16::MAX),
                    tracking: Tracking::Stateful,
                    groups: SecurityGroupNumber::try_from(1).into_iter().collect(),
                },
            })
            .collect(),
        gates: Vec::new(),
        remotes: (locals + 1..=locals + remotes)
            .map(|n| RemotePort {
                mac: mac(n),
                addresses: address(n),
                virtual_macs: [].into(),
                spoof_guard: model::SpoofGuard::On,
                endpoint: None,
            })
            .collect(),
        gateways: [IpAddr::V4(Ipv4Addr::new(10, 255, 255, 254))].into(),
        resolvers: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
        outside: Box::default(),
    }
}

/// One network's flows: ten ports here and ninety elsewhere, or a thousand here.
#[divan::bench(args = [(10, 90), (1_000, 0)])]
fn compile(bencher: Bencher, (locals, remotes): (u32, u32)) {
    let network = network(locals, remotes);
    let flows = pipeline::compile(&network).len();
    bencher
        .counter(ItemsCount::new(flows))
        .bench(|| pipeline::compile(black_box(&network)));
}

/// 20,000 flows of which 20 changed.
#[divan::bench]
fn diff_20_000_flows_with_20_changes(bencher: Bencher) {
    let mut installed = pipeline::compile(&network(2_000, 0));
    installed.truncate(20_000);
    let mut wanted = installed.clone();
    let every = wanted.len() / 20;
    for flow in wanted.iter_mut().step_by(every) {
        flow.instructions.apply.clear();
        flow.instructions.goto_table = Some(250);
    }
    bencher
        .counter(ItemsCount::new(installed.len()))
        .bench(|| changes(black_box(&installed), black_box(&wanted)));
}

fn changes(installed: &[Flow], wanted: &[Flow]) -> Changes {
    let mut changes = Changes::default();
    diff(installed, wanted, &mut changes);
    changes
}

/// What a pass does for every network that looks as before: compares it.
#[divan::bench]
fn compare_views_of_1_000_ports(bencher: Bencher) {
    let views = || (1..=100u32).map(|n| (n, network(10, 90)));
    let (before, now): (BTreeMap<_, _>, BTreeMap<_, _>) = (views().collect(), views().collect());
    bencher.bench(|| black_box(&before) == black_box(&now));
}
