//! Plugging ports into guests that run, and out of them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::fields::Fields;
use super::handler::{bad_body, finish, parse_id};
use super::respond::json;
use super::signed::Signed;
use crate::backend::{Backend, Outcome};
use crate::request::PortAttach;
use crate::resource::PortView;

pub(super) async fn attach<B: Backend>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let id = parse_id::<PortView>(id)?;
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let mut fields = Fields::of_body(&body)?;
    let request = read(&mut fields);
    let request = fields.finish(request)?;
    let change = async move {
        let caller = signed.repeats();
        backend.port_attach(caller, id.into(), request).await
    };
    Ok(json(StatusCode::OK, &finish(change).await?))
}

pub(super) async fn detach<B: Backend>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: Signed,
) -> Outcome<Response> {
    let id = parse_id::<PortView>(id)?;
    let change = async move { backend.port_detach(signed.repeats(), id.into()).await };
    Ok(json(StatusCode::OK, &finish(change).await?))
}

fn read(fields: &mut Fields) -> Option<PortAttach> {
    let host_id = fields.required("host_id");
    let guest = fields.required("guest");
    Some(PortAttach {
        host_id: host_id?,
        guest: guest?,
    })
}
