//! How fast plans are made: a host's whole plan, and the cost of one change in a large pool.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up may as well panic"
)]

use std::sync::Arc;

use controller::compile;
use controller::intent::Intent;
use controller::object::{Key, Object, Write};
use divan::{Bencher, black_box};
use model::{
    Host, HostId, Id, MacAddr, Network, NetworkId, PhysicalNetwork, Port, Role, Segment, Sharing,
    Tenant, Timestamp, VlanId,
};

fn main() {
    divan::main();
}

/// How many ports each network has, one on each host in turn.
const PORTS_PER_NETWORK: usize = 10;

/// A pool of networks of ten ports each, spread over ten hosts.
struct Pool {
    intent: Intent,
    hosts: Vec<HostId>,
    networks: Vec<NetworkId>,
    tenant: Tenant,
}

impl Pool {
    fn new(ports: usize) -> Self {
        let created_at = Timestamp::now();
        let tenant = Tenant {
            id: Id::generate(),
            name: "tenant".parse().unwrap(),
            standing: model::Standing::default(),
            quota: model::Quota::default(),
            limits: model::Limits::default(),
            created_at,
        };
        let mut pool = Self {
            intent: Intent::default(),
            hosts: Vec::new(),
            networks: Vec::new(),
            tenant,
        };
        pool.intent
            .put(&Object::Tenant(Arc::new(pool.tenant.clone())));
        for number in 0..10 {
            let host = Host {
                id: Id::generate(),
                name: format!("h{number}").parse().unwrap(),
                endpoint: None,
                uplinks: Vec::new(),
                created_at,
            };
            pool.hosts.push(host.id);
            pool.intent.put(&Object::Host(Arc::new(host)));
        }
        pool.add_networks(ports / PORTS_PER_NETWORK);
        pool
    }

    fn add_networks(&mut self, networks: usize) {
        let private = PhysicalNetwork {
            id: Id::generate(),
            name: "private".parse().unwrap(),
            role: Role::Private,
            uplink: "eth1".parse().unwrap(),
            vlans: Some("2-4094".parse().unwrap()),
            native_vlan: model::VlanId::DEFAULT_NATIVE,
            mtu: 1500,
            endpoints: None,
            trial: None,
            created_at: self.tenant.created_at,
        };
        self.intent
            .put(&Object::PhysicalNetwork(Arc::new(private.clone())));
        for index in 0..networks {
            let number = u16::try_from(index + 1).unwrap();
            let network = Network {
                id: Id::generate(),
                tenant_id: self.tenant.id,
                name: format!("n{number}").parse().unwrap(),
                number: u32::from(number).try_into().unwrap(),
                segment: Segment::Vlan {
                    physical_network_id: private.id,
                    vlan: VlanId::try_from(number).unwrap(),
                },
                mtu: 1500,
                sharing: Sharing::default(),
                limits: model::Limits::default(),
                created_at: self.tenant.created_at,
            };
            self.networks.push(network.id);
            self.intent.put(&Object::Network(Arc::new(network)));
            for port in 0..PORTS_PER_NETWORK {
                let port = self.port(index, port);
                self.intent.put(&Object::Port(Arc::new(port)));
            }
        }
    }

    fn port(&self, network: usize, index: usize) -> Port {
        Port {
            id: Id::generate(),
            tenant_id: self.tenant.id,
            network_id: self.networks[network],
            name: None,
            mac: MacAddr::local(index as u64),
            addresses: vec![format!("10.0.0.{}", index + 2).parse().unwrap()],
            allowed: Vec::new(),
            spoof_guard: model::SpoofGuard::On,
            limits: model::Limits::default(),
            security_group_ids: Vec::new(),
            host_id: Some(self.hosts[index % self.hosts.len()]),
            on_trunk: None,
            migration: None,
            instance_id: None,
            created_at: self.tenant.created_at,
        }
    }
}

/// A whole plan: `ports / 10` local ports, and all others remote.
#[divan::bench(args = [100, 1_000, 10_000])]
fn whole_plan_of_one_of_ten_hosts(bencher: Bencher<'_, '_>, ports: usize) {
    let pool = Pool::new(ports);
    bencher.bench(|| compile::plan(black_box(&pool.intent), pool.hosts[0]));
}

/// One more port in a pool of so many: applied, and the items of all hosts that differ made.
#[divan::bench(args = [100, 1_000, 10_000])]
fn one_new_port(bencher: Bencher<'_, '_>, ports: usize) {
    let pool = Pool::new(ports);
    let writes = [Write::Put(Object::Port(Arc::new(
        pool.port(0, PORTS_PER_NETWORK),
    )))];
    let keys: Vec<Key> = writes.iter().map(Write::key).collect();
    bencher.bench(|| {
        let mut after = pool.intent.clone();
        after.apply(1, black_box(&writes));
        let touched = compile::touched(&pool.intent, &after, &keys);
        let items = touched.into_iter();
        items
            .filter_map(|(host, key)| compile::item(&after, host, key))
            .count()
    });
}

/// A snapshot for a reader.
#[divan::bench]
fn snapshot_of_ten_thousand_ports(bencher: Bencher<'_, '_>) {
    let pool = Pool::new(10_000);
    bencher.bench(|| black_box(&pool.intent).clone());
}
