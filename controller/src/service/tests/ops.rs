//! Random requests, decided on an intent in memory.

use api::backend::Outcome;
use api::request::{
    InstanceCreate, NetworkCreate, NetworkKind, PhysicalNetworkCreate, PortCreate, Setting,
    SubPortCreate, SubnetCreate, TenantCreate,
};
use model::{Handout, HostId, Id, MacAddr, Role, Sharing};

pub(crate) use self::any::ops;
use self::uplinks::{host_uplink, topology_change};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Noun, Write};
use crate::service::{
    address_group, cap, consequences, floating_ip, gateway, host, instance, network,
    physical_network, port, port_forwarding, reservation, router, security_group, subnet, tenant,
    topology, trunk, uplink,
};

mod addresses;
mod any;
mod caps;
mod groups;
mod outside;
mod routers;
mod uplinks;

/// Something to ask for. Numbers pick among what there is, so that most of it makes sense.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Tenant {
        name: u8,
    },
    /// Another limit of its ports, or none.
    TenantUpdate {
        tenant: u8,
        packets: Option<u8>,
    },
    NetworkUpdate {
        network: u8,
        packets: Option<u8>,
    },
    PhysicalNetwork {
        name: u8,
        vlans: u8,
    },
    /// With room for endpoints of as many hosts as its prefix has.
    Underlay {
        name: u8,
        endpoints: u8,
    },
    Overlay {
        tenant: u8,
        name: u8,
        geneve: bool,
        vni: Option<u8>,
    },
    Host {
        name: u8,
    },
    /// What becomes of the physical network of a role.
    Topology {
        role: u8,
        uplink: u8,
        vlans: u8,
        endpoints: u8,
    },
    /// How a host differs from the pool.
    HostUplink {
        host: u8,
        carrier: u8,
        uplink: u8,
        last: Option<u8>,
    },
    Network {
        tenant: u8,
        name: u8,
        carrier: u8,
        vlan: Option<u8>,
    },
    Subnet {
        network: u8,
        cidr: u8,
        gateway: Option<u8>,
    },
    Port {
        network: u8,
        name: Option<u8>,
        mac: Option<u8>,
        last: Option<u8>,
        host: Option<u8>,
        group: Option<u8>,
    },
    SecurityGroup {
        tenant: u8,
        name: u8,
        stateless: bool,
    },
    AddressGroup {
        tenant: u8,
        name: u8,
    },
    /// A rule about a group, an address group or anybody, in place of the group's first.
    Rule {
        group: u8,
        remote: u8,
        sort: u8,
    },
    Prefix {
        group: u8,
        last: u8,
    },
    Instance {
        tenant: u8,
        name: u8,
        host: u8,
        networks: Vec<u8>,
        ports: Vec<u8>,
    },
    Router {
        tenant: u8,
        name: u8,
        networks: Vec<u8>,
    },
    RouterUpdate {
        router: u8,
        join: Option<u8>,
        leave: Option<u8>,
        via: Option<u8>,
    },
    /// A network with a gateway outside, and its subnet.
    External {
        tenant: u8,
        name: u8,
    },
    Gateway {
        router: u8,
        network: u8,
        /// Through how many gateway hosts, if not through each by itself; none: not at all.
        snat: Option<u8>,
    },
    FloatingIp {
        tenant: u8,
        network: u8,
        port: Option<u8>,
    },
    /// Binds a floating IP, or unbinds it.
    Float {
        floating: u8,
        port: Option<u8>,
    },
    /// Forwards one of two ports.
    Forward {
        floating: u8,
        port: u8,
        second: bool,
    },
    /// A cap of a tenant, or of a port; more of it is in `ops/caps.rs`.
    Cap {
        owner: u8,
        sort: u8,
        bytes: u8,
    },
    CapLook {
        used: u8,
        days: u8,
    },
    /// Another amount, or a lift.
    CapSet {
        cap: u8,
        bytes: Option<u8>,
    },
    SubPort {
        trunk: u8,
        port: u8,
        vlan: u8,
    },
    OffTrunk {
        port: u8,
    },
    Bind {
        port: u8,
        host: u8,
    },
    /// Another gateway, and pools up to this address.
    SubnetUpdate {
        subnet: u8,
        gateway: Option<u8>,
        last: Option<u8>,
    },
    Reservation {
        network: u8,
        first: u8,
        count: u8,
    },
    /// Other addresses, and pairs, with a virtual Ethernet address if there is one.
    PortUpdate {
        port: u8,
        last: Option<u8>,
        allowed: Vec<(u8, u8)>,
        mac: Option<u8>,
        group: Option<u8>,
    },
    Delete {
        noun: Noun,
        index: u8,
    },
}

