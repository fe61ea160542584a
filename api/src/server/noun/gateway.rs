//! Gateways of routers.

use std::future::Future;
use std::sync::Arc;

use model::{Gateway, Snat};
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::GatewayCreate;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

const SNAT: Kind = Kind::Word(&["on", "off"]);

impl Listed for Gateway {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("router_id", Kind::Id, |it| Key::Id(it.router_id.uuid())),
        field("network_id", Kind::Id, |it| Key::Id(it.network_id.uuid())),
        field("snat", SNAT, |it| match it.snat {
            Snat::On => Key::text("on"),
            Snat::Off => Key::text("off"),
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.gateways()
    }
}

impl Shown for Gateway {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.gateway(id.into())
    }
}

impl Made for Gateway {
    fn read(fields: &mut Fields) -> Option<GatewayCreate> {
        let router_id = fields.required("router_id");
        let network_id = fields.required("network_id");
        let snat = fields.optional("snat");
        let host_ids = fields.list("host_ids", Self::HOSTS_MAX);
        Some(GatewayCreate {
            router_id: router_id?,
            network_id: network_id?,
            snat,
            host_ids: host_ids.unwrap_or_default(),
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: GatewayCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.gateway_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.gateway_delete(caller, id.into())
    }
}
