//! Tunnels: they come and go with the overlays that hosts share.

use super::{Listed, field};
use crate::backend::Backend;
use crate::resource::TunnelView;
use crate::server::key::{Field, Key, Kind};

/// The names of all kinds.
const KINDS: Kind = Kind::Word(&["vxlan", "geneve"]);
/// The names of all states.
const STATES: Kind = Kind::Word(&["up", "down", "init", "admin-down"]);

impl Listed for TunnelView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id)),
        field("host_id", Kind::Id, |it| Key::Id(it.host_id.uuid())),
        field("peer_host_id", Kind::Id, |it| {
            Key::of(it.peer_host_id, |id| Key::Id(id.uuid()))
        }),
        field("kind", KINDS, |it| Key::text(it.tunnel.kind.name())),
        field("peer", Kind::Address, |it| Key::Address(it.tunnel.peer)),
        field("state", STATES, |it| Key::text(it.tunnel.state.name())),
        field("diagnostic", Kind::Text, |it| {
            Key::of(it.tunnel.diagnostic.as_deref(), Key::text)
        }),
        field("since", Kind::Time, |it| Key::Time(it.since)),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.tunnels()
    }
}

#[cfg(test)]
mod tests {
    use model::TunnelState;

    use super::*;

    #[test]
    fn every_state_and_kind_can_be_asked_for() {
        let names = |kind: &Kind| match kind {
            Kind::Word(names) => names.to_vec(),
            _ => Vec::new(),
        };
        let states: Vec<_> = TunnelState::ALL.iter().map(|(_, name)| *name).collect();
        assert_eq!(names(&STATES), states);
        let kinds: Vec<_> = model::Encapsulation::ALL
            .iter()
            .map(|(_, name)| *name)
            .collect();
        assert_eq!(names(&KINDS), kinds);
    }
}
