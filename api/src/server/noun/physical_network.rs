//! Physical networks.

use std::future::Future;
use std::sync::Arc;

use model::{PhysicalNetwork, Role};
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::PhysicalNetworkCreate;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::value::{BridgedName, Mtu};

const ROLES: Kind = Kind::Word(&["management", "private", "public", "storage"]);

impl Listed for PhysicalNetwork {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("role", ROLES, |it| Key::text(role_name(it.role))),
        field("uplink", Kind::Text, |it| {
            Key::Text(it.uplink.to_string().into())
        }),
        field("vlans", Kind::Text, |it| {
            Key::of(it.vlans.as_ref(), |vlans| {
                Key::Text(vlans.to_string().into())
            })
        }),
        field("native_vlan", Kind::Number, |it| {
            Key::Number(it.native_vlan.get().into())
        }),
        field("mtu", Kind::Number, |it| Key::Number(it.mtu.into())),
        field("endpoints", Kind::Text, |it| {
            Key::of(it.endpoints, |prefix| Key::Text(prefix.to_string().into()))
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.physical_networks()
    }
}

impl Shown for PhysicalNetwork {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.physical_network(id.into())
    }
}

impl Made for PhysicalNetwork {
    fn read(fields: &mut Fields) -> Option<PhysicalNetworkCreate> {
        let name = fields.required("name");
        let role = fields.required("role");
        let uplink = fields.required("uplink");
        let vlans = fields.optional("vlans");
        let native_vlan = fields.optional("native_vlan");
        let mtu = fields.optional("mtu").map(|Mtu(mtu)| mtu);
        let endpoints = fields.optional("endpoints");
        let BridgedName(name) = name?;
        Some(PhysicalNetworkCreate {
            name,
            role: role?,
            uplink: uplink?,
            vlans,
            native_vlan,
            mtu,
            endpoints,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: PhysicalNetworkCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.physical_network_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.physical_network_delete(caller, id.into())
    }
}

fn role_name(role: Role) -> &'static str {
    let found = Role::ALL.iter().find(|(candidate, _)| *candidate == role);
    found.map_or("", |(_, name)| name)
}
