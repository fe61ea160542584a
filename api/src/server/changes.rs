//! How far a change is carried out.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::respond::json;
use crate::access::Identity;
use crate::backend::{Backend, Outcome};
use crate::problem::Problem;
use crate::resource::ChangeView;

#[cfg(test)]
mod tests;

pub(super) async fn show<B: Backend>(
    State(backend): State<Arc<B>>,
    Extension(identity): Extension<Identity>,
    revision: Result<Path<String>, PathRejection>,
) -> Outcome<Response> {
    let text = revision.map_or(String::new(), |Path(text)| text);
    let revision = text.parse().map_err(|_| {
        let said = format!("{text:?}: expected the number of a change");
        Problem::not_found("change", said)
    })?;
    let change = backend.change(revision, identity.tenant_id).await?;
    let change = match identity.tenant_id {
        None => change,
        // How many hosts there are is not told either.
        Some(_) => ChangeView {
            hosts: Vec::new(),
            ..change
        },
    };
    Ok(json(StatusCode::OK, &change))
}
