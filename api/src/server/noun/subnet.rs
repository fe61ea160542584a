//! Subnets.

use std::future::Future;
use std::sync::Arc;

use model::{DomainName, Handout, Name, Subnet};
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{SubnetCreate, SubnetUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::value::Lease;

impl Listed for Subnet {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("network_id", Kind::Id, |it| Key::Id(it.network_id.uuid())),
        field("name", Kind::Text, |it| {
            Key::of(it.name.as_ref().map(Name::as_str), Key::text)
        }),
        field("cidr", Kind::Prefix, |it| Key::Prefix(it.cidr)),
        field("gateway", Kind::Address, |it| Key::Address(it.gateway)),
        field("dhcp", Kind::Flag, |it| Key::Flag(it.handout.dhcp)),
        field("lease_seconds", Kind::Number, |it| {
            Key::Number(it.handout.lease_seconds.into())
        }),
        field("dns_names", Kind::Flag, |it| {
            Key::Flag(it.handout.dns_names)
        }),
        field("domain", Kind::Text, |it| {
            let domain = it.handout.domain.as_ref();
            Key::of(domain.map(DomainName::as_str), Key::text)
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.subnets()
    }
}

impl Shown for Subnet {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.subnet(id.into())
    }
}

impl Made for Subnet {
    fn read(fields: &mut Fields) -> Option<SubnetCreate> {
        let network_id = fields.required("network_id");
        let name = fields.optional("name");
        let cidr = fields.required("cidr");
        let gateway = fields.optional("gateway");
        let pools = fields.list("pools", Subnet::POOLS_MAX);
        let handout = handout(fields);
        Some(SubnetCreate {
            network_id: network_id?,
            name,
            cidr: cidr?,
            gateway,
            pools,
            handout,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: SubnetCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.subnet_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.subnet_delete(caller, id.into())
    }
}

impl Changed for Subnet {
    fn read_update(fields: &mut Fields) -> SubnetUpdate {
        SubnetUpdate {
            gateway: fields.optional("gateway"),
            pools: fields.list("pools", Self::POOLS_MAX),
            dhcp: fields.optional("dhcp"),
            dns: fields.list("dns", Handout::DNS_MAX),
            domain: fields.setting("domain"),
            routes: fields.list("routes", Handout::ROUTES_MAX),
            lease_seconds: fields.optional::<Lease>("lease_seconds").map(|it| it.0),
            dns_names: fields.optional("dns_names"),
            dns_forward: fields.list("dns_forward", Handout::DNS_FORWARD_MAX),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: SubnetUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.subnet_update(caller, id.into(), request)
    }
}

fn handout(fields: &mut Fields) -> Handout {
    let dns = fields.list("dns", Handout::DNS_MAX);
    let dhcp = fields.optional("dhcp");
    let domain = fields.optional("domain");
    let routes = fields.list("routes", Handout::ROUTES_MAX);
    let lease = fields.optional::<Lease>("lease_seconds");
    let dns_names = fields.optional("dns_names");
    let dns_forward = fields.list("dns_forward", Handout::DNS_FORWARD_MAX);
    Handout {
        dhcp: dhcp.unwrap_or(Handout::default().dhcp),
        dns: dns.unwrap_or_default(),
        domain,
        routes: routes.unwrap_or_default(),
        lease_seconds: lease.map_or(Handout::default().lease_seconds, |it| it.0),
        dns_names: dns_names.unwrap_or_default(),
        dns_forward: dns_forward.unwrap_or_default(),
    }
}