/// The key of the object of this number, or of one that does not exist.
fn pick(intent: &Intent, noun: Noun, index: u8) -> Key {
    let all = intent.all(noun);
    match all.get(usize::from(index) % all.len().max(1)) {
        Some(object) => object.key(),
        None => Key::Tenant(Id::generate()),
    }
}

fn id<T>(intent: &Intent, noun: Noun, index: u8) -> Id<T> {
    Id::from(pick(intent, noun, index).uuid())
}

pub(super) fn name(prefix: &str, number: u8) -> model::Name {
    format!("{prefix}{number}").parse().unwrap()
}

/// What subnets may be made of: large and tiny, overlapping, of both families.
const PREFIXES: [&str; 6] = [
    "10.0.0.0/29",
    "10.0.0.0/24",
    "fd00::/125",
    "10.0.1.0/31",
    "10.0.2.0/30",
    "fd00:1::/64",
];

/// Where endpoints may come from: enough for two hosts, and for more than there are.
const ENDPOINTS: [&str; 2] = ["10.254.0.0/30", "10.254.0.0/24"];

/// What the operation would write.
pub(crate) fn decide(intent: &Intent, op: &Op) -> Outcome<Vec<Write>> {
    let decided = decide_alone(intent, op)?;
    Ok(consequences::with(intent, decided))
}

fn rate(packets: Option<u8>) -> Setting<model::PacketRate> {
    let rate = packets.map(|it| (u32::from(it) + 1).to_string().parse().unwrap());
    rate.map_or(Setting::Removed, Setting::To)
}

fn decide_alone(intent: &Intent, op: &Op) -> Outcome<Vec<Write>> {
    match op.clone() {
        Op::Tenant { name: it } => {
            let request = TenantCreate {
                name: name("t", it),
                limits: model::Limits::default(),
            };
            tenant::create(intent, request, &Observed::default()).map(|draft| draft.writes)
        }
        Op::TenantUpdate { tenant, packets } => {
            let mut request = api::request::TenantUpdate::default();
            request.limits.packets_out = rate(packets);
            let tenant = id(intent, Noun::Tenant, tenant);
            tenant::update(intent, tenant, request, &Observed::default()).map(|draft| draft.writes)
        }
        Op::NetworkUpdate { network, packets } => {
            let mut request = api::request::NetworkUpdate::default();
            request.limits.packets_out = rate(packets);
            let network = id(intent, Noun::Network, network);
            network::update(intent, network, request, &Observed::default())
                .map(|draft| draft.writes)
        }
        Op::PhysicalNetwork { name: it, vlans } => {
            let vlans = format!("{}-{}", 100 + u16::from(it), 106 + u16::from(vlans));
            private(intent, it, &vlans, None)
        }
        Op::Underlay {
            name: it,
            endpoints,
        } => private(
            intent,
            it,
            "100-101",
            Some(ENDPOINTS[usize::from(endpoints)]),
        ),
        Op::Host { name: it } => {
            let name = name("h", it);
            let known = intent.hosts.values().find(|host| host.name == name);
            let id = known.map_or_else(HostId::generate, |host| host.id);
            host::register(intent, id, name).map(|draft| draft.writes)
        }
        Op::Bind { port, host } => {
            let port = id(intent, Noun::Port, port);
            let host = id(intent, Noun::Host, host);
            let follows = |port: &model::Port| port.on_trunk.is_some();
            let elsewhere = intent.instance_with(port).is_some()
                || intent.ports.get(&port).is_some_and(|it| follows(it));
            if elsewhere || !intent.hosts.contains_key(&host) {
                return Ok(Vec::new());
            }
            host::bind(intent, host, &[port]).map(|draft| draft.writes)
        }
        Op::Delete { noun, index } => delete(intent, pick(intent, noun, index)),
        Op::Topology { .. } => {
            let change = topology_change(op);
            topology::change(intent, change, &Observed::default()).map(|draft| draft.writes)
        }
        Op::HostUplink { host, .. } => {
            let (host, request) = (id(intent, Noun::Host, host), host_uplink(intent, op));
            let draft = uplink::set(intent, host, request, &Observed::default());
            draft.map(|draft| draft.writes)
        }
        Op::Overlay { .. } => {
            let request = overlay(intent, op);
            network::create(intent, request, &Observed::default()).map(|draft| draft.writes)
        }
        op => decide_of_tenant(intent, op),
    }
}

