//! Instances.

use std::future::Future;

use model::Driver;
use uuid::Uuid;

use super::port::MAX_GROUPS;
use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::InstanceCreate;
use crate::resource::InstanceView;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

/// The most VIFs that one request may give an instance by each of its two ways.
const MAX_VIFS: usize = 32;

impl Listed for InstanceView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.instance.id.uuid())),
        field("tenant_id", Kind::Id, |it| {
            Key::Id(it.instance.tenant_id.uuid())
        }),
        field("name", Kind::Text, |it| {
            Key::text(it.instance.name.as_str())
        }),
        field("host_id", Kind::Id, |it| {
            Key::Id(it.instance.host_id.uuid())
        }),
        field("driver", Kind::Word(&["netns"]), |it| {
            match it.instance.driver {
                Driver::Netns => Key::text("netns"),
            }
        }),
        field("created_at", Kind::Time, |it| {
            Key::Time(it.instance.created_at)
        }),
        field("status.running", Kind::Flag, |it| {
            Key::Flag(it.status.running)
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.instances()
    }
}

impl Shown for InstanceView {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.instance(id.into())
    }
}

impl Made for InstanceView {
    fn read(fields: &mut Fields) -> Option<InstanceCreate> {
        let tenant_id = fields.required("tenant_id");
        let name = fields.required("name");
        let host_id = fields.optional("host_id");
        let network_ids = fields.list("network_ids", MAX_VIFS);
        let security_group_ids = fields.list("security_group_ids", MAX_GROUPS);
        let port_ids = fields.list("port_ids", MAX_VIFS);
        Some(InstanceCreate {
            tenant_id: tenant_id?,
            name: name?,
            host_id,
            network_ids: network_ids.unwrap_or_default(),
            security_group_ids,
            port_ids: port_ids.unwrap_or_default(),
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: InstanceCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.instance_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.instance_delete(caller, id.into())
    }
}
