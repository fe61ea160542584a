//! The tunnel ports of the integration bridge: one for each encapsulation in use, by which all frames
//! of overlays leave, and one for each peer, which tells whether the peer is there.
//!
//! ```text
//!     br-int                                     br-<name>
//!    +-------------------+  UDP to an endpoint  +----------------------------+ <nic>
//!    |       over-vxlan  o .. . . . . . . . . ..o own port: this host's       o------- switches
//!    |       over-geneve o                      |   endpoint, untagged        |
//!    |  vxlan-0afe0002   o .. BFD, VNI 0 . . . .o                             |
//!    +-------------------+                      +----------------------------+
//! ```
//!
//! Where a frame goes (`remote_ip`) and which network it is of (`key`) are for flows to say, so
//! that a thousand networks take no more ports than one.
//!
//! Open vSwitch asks for signs of life (BFD, RFC 5880) only where a port has one peer: hence the
//! others. They take VNI 0 alone, which no network has, and no flow knows them: no tenant's frame
//! comes in or goes out by one.

use std::net::IpAddr;

use model::plan::PlanKey;
use model::{Encapsulation, PhysicalNetworkId};

use super::Kept;
use super::edit::{Body, BridgeRow, Carries, Edit, NewPort};
use crate::gateways::WATCH;
use crate::observe::{Bridge, INTEGRATION_BRIDGE, Observed};
use crate::wanted::{Exit, Wanted};

/// The name of the port that frames leave by. No patch is called so: they begin with `to-`.
#[must_use]
pub fn exit_name(encapsulation: Encapsulation) -> String {
    format!("over-{encapsulation}")
}

/// The name of the port that tells whether a peer is there: at most 15 bytes. Endpoints are given in
/// ascending order from one prefix, so their last 32 bits tell them apart.
#[must_use]
pub fn peer_name(encapsulation: Encapsulation, peer: IpAddr) -> String {
    let bits = match peer {
        IpAddr::V4(peer) => peer.to_bits(),
        IpAddr::V6(peer) => {
            let [.., a, b, c, d] = peer.octets();
            u32::from_be_bytes([a, b, c, d])
        }
    };
    format!("{encapsulation}-{bits:08x}")
}

/// Milliseconds between two signs of life; three that fail to come are a peer that is gone. Up to 128
/// peers that is told within a second; with more they speak less often, so that all of them together
/// cost no more.
const fn interval_milliseconds(peers: usize) -> &'static str {
    match peers {
        0..=128 => "250",
        129..=512 => "1000",
        _ => "4000",
    }
}

/// The same where another host's traffic depends on it, up to so many peers: with the question to the
/// external network that follows, another host takes over within a second.
const WATCHED_MILLISECONDS: &str = "150";
const WATCHED_MAX: usize = 128;

/// The tunnels of one encapsulation.
struct Draft<'a> {
    integration: &'a Bridge,
    encapsulation: Encapsulation,
    carrier: PhysicalNetworkId,
    endpoint: String,
}

pub(super) fn plan(observed: &Observed, wanted: &Wanted, kept: &mut Kept, edit: &mut Edit) {
    let Some(integration) = observed.integration() else {
        return;
    };
    for (encapsulation, _) in Encapsulation::ALL {
        let Some((carrier, endpoint)) = carrier(wanted, *encapsulation) else {
            continue;
        };
        let draft = Draft {
            integration,
            encapsulation: *encapsulation,
            carrier,
            endpoint,
        };
        if draft.exit(kept, edit) {
            draft.peers(wanted, kept, edit);
        }
    }
}

impl Draft<'_> {
    /// The port that frames leave by. Gives whether there can be one.
    fn exit(&self, kept: &mut Kept, edit: &mut Edit) -> bool {
        let name = exit_name(self.encapsulation);
        let options = [
            ("remote_ip", "flow"),
            ("key", "flow"),
            ("local_ip", self.endpoint.as_str()),
        ];
        let port = self.port(&name, &options, &[]);
        let made = self.ensure(&port, kept, edit);
        if made {
            edit.exit(Exit::Tunnel(self.encapsulation), name);
        }
        made
    }

    /// The ports that tell whether peers are there.
    fn peers(&self, wanted: &Wanted, kept: &mut Kept, edit: &mut Edit) {
        let Some(peers) = wanted.peers.get(&self.encapsulation) else {
            return;
        };
        let watched = &wanted.watched;
        let interval = interval_milliseconds(peers.len());
        for peer in peers {
            let is_watched = self.encapsulation == WATCH && watched.contains(peer);
            let interval = match is_watched && watched.len() <= WATCHED_MAX {
                true => WATCHED_MILLISECONDS,
                false => interval,
            };
            let bfd = [
                ("enable", "true"),
                ("min_tx", interval),
                ("min_rx", interval),
            ];
            let remote = peer.to_string();
            let options = [
                ("remote_ip", remote.as_str()),
                ("key", "0"),
                ("local_ip", self.endpoint.as_str()),
            ];
            let name = peer_name(self.encapsulation, *peer);
            self.ensure(&self.port(&name, &options, &bfd), kept, edit);
        }
    }

    fn port<'a>(
        &self,
        name: &'a str,
        options: &'a [(&'a str, &'a str)],
        bfd: &'a [(&'a str, &'a str)],
    ) -> NewPort<'a> {
        NewPort {
            name,
            body: Body::Single {
                kind: self.encapsulation.name(),
                options,
                bfd,
            },
            carries: Carries::Anything,
        }
    }

    /// Makes a port, or makes it right, unless its name is somebody else's. Gives whether it is ours.
    fn ensure(&self, port: &NewPort, kept: &mut Kept, edit: &mut Edit) -> bool {
        let name = port.name;
        let there = self.integration.ports.get(name);
        if there.is_some_and(|port| !port.ours) {
            let reason = format!("{INTEGRATION_BRIDGE} has a port {name} that is not ours");
            edit.fail(PlanKey::PhysicalNetwork(self.carrier), reason);
            return false;
        }
        let row = BridgeRow::There(self.integration.row);
        super::ensure_port(Some(self.integration), &row, port, edit);
        if let Some(error) = there.and_then(|port| port.error.clone()) {
            edit.fail(PlanKey::PhysicalNetwork(self.carrier), error);
        }
        kept.port(INTEGRATION_BRIDGE, name);
        true
    }
}

/// The physical network that overlays of this kind are on, and this host's endpoint there, if the
/// host has such a network, or must know whether others live.
fn carrier(wanted: &Wanted, encapsulation: Encapsulation) -> Option<(PhysicalNetworkId, String)> {
    let mut networks = wanted.networks.values();
    let network = networks.find(|it| Exit::of(&it.segment) == Exit::Tunnel(encapsulation));
    let watches = encapsulation == WATCH && !wanted.watched.is_empty();
    let of_hosts = || {
        let mut networks = wanted.physical_networks.iter().filter(|_| watches);
        networks.find_map(|(id, network)| network.endpoint.is_some().then_some(*id))
    };
    let carrier = network.map(|it| it.segment.physical_network_id());
    let carrier = carrier.or_else(of_hosts)?;
    let endpoint = wanted.physical_networks.get(&carrier)?.endpoint?;
    Some((carrier, endpoint.addr().to_string()))
}
