//! Routers.

use std::future::Future;
use std::sync::Arc;

use model::Router;
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{NetworksUpdate, RouterCreate, RouterUpdate, RoutesUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

impl Listed for Router {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.routers()
    }
}

impl Shown for Router {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.router(id.into())
    }
}

impl Made for Router {
    fn read(fields: &mut Fields) -> Option<RouterCreate> {
        let tenant_id = fields.required("tenant_id");
        let name = fields.required("name");
        let network_ids = fields.list("network_ids", Self::NETWORKS_MAX);
        Some(RouterCreate {
            tenant_id: tenant_id?,
            name: name?,
            network_ids: network_ids.unwrap_or_default(),
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: RouterCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.router_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.router_delete(caller, id.into())
    }
}

impl Changed for Router {
    fn read_update(fields: &mut Fields) -> RouterUpdate {
        let (networks, routes) = (Self::NETWORKS_MAX, Self::ROUTES_MAX);
        RouterUpdate {
            networks: NetworksUpdate {
                whole: fields.list("network_ids", networks),
                add: fields.list("add_network_ids", networks).unwrap_or_default(),
                remove: fields
                    .list("remove_network_ids", networks)
                    .unwrap_or_default(),
            },
            routes: RoutesUpdate {
                whole: fields.list("routes", routes),
                add: fields.list("add_routes", routes).unwrap_or_default(),
                remove: fields.list("remove_routes", routes).unwrap_or_default(),
            },
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: RouterUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.router_update(caller, id.into(), request)
    }
}
