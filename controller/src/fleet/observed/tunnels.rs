//! What hosts say of their tunnels.

use std::collections::BTreeSet;
use std::net::IpAddr;

use imbl::OrdMap;
use model::{Encapsulation, Timestamp, Tunnel, TunnelState};

use super::super::events::shortened;
use super::{ENTRIES_MAX, News};

/// What tells the tunnels of one host apart.
type Key = (Encapsulation, IpAddr);

/// The tunnels of one host.
pub(super) type SeenTunnels = OrdMap<Key, SeenTunnel>;

/// A tunnel, and since when it is so.
#[derive(Clone, Debug)]
pub(crate) struct SeenTunnel {
    pub(crate) tunnel: Tunnel,
    pub(crate) since: Timestamp,
    /// Whether its two ends ever heard each other: only what was up can go down.
    established: bool,
}

/// What a host says of its tunnels.
pub(super) struct Said<'a> {
    /// Whether what is not listed is not there.
    pub(super) complete: bool,
    pub(super) tunnels: Vec<Tunnel>,
    pub(super) gone: &'a [Key],
}

/// Takes in what a host says.
pub(super) fn absorb(seen: &mut SeenTunnels, said: Said, news: &mut News) {
    if said.complete {
        let listed: BTreeSet<Key> = said.tunnels.iter().map(|it| (it.kind, it.peer)).collect();
        let unlisted = seen.keys().filter(|key| !listed.contains(key));
        let unlisted: Vec<Key> = unlisted.copied().collect();
        for key in unlisted {
            seen.remove(&key);
        }
    }
    for key in said.gone {
        seen.remove(key);
    }
    for tunnel in said.tunnels {
        let key = (tunnel.kind, tunnel.peer);
        let before = seen.get(&key);
        if before.is_none() && seen.len() >= ENTRIES_MAX {
            news.truncated = true;
            continue;
        }
        let after = follow(before, tunnel);
        if before.is_some_and(|before| turned(before, &after)) {
            news.tunnels.push(after.tunnel.clone());
        }
        seen.insert(key, after);
    }
}

fn follow(before: Option<&SeenTunnel>, tunnel: Tunnel) -> SeenTunnel {
    let same = before.filter(|before| before.tunnel.state == tunnel.state);
    let up = tunnel.state == TunnelState::Up;
    SeenTunnel {
        since: same.map_or_else(Timestamp::now, |same| same.since),
        established: up || before.is_some_and(|before| before.established),
        tunnel: Tunnel {
            diagnostic: tunnel.diagnostic.map(shortened),
            ..tunnel
        },
    }
}

/// Whether operators want to hear of it: what was up is not, or is again.
fn turned(before: &SeenTunnel, after: &SeenTunnel) -> bool {
    let up = |it: &SeenTunnel| it.tunnel.state == TunnelState::Up;
    before.established && up(before) != up(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(last: u8, state: TunnelState) -> Tunnel {
        Tunnel {
            kind: Encapsulation::Vxlan,
            peer: [10, 254, 0, last].into(),
            state,
            diagnostic: None,
        }
    }

    fn changed(tunnels: Vec<Tunnel>) -> Said<'static> {
        Said {
            complete: false,
            tunnels,
            gone: &[],
        }
    }

    #[test]
    fn only_what_was_up_goes_down_and_each_turn_is_told_once() {
        use TunnelState::{Down, Init, Up};
        let mut seen = SeenTunnels::new();
        // Each state in turn, and whether operators are told.
        let turns = [
            (Down, false),
            (Init, false),
            (Up, false),
            (Up, false),
            (Down, true),
            (Init, false),
            (Up, true),
        ];
        for (step, (state, told)) in turns.into_iter().enumerate() {
            let mut news = News::default();
            absorb(&mut seen, changed(vec![tunnel(2, state)]), &mut news);
            assert_eq!(news.tunnels.len(), usize::from(told), "step {step}");
        }
    }

    #[test]
    fn what_a_complete_report_does_not_list_and_what_is_gone_is_forgotten() {
        let mut seen = SeenTunnels::new();
        let complete = |tunnels: &[Tunnel]| Said {
            complete: true,
            ..changed(tunnels.to_vec())
        };
        let three = [2, 3, 4].map(|last| tunnel(last, TunnelState::Up));
        absorb(&mut seen, complete(&three), &mut News::default());
        absorb(&mut seen, complete(&three[..2]), &mut News::default());
        assert_eq!(seen.len(), 2);
        let gone = Said {
            gone: &[(three[0].kind, three[0].peer)],
            ..changed(Vec::new())
        };
        absorb(&mut seen, gone, &mut News::default());
        let left: Vec<_> = seen.values().map(|it| it.tunnel.clone()).collect();
        assert_eq!(left, [three[1].clone()]);
    }

    #[test]
    fn a_host_cannot_fill_the_memory_with_tunnels() {
        let mut seen = SeenTunnels::new();
        let many = (0..u32::try_from(ENTRIES_MAX).unwrap() + 10).map(|number| Tunnel {
            peer: std::net::Ipv4Addr::from(number).into(),
            ..tunnel(1, TunnelState::Up)
        });
        let mut news = News::default();
        absorb(&mut seen, changed(many.collect()), &mut news);
        assert_eq!(seen.len(), ENTRIES_MAX);
        assert!(news.truncated);
    }
}
