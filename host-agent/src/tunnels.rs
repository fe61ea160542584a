//! Whether the hosts at the other ends of this host's tunnels are there. Pure.
//!
//! The switch itself asks for their signs of life, four times a second and whether or not there is an
//! agent; what it finds is in OVSDB, and a change of it wakes the reconcile task. So whoever decides by
//! it asks here, in a pass like any other, and finds the newest state.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::{Encapsulation, Tunnel, TunnelState};

use crate::observe::{BridgePort, Observed};
use crate::topology::peer_name;
use crate::wanted::Wanted;

/// Tunnels by what tells them apart.
pub type Tunnels = BTreeMap<(Encapsulation, IpAddr), Tunnel>;

/// Every tunnel that this host should have.
#[must_use]
pub fn tunnels(observed: &Observed, wanted: &Wanted) -> Tunnels {
    let ports = observed.integration().map(|bridge| &bridge.ports);
    let peers = wanted.peers.iter();
    let peers = peers.flat_map(|(kind, peers)| peers.iter().map(|peer| (*kind, *peer)));
    let tunnel = |(kind, peer)| {
        let port = ports.and_then(|ports| ports.get(&peer_name(kind, peer)));
        ((kind, peer), tunnel(kind, peer, port.filter(|it| it.ours)))
    };
    peers.map(tunnel).collect()
}

fn tunnel(kind: Encapsulation, peer: IpAddr, port: Option<&BridgePort>) -> Tunnel {
    let said = |key: &str| port.and_then(|port| port.bfd_status.get(key));
    let state = said("state").map_or(TunnelState::Down, |text| state(text));
    // Once a session was lost the switch keeps the reason, also when it is up again.
    let diagnostic = said("diagnostic").filter(|text| *text != "No Diagnostic");
    Tunnel {
        kind,
        peer,
        state,
        diagnostic: diagnostic.filter(|_| state != TunnelState::Up).cloned(),
    }
}

/// A state as `ovs-vswitchd.conf.db(5)` spells it.
fn state(text: &str) -> TunnelState {
    match text {
        "up" => TunnelState::Up,
        "init" => TunnelState::Init,
        "admin_down" => TunnelState::AdminDown,
        _ => TunnelState::Down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Bridge;

    const PEERS: [[u8; 4]; 3] = [[10, 254, 0, 2], [10, 254, 0, 3], [10, 254, 0, 4]];

    fn port(bfd_status: &[(&str, &str)]) -> BridgePort {
        let entries = bfd_status.iter();
        BridgePort {
            ours: true,
            bfd_status: entries
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..BridgePort::default()
        }
    }

    #[test]
    fn a_tunnel_is_up_when_the_switch_says_so_and_down_while_it_says_nothing() {
        let (kind, [up, lost, new]) = (Encapsulation::Vxlan, PEERS.map(IpAddr::from));
        let diagnostic = ("diagnostic", "Control Detection Time Expired");
        let ports = [
            (peer_name(kind, up), port(&[("state", "up"), diagnostic])),
            (
                peer_name(kind, lost),
                port(&[("state", "down"), diagnostic]),
            ),
        ];
        let integration = Bridge {
            ports: ports.into(),
            ..Bridge::default()
        };
        let observed = Observed {
            bridges: [("br-int".to_owned(), integration)].into(),
            ..Observed::default()
        };
        let wanted = Wanted {
            peers: [(kind, [up, lost, new].into())].into(),
            ..Wanted::default()
        };
        let found = tunnels(&observed, &wanted);
        let of = |peer| {
            (
                found[&(kind, peer)].state,
                found[&(kind, peer)].diagnostic.as_deref(),
            )
        };
        assert_eq!(of(up), (TunnelState::Up, None));
        assert_eq!(of(lost), (TunnelState::Down, Some(diagnostic.1)));
        assert_eq!(of(new), (TunnelState::Down, None));
    }

    #[test]
    fn a_port_of_somebody_else_is_no_sign_of_life() {
        let (kind, peer) = (Encapsulation::Geneve, IpAddr::from(PEERS[0]));
        let foreign = BridgePort {
            ours: false,
            ..port(&[("state", "up")])
        };
        assert_eq!(
            tunnel(kind, peer, Some(&foreign).filter(|it| it.ours)).state,
            TunnelState::Down
        );
    }

    #[test]
    fn names_of_ports_fit_into_an_interface_name_and_tell_peers_apart() {
        for (kind, _) in Encapsulation::ALL {
            for [peer, next] in [["10.254.0.2", "10.254.0.3"], ["fd00::2", "fd00::3"]] {
                let names = [peer, next].map(|peer| peer_name(*kind, peer.parse().unwrap()));
                assert!(names.iter().all(|name| name.len() <= 15), "{names:?}");
                assert_ne!(names[0], names[1]);
            }
        }
    }
}
