//! Hosts: they join by their certificate, not by a request.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use uuid::Uuid;

use super::{Listed, Shown, field};
use crate::backend::{Backend, Outcome};
use crate::problem::FieldCode;
use crate::request::Placement;
use crate::resource::HostView;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::list::ListQuery;
use crate::server::respond::json;

/// All hosts, or those where a VIF would work.
pub(in crate::server) async fn list<B: Backend>(
    State(backend): State<Arc<B>>,
    uri: Uri,
) -> Outcome<Response> {
    let (query, placement) = ListQuery::parse_with(&uri, HostView::FIELDS, placement)?;
    let hosts = match placement {
        Some(placement) => backend.hosts_fitting(placement)?,
        None => backend.hosts(),
    };
    Ok(json(StatusCode::OK, &query.page(&hosts)))
}

fn placement(parameters: &mut Fields) -> Option<Placement> {
    let asked = parameters.has("fits");
    let network = parameters.optional("fits");
    let bandwidth = parameters.optional("bandwidth");
    if bandwidth.is_some() && !asked {
        let message = "is said of a VIF; say with fits=<network> what it is to be on";
        parameters.refuse("bandwidth", FieldCode::Inconsistent, message);
    }
    Some(Placement {
        network_id: network?,
        bandwidth,
    })
}

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
