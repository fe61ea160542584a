//! Any operations, with what they are about as small numbers.

use proptest::prelude::*;

use super::Op;
use crate::object::Noun;

pub(crate) fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    // The first steps make a pool that the others can work on.
    let some = proptest::collection::vec(op(), 0..most);
    some.prop_map(|rest| {
        let mut ops = vec![
            Op::PhysicalNetwork { name: 0, vlans: 6 },
            Op::Underlay {
                name: 1,
                endpoints: 1,
            },
            Op::Host { name: 0 },
            Op::Host { name: 1 },
            Op::Host { name: 2 },
        ];
        for tenant in 0..2 {
            ops.push(Op::Tenant { name: tenant });
            ops.push(Op::Network {
                tenant,
                name: 0,
                carrier: 0,
                vlan: None,
            });
            ops.push(Op::Subnet {
                network: tenant,
                cidr: 0,
                gateway: None,
            });
        }
        ops.extend(rest);
        ops
    })
}

fn op() -> impl Strategy<Value = Op> {
    let n = || 0u8..6;
    let maybe = || proptest::option::weighted(0.3, 0u8..6);
    let some = || proptest::collection::vec(0u8..6, 0..3);
    prop_oneof![
        1 => n().prop_map(|name| Op::Tenant { name }),
        2 => (n(), maybe()).prop_map(|(tenant, packets)| Op::TenantUpdate { tenant, packets }),
        2 => (n(), maybe()).prop_map(|(network, packets)| Op::NetworkUpdate { network, packets }),
        1 => (n(), n()).prop_map(|(name, vlans)| Op::PhysicalNetwork { name, vlans }),
        1 => (n(), 0..2u8).prop_map(|(name, endpoints)| Op::Underlay { name, endpoints }),
        2 => (n(), n(), any::<bool>(), maybe())
            .prop_map(|(tenant, name, geneve, vni)| Op::Overlay { tenant, name, geneve, vni }),
        1 => n().prop_map(|name| Op::Host { name }),
        2 => (n(), n(), n(), n())
            .prop_map(|(role, uplink, vlans, endpoints)| Op::Topology { role, uplink, vlans, endpoints }),
        2 => (n(), n(), n(), maybe())
            .prop_map(|(host, carrier, uplink, last)| Op::HostUplink { host, carrier, uplink, last }),
        2 => (n(), n(), n(), maybe())
            .prop_map(|(tenant, name, carrier, vlan)| Op::Network { tenant, name, carrier, vlan }),
        2 => (n(), n(), maybe())
            .prop_map(|(network, cidr, gateway)| Op::Subnet { network, cidr, gateway }),
        8 => (n(), maybe(), maybe(), maybe(), proptest::option::of(n()), maybe())
            .prop_map(|(network, name, mac, last, host, group)| Op::Port { network, name, mac, last, host, group }),
        2 => (n(), n(), any::<bool>())
            .prop_map(|(tenant, name, stateless)| Op::SecurityGroup { tenant, name, stateless }),
        1 => (n(), n()).prop_map(|(tenant, name)| Op::AddressGroup { tenant, name }),
        4 => (n(), n(), 0..3u8).prop_map(|(group, remote, sort)| Op::Rule { group, remote, sort }),
        2 => (n(), n()).prop_map(|(group, last)| Op::Prefix { group, last }),
        4 => (n(), n(), n(), some(), some())
            .prop_map(|(tenant, name, host, networks, ports)| Op::Instance { tenant, name, host, networks, ports }),
        3 => (n(), n(), some())
            .prop_map(|(tenant, name, networks)| Op::Router { tenant, name, networks }),
        3 => (n(), maybe(), maybe(), maybe())
            .prop_map(|(router, join, leave, via)| Op::RouterUpdate { router, join, leave, via }),
        1 => (n(), n()).prop_map(|(tenant, name)| Op::External { tenant, name }),
        3 => (n(), n(), proptest::option::of(0..3u8))
            .prop_map(|(router, network, snat)| Op::Gateway { router, network, snat }),
        4 => (n(), n(), proptest::option::of(n()))
            .prop_map(|(tenant, network, port)| Op::FloatingIp { tenant, network, port }),
        4 => (n(), proptest::option::weighted(0.8, n()))
            .prop_map(|(floating, port)| Op::Float { floating, port }),
        4 => (n(), n(), any::<bool>())
            .prop_map(|(floating, port, second)| Op::Forward { floating, port, second }),
        3 => (n(), n(), n()).prop_map(|(owner, sort, bytes)| Op::Cap { owner, sort, bytes }),
        3 => (n(), 0..2u8).prop_map(|(used, days)| Op::CapLook { used, days }),
        2 => (n(), maybe()).prop_map(|(cap, bytes)| Op::CapSet { cap, bytes }),
        6 => (n(), n(), 1..4u8)
            .prop_map(|(trunk, port, vlan)| Op::SubPort { trunk, port, vlan }),
        1 => n().prop_map(|port| Op::OffTrunk { port }),
        4 => (n(), n()).prop_map(|(port, host)| Op::Bind { port, host }),
        2 => (n(), maybe(), maybe())
            .prop_map(|(subnet, gateway, last)| Op::SubnetUpdate { subnet, gateway, last }),
        2 => (n(), 0..9u8, 0..4u8)
            .prop_map(|(network, first, count)| Op::Reservation { network, first, count }),
        4 => (n(), maybe(), proptest::collection::vec((0..16u8, 28..33u8), 0..3), maybe(), maybe())
            .prop_map(|(port, last, allowed, mac, group)| {
                Op::PortUpdate { port, last, allowed, mac, group }
            }),
        6 => (any_noun(), n()).prop_map(|(noun, index)| Op::Delete { noun, index }),
    ]
}

fn any_noun() -> impl Strategy<Value = Noun> {
    prop_oneof![
        1 => Just(Noun::Tenant),
        1 => Just(Noun::PhysicalNetwork),
        1 => Just(Noun::Network),
        1 => Just(Noun::Subnet),
        1 => Just(Noun::Reservation),
        1 => Just(Noun::SecurityGroup),
        1 => Just(Noun::AddressGroup),
        1 => Just(Noun::Router),
        1 => Just(Noun::Gateway),
        1 => Just(Noun::FloatingIp),
        1 => Just(Noun::PortForwarding),
        1 => Just(Noun::Cap),
        4 => Just(Noun::Port),
        2 => Just(Noun::Instance),
    ]
}
