//! What is done for each kind of route.

use std::borrow::Borrow;
use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::header::LOCATION;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use model::UsageOf;
use tracing::Instrument;
use uuid::Uuid;

use super::MAX_BODY_BYTES;
use super::billing::number;
use super::entity_tag::tagged;
use super::fields::Fields;
use super::format::Part;
use super::list::ListQuery;
use super::noun::{Changed, Listed, Made, Shown};
use super::respond::json;
use super::signed::{Signed, SignedOfOne};
use crate::access::{Identity, Sight};
use crate::backend::{Backend, Ledger, Outcome, UsageBackend};
use crate::problem::{Code, FieldCode, Problem};
use crate::request::{Paging, UsageQuery};
use crate::resource::{Resource, Version};

pub(super) async fn health<B: UsageBackend>(State(backend): State<Arc<B>>) -> Response {
    json(StatusCode::OK, &backend.health())
}

pub(super) async fn version() -> Response {
    let version = Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: "v1".to_owned(),
    };
    json(StatusCode::OK, &version)
}

pub(super) async fn inventory<B: Backend>(State(backend): State<Arc<B>>) -> Response {
    json(StatusCode::OK, &*backend.inventory())
}

pub(super) async fn usage<B: UsageBackend>(
    State(backend): State<Arc<B>>,
    uri: Uri,
) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let query = read_usage_query(&mut fields);
    let page = Paging {
        offset: query.cursor,
        limit: query.limit,
    };
    let part = Part::read(&mut fields, page);
    let query = fields.finish(Some(query))?;
    let items = backend.ledger()?.usage(query).await?;
    part.told(items, &uri)
}

fn read_usage_query(fields: &mut Fields) -> UsageQuery {
    let most = UsageQuery::MAX_LIMIT;
    let query = UsageQuery {
        by: fields.optional("by").unwrap_or(UsageOf::Tenant),
        from: fields.optional("from"),
        to: fields.optional("to"),
        tenant_id: fields.optional("tenant_id"),
        network_id: fields.optional("network_id"),
        port_id: fields.optional("port_id"),
        step: fields.optional("step"),
        sort: fields.optional("sort").unwrap_or_default(),
        limit: number(fields, "limit", 1..=most, most),
        cursor: number(fields, "cursor", 0..=u32::MAX, 0),
    };
    if query
        .from
        .zip(query.to)
        .is_some_and(|(from, to)| from >= to)
    {
        let message = "the range is empty: expected a time after `from`";
        fields.refuse("to", FieldCode::Inconsistent, message);
    }
    query
}

pub(super) async fn whoami(Extension(identity): Extension<Identity>) -> Response {
    json(StatusCode::OK, &identity)
}

pub(super) async fn list<B: Backend, T: Listed>(
    State(backend): State<Arc<B>>,
    Extension(identity): Extension<Identity>,
    uri: Uri,
) -> Outcome<Response> {
    let query = ListQuery::parse(&uri, T::FIELDS)?;
    let mut all = T::all(&*backend);
    if let Some(tenant) = identity.tenant_id {
        all.retain(|it| backend.sight(tenant, it.borrow().id()) == Sight::Visible);
    }
    Ok(json(StatusCode::OK, &query.page(&all)))
}

pub(super) async fn show<B: Backend, T: Shown>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
) -> Outcome<Response> {
    let id = parse_id::<T>(id)?;
    // Before the object: were it newer, an update could be lost.
    let tag = backend.tag(id);
    let object = T::one(&*backend, id);
    let object = object.ok_or_else(|| Problem::not_found(T::NOUN, id))?;
    Ok(tagged(json(StatusCode::OK, &object), tag))
}

pub(super) async fn create<B: Backend, T: Made>(
    State(backend): State<Arc<B>>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let caller = signed.creates(&body);
    let mut fields = Fields::of_body(&body)?;
    let request = T::read(&mut fields);
    let request = fields.finish(request)?;
    let made = finish(async move { T::create(&*backend, caller, request).await }).await?;
    let location = format!("/v1/{}/{}", T::COLLECTION, made.id());
    let mut response = json(StatusCode::CREATED, &made);
    if let Ok(location) = location.try_into() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn update<B: Backend, T: Changed>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: SignedOfOne,
    body: Result<Bytes, BytesRejection>,
) -> Outcome<Response> {
    let id = parse_id::<T>(id)?;
    let body = body.map_err(|rejection| bad_body(&rejection))?;
    let mut fields = Fields::of_body(&body)?;
    let request = T::read_update(&mut fields);
    let request = fields.finish(Some(request))?;
    let caller = signed.changes(&*backend, id)?;
    let changed = finish(async move { T::update(&*backend, caller, id, request).await }).await?;
    Ok(json(StatusCode::OK, &changed))
}

pub(super) async fn delete<B: Backend, T: Made>(
    State(backend): State<Arc<B>>,
    id: Result<Path<String>, PathRejection>,
    signed: SignedOfOne,
) -> Outcome<StatusCode> {
    let id = parse_id::<T>(id)?;
    let caller = signed.changes(&*backend, id)?;
    finish(async move { T::delete(&*backend, caller, id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn no_such_route(uri: Uri) -> Problem {
    let detail = format!("there is no {}; the API begins at /v1", uri.path());
    Problem::new(Code::NoSuchRoute, detail)
}

/// Of the server that only answers for usage: what is not here is the controller's.
pub(super) async fn no_such_usage_route(uri: Uri) -> Problem {
    let detail = format!("there is no {} here; ask the controller", uri.path());
    Problem::new(Code::NoSuchRoute, detail)
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} knows no {method}", uri.path());
    Problem::new(Code::MethodNotAllowed, detail)
}

/// Sees a change through, even if its client hangs up.
pub(super) async fn finish<T: Send + 'static>(
    change: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<T> {
    match tokio::spawn(change.in_current_span()).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Problem::new(
            Code::Busy,
            "the server is stopping; try again",
        )),
    }
}

pub(super) fn parse_id<T: Resource>(id: Result<Path<String>, PathRejection>) -> Outcome<Uuid> {
    let text = id.map_or(String::new(), |Path(text)| text);
    let id = Uuid::try_parse(&text).ok();
    id.ok_or_else(|| Problem::not_found(T::NOUN, format!("{text:?}: an id is a UUID")))
}

pub(super) fn bad_body(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("the body must be at most {MAX_BODY_BYTES} bytes");
        return Problem::new(Code::TooLarge, detail);
    }
    Problem::new(Code::MalformedBody, "the body could not be received whole")
}
