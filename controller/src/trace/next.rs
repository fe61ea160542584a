//! Where a frame that left a host comes in next.

use std::collections::BTreeSet;

use model::{
    HostId, MacAddr, Network, NetworkId, PhysicalNetworkId, Segment, TraceEnd, TraceEntry,
    TracedFrame, VlanId,
};

use super::Arrival;
use super::names::Names;
use super::outside;

/// The Ethernet type of a tagged frame.
pub(super) const TAGGED: [u8; 2] = [0x81, 0];

/// What a frame that left a host leads to.
#[derive(Default)]
pub(super) struct Next {
    pub(super) arrivals: Vec<Arrival>,
    /// It is for a machine that is not ours.
    pub(super) left: bool,
    /// It is for nobody, as a sentence.
    pub(super) lost: Option<String>,
}

/// What the end of a frame's way on a host leads to.
pub(super) fn of(names: &Names<'_>, host: HostId, end: &TraceEnd) -> Next {
    match end {
        TraceEnd::Fabric {
            physical_network_id,
            frame,
        } => by_cable(names, host, (*physical_network_id, frame)),
        TraceEnd::Tunnel {
            encapsulation,
            vni,
            destination,
            frame,
        } => {
            let intent = names.intent;
            let (Some(receiver), Some(source)) = (
                intent.host_with_endpoint(*destination),
                intent.hosts.get(&host).and_then(|host| host.endpoint),
            ) else {
                return lost(format!("no host has the endpoint {destination}"));
            };
            let how = format!(
                "from {} by {encapsulation} with VNI {}",
                names.host(host),
                vni.get()
            );
            let arrival = Arrival {
                host: receiver.id,
                entry: TraceEntry::Tunnel {
                    encapsulation: *encapsulation,
                    vni: *vni,
                    source,
                    destination: *destination,
                },
                frame: frame.clone(),
                how,
            };
            Next {
                arrivals: vec![arrival],
                ..Next::default()
            }
        }
        TraceEnd::Elsewhere { number } => lost(format!(
            "it leaves by port {number} of the switch, which is not ours"
        )),
        TraceEnd::Port { .. } | TraceEnd::Agent { .. } => Next::default(),
    }
}

fn lost(why: String) -> Next {
    Next {
        lost: Some(why),
        ..Next::default()
    }
}

/// Switches bring a frame to whoever has its address, or to everybody.
fn by_cable(
    names: &Names<'_>,
    host: HostId,
    (physical_network_id, frame): (PhysicalNetworkId, &TracedFrame),
) -> Next {
    let (vlan, segment) = segment(physical_network_id, frame.bytes());
    let intent = names.intent;
    let network = intent.network_on(&segment);
    let Some(network) = network.and_then(|id| intent.networks.get(&id)) else {
        return lost("it leaves for a segment that is no network's".to_owned());
    };
    let destination = frame.bytes().first_chunk::<6>();
    let everybody = destination.is_some_and(|mac| mac[0] & 1 == 1);
    let receivers = match destination.and_then(|mac| MacAddr::try_from(*mac).ok()) {
        Some(mac) if !everybody => hosts_with(names, network.id, mac),
        _ => intent.hosts_of(network.id).collect(),
    };
    let others = receivers.into_iter().filter(|it| *it != host);
    let carried = match vlan {
        Some(vlan) => format!("in VLAN {vlan}"),
        None => "without a tag".to_owned(),
    };
    let arrivals: Vec<Arrival> = others
        .map(|receiver| Arrival {
            host: receiver,
            entry: TraceEntry::Fabric {
                physical_network_id,
            },
            frame: frame.clone(),
            how: format!("from {} {carried}", names.host(host)),
        })
        .collect();
    let unknown = arrivals.is_empty() && !everybody;
    Next {
        left: network.sharing.external && (unknown || everybody),
        lost: (unknown && !network.sharing.external).then(|| nobody(names, network)),
        arrivals,
    }
}

fn nobody(names: &Names<'_>, network: &Network) -> String {
    let network = names.network(network);
    format!("it leaves for {network}, where no other host has its receiver")
}

/// The hosts where a port has this Ethernet address, as its own or in a pair; or an address of the network
/// behind which it is. A host's own is where others hand on what it lets out, or forwards.
fn hosts_with(names: &Names<'_>, network: NetworkId, mac: MacAddr) -> BTreeSet<HostId> {
    let intent = names.intent;
    if mac.is_public() {
        let owner = outside::behind(intent, network, mac);
        return owner
            .and_then(|owner| owner.host(intent))
            .into_iter()
            .collect();
    }
    let mut hosts = intent.hosts.keys();
    if let Some(host) = hosts.find(|it| MacAddr::router(**it) == mac) {
        return BTreeSet::from([*host]);
    }
    let owner = intent.port_with_mac(network, mac);
    let owner = owner.or_else(|| intent.port_with_virtual_mac(network, mac));
    let host = owner.and_then(|id| intent.ports.get(&id)?.host_id);
    host.into_iter().collect()
}

/// What a frame is on the cable.
pub(super) fn segment(
    physical_network_id: PhysicalNetworkId,
    frame: &[u8],
) -> (Option<VlanId>, Segment) {
    let header = frame.get(12..16).and_then(|it| it.first_chunk::<4>());
    let tag = header.filter(|it| it[..2] == TAGGED);
    let vlan = tag.map(|it| u16::from_be_bytes([it[2], it[3]]) & 0xfff);
    let vlan = vlan.and_then(|vlan| VlanId::try_from(vlan).ok());
    let segment = match vlan {
        Some(vlan) => Segment::Vlan {
            physical_network_id,
            vlan,
        },
        None => Segment::Flat {
            physical_network_id,
        },
    };
    (vlan, segment)
}
