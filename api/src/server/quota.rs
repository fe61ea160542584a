//! What a tenant has and may have.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::{Quantity, QuotaLimit, Tenant};
use serde_json::Value;

use super::fields::Fields;
use super::handler::{bad_body, finish, parse_id};
use super::respond::json;
use super::signed::Signed;
use super::value::{FieldValue, number};
use crate::backend::{Backend, Outcome};
use crate::problem::{FieldCode, Problem};
use crate::request::{QuotaUpdate, Setting};

pub(super) async fn show<B: Backend>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
) -> Outcome<Response> {
    let id = parse_id::<Tenant>(id)?;
    let quota = backend.quota(id.into());
    let quota = quota.ok_or_else(|| Problem::not_found("tenant", id))?;
    Ok(json(StatusCode::OK, &quota))
}

pub(super) async fn change<B: Backend>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let id = parse_id::<Tenant>(id)?;
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let mut fields = Fields::of_body(&body)?;
    let request = read(&mut fields);
    let request = fields.finish(Some(request))?;
    let change = async move {
        let caller = signed.repeats();
        backend.quota_update(caller, id.into(), request).await
    };
    Ok(json(StatusCode::OK, &finish(change).await?))
}

fn read(fields: &mut Fields) -> QuotaUpdate {
    let said = Quantity::ALL.iter().filter_map(|(quantity, name, _)| {
        let limit = match fields.setting(name) {
            Setting::Kept => return None,
            Setting::Removed => None,
            Setting::To(limit) => Some(limit),
        };
        Some((*quantity, limit))
    });
    QuotaUpdate(said.collect())
}

impl FieldValue for QuotaLimit {
    const EXPECTED: &'static str =
        "a number from 0 to 4294967295, \"unlimited\", or null for the default";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match value {
            Value::String(text) if text == "unlimited" => Ok(Self::Unlimited),
            Value::String(_) => Err(FieldCode::OutOfRange),
            value => number(value).map(Self::AtMost),
        }
    }
}
