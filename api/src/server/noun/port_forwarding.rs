//! Port forwardings.

use std::future::Future;
use std::sync::Arc;

use model::PortForwarding;
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::PortForwardingCreate;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

const PROTOCOLS: Kind = Kind::Word(&["tcp", "udp"]);

impl Listed for PortForwarding {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("floating_ip_id", Kind::Id, |it| {
            Key::Id(it.floating_ip_id.uuid())
        }),
        field("protocol", PROTOCOLS, |it| {
            Key::Text(it.protocol.to_string().into())
        }),
        field("external_port", Kind::Number, |it| {
            Key::Number(it.external_port.get().into())
        }),
        field("port_id", Kind::Id, |it| Key::Id(it.port_id.uuid())),
        field("port_address", Kind::Text, |it| {
            Key::Text(it.port_address.to_string().into())
        }),
        field("internal_port", Kind::Number, |it| {
            Key::Number(it.internal_port.get().into())
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.port_forwardings()
    }
}

impl Shown for PortForwarding {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.port_forwarding(id.into())
    }
}

impl Made for PortForwarding {
    fn read(fields: &mut Fields) -> Option<PortForwardingCreate> {
        let floating_ip_id = fields.required("floating_ip_id");
        let protocol = fields.required("protocol");
        let external_port = fields.required("external_port");
        let port_id = fields.required("port_id");
        let port_address = fields.optional("port_address");
        let internal_port = fields.optional("internal_port");
        Some(PortForwardingCreate {
            floating_ip_id: floating_ip_id?,
            protocol: protocol?,
            external_port: external_port?,
            port_id: port_id?,
            port_address,
            internal_port,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: PortForwardingCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.port_forwarding_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.port_forwarding_delete(caller, id.into())
    }
}
