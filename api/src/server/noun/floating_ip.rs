//! Floating IPs.

use std::future::Future;
use std::sync::Arc;

use model::FloatingIp;
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{FloatingIpCreate, FloatingIpUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

impl Listed for FloatingIp {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("network_id", Kind::Id, |it| Key::Id(it.network_id.uuid())),
        field("address", Kind::Text, |it| {
            Key::Text(it.address.to_string().into())
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.floating_ips()
    }
}

impl Shown for FloatingIp {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.floating_ip(id.into())
    }
}

impl Made for FloatingIp {
    fn read(fields: &mut Fields) -> Option<FloatingIpCreate> {
        let tenant_id = fields.required("tenant_id");
        let network_id = fields.required("network_id");
        let family = fields.optional("family");
        let address = fields.optional("address");
        let port_id = fields.optional("port_id");
        let port_address = fields.optional("port_address");
        Some(FloatingIpCreate {
            tenant_id: tenant_id?,
            network_id: network_id?,
            family,
            address,
            port_id,
            port_address,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: FloatingIpCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.floating_ip_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.floating_ip_delete(caller, id.into())
    }
}

impl Changed for FloatingIp {
    fn read_update(fields: &mut Fields) -> FloatingIpUpdate {
        FloatingIpUpdate {
            port_id: fields.setting("port_id"),
            port_address: fields.optional("port_address"),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: FloatingIpUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.floating_ip_update(caller, id.into(), request)
    }
}
