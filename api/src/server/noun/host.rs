//! Hosts: they join by their certificate, not by a request.

use uuid::Uuid;

use super::{Listed, Shown, field};
use crate::backend::Backend;
use crate::resource::HostView;
use crate::server::key::{Field, Key, Kind};

impl Listed for HostView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.host.id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.host.name.as_str())),
        field("endpoint", Kind::Text, |it| {
            Key::of(it.host.endpoint, |address| {
                Key::Text(address.to_string().into())
            })
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.host.created_at)),
        field("status.connected", Kind::Flag, |it| {
            Key::Flag(it.status.connected)
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.hosts()
    }
}

impl Shown for HostView {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.host(id.into())
    }
}
