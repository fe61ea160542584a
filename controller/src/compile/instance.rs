//! Instances, as their hosts must run them.

use std::net::IpAddr;

use ipnet::IpNet;
use model::plan::{PlannedInstance, PlannedInterface};
use model::{HostId, Motion, Port};

use crate::intent::Intent;
use crate::object::PluggedInstance;

/// What a host is to do with an instance.
pub(super) fn instance(
    intent: &Intent,
    plugged: &PluggedInstance,
    host: HostId,
) -> PlannedInstance {
    let home = plugged.instance.host_id;
    let motion = plugged
        .instance
        .migration
        .map(|migration| match host == home {
            true => Motion::Leaves {
                to: migration.address,
                began_at: migration.began_at,
            },
            false => Motion::Comes,
        });
    let ports = plugged.port_ids.iter();
    let ports = ports.filter_map(|id| intent.ports.get(id));
    PlannedInstance {
        id: plugged.instance.id,
        name: plugged.instance.name.clone(),
        driver: plugged.instance.driver,
        boot: plugged.instance.boot.clone(),
        motion,
        interfaces: ports.filter_map(|port| interface(intent, port)).collect(),
    }
}

fn interface(intent: &Intent, port: &Port) -> Option<PlannedInterface> {
    let network = intent.networks.get(&port.network_id)?;
    let mut addresses = Vec::new();
    let mut gateways: Vec<IpAddr> = Vec::new();
    for address in &port.addresses {
        let subnet = intent.subnet_with(port.network_id, *address)?;
        addresses.push(IpNet::new(*address, subnet.cidr.prefix_len()).ok()?);
        let gateway = subnet.gateway;
        // The first subnet of a family gives its gateway, unless the port is the gateway's address
        // itself, as in a prefix of one address.
        let family_has_one = gateways.iter().any(|it| it.is_ipv4() == gateway.is_ipv4());
        if !family_has_one && gateway != *address {
            gateways.push(gateway);
        }
    }
    Some(PlannedInterface {
        port_id: port.id,
        mac: port.mac,
        addresses,
        gateways,
        mtu: network.mtu,
    })
}
