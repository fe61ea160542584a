//! Ports.

use std::future::Future;

use model::{Name, Port, PortState, SpoofGuard};
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{AddressesUpdate, AllowedUpdate, PortCreate, PortUpdate};
use crate::resource::PortView;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::limits;

/// The most security groups that are read of one port.
pub(super) const MAX_GROUPS: usize = 64;

const STATES: Kind = Kind::Word(&["down", "standby", "building", "active"]);
const GUARDS: Kind = Kind::Word(&["on", "off"]);

impl Listed for PortView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.port.id.uuid())),
        field("tenant_id", Kind::Id, |it| {
            Key::Id(it.port.tenant_id.uuid())
        }),
        field("network_id", Kind::Id, |it| {
            Key::Id(it.port.network_id.uuid())
        }),
        field("name", Kind::Text, |it| {
            Key::of(it.port.name.as_ref().map(Name::as_str), Key::text)
        }),
        field("mac", Kind::Text, |it| {
            Key::Text(it.port.mac.to_string().into())
        }),
        field("host_id", Kind::Id, |it| {
            Key::of(it.port.host_id, |id| Key::Id(id.uuid()))
        }),
        field("instance_id", Kind::Id, |it| {
            Key::of(it.port.instance_id, |id| Key::Id(id.uuid()))
        }),
        field("spoof_guard", GUARDS, |it| match it.port.spoof_guard {
            SpoofGuard::On => Key::text("on"),
            SpoofGuard::Off => Key::text("off"),
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.port.created_at)),
        field("status.state", STATES, |it| match it.status.state {
            PortState::Down => Key::text("down"),
            PortState::Standby => Key::text("standby"),
            PortState::Building => Key::text("building"),
            PortState::Active => Key::text("active"),
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.ports()
    }
}

impl Shown for PortView {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.port(id.into())
    }
}

impl Made for PortView {
    fn read(fields: &mut Fields) -> Option<PortCreate> {
        let network_id = fields.required("network_id");
        let tenant_id = fields.optional("tenant_id");
        let name = fields.optional("name");
        let mac = fields.optional("mac");
        let addresses = fields.list("addresses", Port::ADDRESSES_MAX);
        let allowed = fields.list("allowed", Port::ALLOWED_MAX);
        let spoof_guard = fields.optional("spoof_guard");
        let limits = limits::read(fields);
        let security_group_ids = fields.list("security_group_ids", MAX_GROUPS);
        let host_id = fields.optional("host_id");
        Some(PortCreate {
            network_id: network_id?,
            tenant_id,
            name,
            mac,
            addresses,
            allowed: allowed.unwrap_or_default(),
            spoof_guard,
            limits,
            security_group_ids,
            host_id,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: PortCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.port_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.port_delete(caller, id.into())
    }
}

impl Changed for PortView {
    fn read_update(fields: &mut Fields) -> PortUpdate {
        let (addresses, pairs) = (Port::ADDRESSES_MAX, Port::ALLOWED_MAX);
        PortUpdate {
            addresses: AddressesUpdate {
                whole: fields.list("addresses", addresses),
                add: fields.list("add_addresses", addresses).unwrap_or_default(),
                remove: fields
                    .list("remove_addresses", addresses)
                    .unwrap_or_default(),
            },
            allowed: AllowedUpdate {
                whole: fields.list("allowed", pairs),
                add: fields.list("add_allowed", pairs).unwrap_or_default(),
                remove: fields.list("remove_allowed", pairs).unwrap_or_default(),
            },
            spoof_guard: fields.optional("spoof_guard"),
            limits: limits::read_update(fields),
            security_group_ids: fields.list("security_group_ids", MAX_GROUPS),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: PortUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.port_update(caller, id.into(), request)
    }
}
