//! Networks of tenants.

use std::future::Future;
use std::sync::Arc;

use model::{Network, Sharing};
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{NetworkCreate, NetworkUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::limits;
use crate::server::value::Mtu;

impl Listed for Network {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("number", Kind::Number, |it| {
            Key::Number(it.number.get().into())
        }),
        field(
            "kind",
            Kind::Word(&["flat", "vlan", "vxlan", "geneve"]),
            |it| Key::text(it.segment.kind()),
        ),
        field("physical_network_id", Kind::Id, |it| {
            Key::Id(it.segment.physical_network_id().uuid())
        }),
        field("vlan", Kind::Number, |it| {
            Key::of(it.segment.vlan(), |vlan| Key::Number(vlan.get().into()))
        }),
        field("vni", Kind::Number, |it| {
            Key::of(it.segment.tunnel(), |(_, vni)| {
                Key::Number(vni.get().into())
            })
        }),
        field("external", Kind::Flag, |it| Key::Flag(it.sharing.external)),
        field("shared", Kind::Flag, |it| Key::Flag(it.sharing.shared)),
        field("isolated", Kind::Flag, |it| Key::Flag(it.sharing.isolated)),
        field("mtu", Kind::Number, |it| Key::Number(it.mtu.into())),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.networks()
    }
}

impl Shown for Network {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.network(id.into())
    }
}

impl Made for Network {
    fn read(fields: &mut Fields) -> Option<NetworkCreate> {
        let tenant_id = fields.required("tenant_id");
        let name = fields.required("name");
        let kind = fields.required("kind");
        let physical_network_id = fields.optional("physical_network_id");
        let vlan = fields.optional("vlan");
        let vni = fields.optional("vni");
        let mtu = fields.optional("mtu").map(|Mtu(mtu)| mtu);
        let sharing = sharing(fields);
        let limits = limits::read(fields);
        Some(NetworkCreate {
            tenant_id: tenant_id?,
            name: name?,
            kind: kind?,
            physical_network_id,
            vlan,
            vni,
            mtu,
            sharing,
            limits,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: NetworkCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.network_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.network_delete(caller, id.into())
    }
}

impl Changed for Network {
    fn read_update(fields: &mut Fields) -> NetworkUpdate {
        NetworkUpdate {
            limits: limits::read_update(fields),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: NetworkUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.network_update(caller, id.into(), request)
    }
}

/// What is absent is not so.
fn sharing(fields: &mut Fields) -> Sharing {
    let mut is = |name| fields.optional(name).unwrap_or_default();
    let (external, shared, isolated) = (is("external"), is("shared"), is("isolated"));
    let gateway_macs = fields.list("gateway_macs", Sharing::GATEWAY_MACS_MAX);
    Sharing {
        external,
        shared,
        isolated,
        gateway_macs: gateway_macs.unwrap_or_default(),
    }
}
