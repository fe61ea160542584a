//! Tenants that go, alone or with all that is theirs.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use model::Tenant;
use serde_json::Value;

use super::fields::Fields;
use super::handler::{finish, parse_id};
use super::respond::json;
use super::signed::SignedOfOne;
use super::value::{FieldValue, word};
use crate::backend::{Backend, Outcome};
use crate::problem::FieldCode;

#[cfg(test)]
mod tests;

/// What is asked of a tenant that is to go.
enum Asked {
    /// That it goes if it owns nothing.
    Alone,
    /// What would go with it; nothing is changed.
    Preview,
    /// That it goes with all that is its own.
    Whole,
}

pub(super) async fn delete<B: Backend>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: SignedOfOne,
    uri: Uri,
) -> Outcome<Response> {
    let id = parse_id::<Tenant>(id)?;
    let caller = signed.changes(&*backend, id)?;
    let id = id.into();
    let contents = match asked(&uri)? {
        Asked::Alone => {
            finish(async move { backend.tenant_delete(caller, id).await }).await?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Asked::Preview => backend.tenant_contents(id)?,
        Asked::Whole => {
            finish(async move { backend.tenant_delete_whole(caller, id).await }).await?
        }
    };
    Ok(json(StatusCode::OK, &contents))
}

fn asked(uri: &Uri) -> Outcome<Asked> {
    let mut fields = Fields::of_query(uri)?;
    let preview = is_true(&mut fields, "preview");
    let cascade = is_true(&mut fields, "cascade");
    let asked = match (preview, cascade) {
        (false, false) => Asked::Alone,
        (false, true) => Asked::Whole,
        (true, _) => Asked::Preview,
    };
    fields.finish(Some(asked))
}

/// A word of a query that is said or not.
#[derive(PartialEq, Eq)]
struct Said(bool);

fn is_true(fields: &mut Fields, name: &'static str) -> bool {
    fields.optional(name) == Some(Said(true))
}

impl FieldValue for Said {
    const EXPECTED: &'static str = "one of \"true\", \"false\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, &[(true, "true"), (false, "false")]).map(Self)
    }
}
