//! What logged rules let through: as hosts last said.

use super::{Listed, field};
use crate::backend::Backend;
use crate::resource::RuleHitsView;
use crate::server::key::{Field, Key, Kind};

impl Listed for RuleHitsView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("security_group_id", Kind::Id, |it| {
            Key::Id(it.security_group_id.uuid())
        }),
        field("packets", Kind::Number, |it| {
            Key::Number(it.traffic.packets)
        }),
        field("bytes", Kind::Number, |it| Key::Number(it.traffic.bytes)),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.rule_hits()
    }
}
