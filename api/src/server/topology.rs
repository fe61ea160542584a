//! The topology: one thing of the pool, read whole and changed in parts.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::Role;

use super::fields::Fields;
use super::handler::{bad_body, finish, parse_id};
use super::respond::json;
use super::signed::Signed;
use super::value::{ConfirmWithin, HostPrefix, Mtu};
use crate::backend::{Backend, Outcome};
use crate::request::{HostUplinkSet, RoleChange, Setting, TopologyChange};
use crate::resource::HostView;

#[cfg(test)]
mod tests;

pub(super) async fn show<B: Backend>(State(backend): State<Arc<B>>) -> Response {
    json(StatusCode::OK, &backend.topology())
}

pub(super) async fn change<B: Backend>(
    State(backend): State<Arc<B>>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let mut fields = Fields::of_body(&body)?;
    let change = read_change(&mut fields);
    let change = fields.finish(Some(change))?;
    let change = async move { backend.topology_change(signed.repeats(), change).await };
    Ok(json(StatusCode::OK, &finish(change).await?))
}

fn read_change(fields: &mut Fields) -> TopologyChange {
    let mut change = TopologyChange::default();
    for (role, name) in Role::ALL {
        match fields.object(name, read_role) {
            Setting::Kept => {}
            Setting::Removed => _ = change.roles.insert(*role, None),
            Setting::To(setup) => _ = change.roles.insert(*role, Some(setup)),
        }
    }
    let seconds = fields.optional("confirm_within_seconds");
    change.confirm_within_seconds = seconds.map(|ConfirmWithin(seconds)| seconds);
    change
}

fn read_role(fields: &mut Fields) -> RoleChange {
    RoleChange {
        uplink: fields.optional("uplink"),
        vlans: fields.setting("vlans"),
        native_vlan: fields.optional("native_vlan"),
        mtu: fields.optional("mtu").map(|Mtu(mtu)| mtu),
        endpoints: fields.setting("endpoints"),
    }
}

pub(super) async fn set_host_uplink<B: Backend>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let id = parse_id::<HostView>(id)?;
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let mut fields = Fields::of_body(&body)?;
    let request = read_host_uplink(&mut fields);
    let request = fields.finish(request)?;
    let change = async move {
        let caller = signed.repeats();
        backend.host_uplink_set(caller, id.into(), request).await
    };
    Ok(json(StatusCode::OK, &finish(change).await?))
}

fn read_host_uplink(fields: &mut Fields) -> Option<HostUplinkSet> {
    let physical_network_id = fields.required("physical_network_id");
    let uplink = fields.optional("uplink");
    let address = fields.optional("address");
    let gateway = fields.optional("gateway");
    let seconds = fields.optional("confirm_within_seconds");
    Some(HostUplinkSet {
        physical_network_id: physical_network_id?,
        uplink,
        address: address.map(|HostPrefix(address)| address),
        gateway,
        confirm_within_seconds: seconds.map(|ConfirmWithin(seconds)| seconds),
    })
}