/// What making a private physical network would write.
fn private(
    intent: &Intent,
    number: u8,
    vlans: &str,
    endpoints: Option<&str>,
) -> Outcome<Vec<Write>> {
    let request = PhysicalNetworkCreate {
        name: name("p", number),
        role: Role::Private,
        uplink: format!("eth{number}").parse().unwrap(),
        vlans: Some(vlans.parse().unwrap()),
        native_vlan: None,
        mtu: None,
        endpoints: endpoints.map(|it| it.parse().unwrap()),
    };
    let draft = physical_network::create(intent, request, &Observed::default());
    draft.map(|draft| draft.writes)
}

fn overlay(intent: &Intent, op: &Op) -> NetworkCreate {
    let Op::Overlay {
        tenant,
        name: it,
        geneve,
        vni,
    } = *op
    else {
        unreachable!()
    };
    let kinds = [NetworkKind::Vxlan, NetworkKind::Geneve];
    NetworkCreate {
        tenant_id: id(intent, Noun::Tenant, tenant),
        name: name("n", it),
        kind: kinds[usize::from(geneve)],
        physical_network_id: None,
        vlan: None,
        vni: vni.map(|vni| (4096 + u32::from(vni)).try_into().unwrap()),
        mtu: None,
        sharing: Sharing::default(),
        limits: model::Limits::default(),
    }
}

/// The same, for what tenants own.
fn decide_of_tenant(intent: &Intent, op: Op) -> Outcome<Vec<Write>> {
    match op {
        Op::Network {
            tenant,
            name: it,
            carrier,
            vlan,
        } => {
            let request = NetworkCreate {
                tenant_id: id(intent, Noun::Tenant, tenant),
                name: name("n", it),
                kind: NetworkKind::Vlan,
                physical_network_id: Some(id(intent, Noun::PhysicalNetwork, carrier)),
                vlan: vlan.map(|vlan| (100 + u16::from(vlan)).try_into().unwrap()),
                vni: None,
                mtu: None,
                sharing: Sharing::default(),
                limits: model::Limits::default(),
            };
            network::create(intent, request, &Observed::default()).map(|draft| draft.writes)
        }
        Op::Subnet {
            network,
            cidr,
            gateway,
        } => {
            let cidr: ipnet::IpNet = PREFIXES[usize::from(cidr)].parse().unwrap();
            let request = SubnetCreate {
                network_id: id(intent, Noun::Network, network),
                name: None,
                cidr,
                gateway: gateway.and_then(|it| cidr.hosts().nth(it.into())),
                pools: None,
                handout: Handout::default(),
            };
            subnet::create(intent, request).map(|draft| draft.writes)
        }
        Op::Port {
            network,
            name: it,
            mac,
            last,
            host,
            group,
        } => {
            let request = PortCreate {
                network_id: id(intent, Noun::Network, network),
                tenant_id: None,
                name: it.map(|it| name("v", it)),
                mac: mac.map(|it| MacAddr::local(it.into())),
                addresses: last.map(|it| vec![format!("10.0.0.{it}").parse().unwrap()]),
                allowed: Vec::new(),
                spoof_guard: None,
                limits: model::Limits::default(),
                security_group_ids: group.map(|it| vec![id(intent, Noun::SecurityGroup, it)]),
                host_id: host.map(|it| id(intent, Noun::Host, it)),
            };
            port::create(intent, request, &Observed::default()).map(|draft| draft.writes)
        }
        Op::SubnetUpdate { .. } | Op::Reservation { .. } | Op::PortUpdate { .. } => {
            addresses::decide(intent, op)
        }
        op => decide_of_instance(intent, op),
    }
}

fn decide_of_instance(intent: &Intent, op: Op) -> Outcome<Vec<Write>> {
    match op {
        Op::Instance {
            tenant,
            name: it,
            host,
            networks,
            ports,
        } => {
            let request = InstanceCreate {
                tenant_id: id(intent, Noun::Tenant, tenant),
                name: name("i", it),
                host_id: Some(id(intent, Noun::Host, host)),
                network_ids: networks
                    .iter()
                    .map(|it| id(intent, Noun::Network, *it))
                    .collect(),
                security_group_ids: None,
                port_ids: ports.iter().map(|it| id(intent, Noun::Port, *it)).collect(),
                boot: None,
                power: model::Power::On,
            };
            instance::create(intent, request, &[]).map(|draft| draft.writes)
        }
        Op::Router { .. } | Op::RouterUpdate { .. } => routers::decide(intent, op),
        Op::SubPort { trunk, port, vlan } => {
            let request = SubPortCreate {
                trunk_id: id(intent, Noun::Port, trunk),
                port_id: id(intent, Noun::Port, port),
                vlan: u16::from(vlan).try_into().unwrap(),
            };
            trunk::add(intent, request).map(|draft| draft.writes)
        }
        Op::OffTrunk { port } => {
            trunk::remove(intent, id(intent, Noun::Port, port)).map(|draft| draft.writes)
        }
        op @ (Op::External { .. }
        | Op::Gateway { .. }
        | Op::FloatingIp { .. }
        | Op::Float { .. }
        | Op::Forward { .. }) => outside::decide(intent, &op),
        op @ (Op::Cap { .. } | Op::CapLook { .. } | Op::CapSet { .. }) => caps::decide(intent, &op),
        op => groups::decide(intent, &op),
    }
}

fn delete(intent: &Intent, key: Key) -> Outcome<Vec<Write>> {
    let draft = match key {
        Key::Tenant(id) => tenant::delete(intent, id),
        Key::PhysicalNetwork(id) => physical_network::delete(intent, id),
        Key::Network(id) => network::delete(intent, id),
        Key::Subnet(id) => subnet::delete(intent, id),
        Key::Reservation(id) => reservation::delete(intent, id),
        Key::AddressGroup(id) => address_group::delete(intent, id),
        Key::SecurityGroup(id) => security_group::delete(intent, id),
        Key::Gateway(id) => gateway::delete(intent, id),
        Key::FloatingIp(id) => floating_ip::delete(intent, id),
        Key::PortForwarding(id) => port_forwarding::delete(intent, id),
        Key::Router(id) => router::delete(intent, id),
        Key::Port(id) => port::delete(intent, id),
        Key::Cap(id) => return cap::delete(intent, id).map(|draft| draft.writes),
        Key::Instance(id) => instance::delete(intent, id),
        Key::Host(_) | Key::AccessToken(_) => return Ok(Vec::new()),
    };
    draft.map(|draft| draft.writes)
}

/// Carries the operation out, if it is not refused; gives what was written.
pub(crate) fn run(intent: &mut Intent, op: &Op) -> Vec<Key> {
    let writes = decide(intent, op).unwrap_or_default();
    let revision = intent.revision + 1;
    intent.apply(revision, &writes);
    writes.iter().map(Write::key).collect()
}
