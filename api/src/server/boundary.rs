//! The boundary between a tenant and what is not the tenant's: what is hidden answers exactly as
//! what is missing.
//!
//! ```text
//!   request of a token held to a tenant
//!     path, body:  every id of a hidden object  ->  an id that nothing has (its mask)
//!                            |
//!                routes, handlers, decisions: there is nothing with that id
//!                            |
//!     answer:      every mask  ->  the id that was asked for;  ids of hosts  ->  nil
//! ```
//!
//! No handler and no decision has to think of it, so that none can forget to. That what is decided
//! touches the tenant's own objects alone is seen to again where it is written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::TenantId;
use serde_json::Value;
use uuid::Uuid;

use super::MAX_BODY_BYTES;
use super::guard::bearer_token;
use super::rate::Buckets;
use crate::access::Sight;
use crate::backend::UsageBackend;
use crate::problem::{Code, Problem};

#[cfg(test)]
mod tests;

/// Fields whose texts name things and refer to nothing: they stay as they are.
const NAMING: &[&str] = &["name", "description"];

/// Fields of answers that say where something is and what carries it. No query may name them either:
/// whoever sorts by one learns which objects have the same.
const PROVIDERS: &[&str] = &["host_id", "host_ids", "physical_network_id"];

/// Fields of answers that speak of hosts: a tenant's instances may move, and where they are stays untold.
const MOVES: &[&str] = &["migration", "stayed"];

/// The most bytes of an answer that is looked through.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Says who asks, and hides from them what is not theirs to see.
pub(super) async fn cross<B: UsageBackend>(
    State((backend, buckets)): State<(Arc<B>, Arc<Buckets>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = bearer_token(request.headers());
    // Without a valid token, the route says whether it needs one.
    let Some(identity) = token.and_then(|token| backend.authenticate(token)) else {
        return next.run(request).await;
    };
    let tenant = identity.tenant_id;
    request.extensions_mut().insert(identity);
    let Some(tenant) = tenant else {
        return next.run(request).await;
    };
    let limit = backend.requests_per_second(tenant);
    let allowance = buckets.take(tenant, limit, Instant::now());
    // Before anything of the request is read: a refusal must cost less than an answer.
    if let Some(refusal) = allowance.and_then(|it| it.refusal()) {
        return refusal;
    }
    let mut masks = Masks::new(|id| backend.sight(tenant, id) == Sight::Hidden);
    let response = match masked(request, &mut masks).await {
        Ok(request) => unmasked(next.run(request).await, &masks).await,
        Err(problem) => problem.into_response(),
    };
    match allowance {
        Some(allowance) => allowance.told(response),
        None => response,
    }
}

/// Holds a query of usage to a tenant: no parameter is the tenant's own, another's is nobody's.
///
/// # Errors
/// The tenant is given more than once, or the query is not one.
pub(super) fn hold_query(uri: &mut Uri, tenant: TenantId) -> Result<(), Problem> {
    let bad = || {
        let detail = "the query is not one; expected parameters, each once and tenant_id plain";
        Problem::new(Code::InvalidParameter, detail)
    };
    let query = uri.query().unwrap_or_default().to_owned();
    let parts = query.split('&').filter(|part| !part.is_empty());
    let mut kept = Vec::new();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if name.contains(['%', '+']) {
            return Err(bad());
        }
        if name != "tenant_id" {
            kept.push(part.to_owned());
            continue;
        }
        // Of another tenant, the answer is that of one that there is not.
        if value.parse() != Ok(tenant) {
            let detail = format!("there is no tenant {value}");
            return Err(Problem::new(Code::NotFound, detail));
        }
    }
    kept.push(format!("tenant_id={tenant}"));
    let whole = format!("{}?{}", uri.path(), kept.join("&"));
    *uri = whole.parse().map_err(|_| bad())?;
    Ok(())
}

/// Ids of hidden objects, and what stands for each within one request.
struct Masks<F> {
    is_hidden: F,
    by_id: HashMap<Uuid, Uuid>,
}

impl<F: Fn(Uuid) -> bool> Masks<F> {
    fn new(is_hidden: F) -> Self {
        Self {
            is_hidden,
            by_id: HashMap::new(),
        }
    }

    /// The text with what stands for ids of hidden objects, however those are spelled.
    fn mask<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for word in text.split(|it: char| !it.is_ascii_hexdigit() && it != '-') {
            let Ok(id) = Uuid::try_parse(word) else {
                continue;
            };
            if (self.is_hidden)(id) {
                let mask = self.by_id.entry(id).or_insert_with(Uuid::new_v4);
                masked = Cow::Owned(masked.replace(word, &mask.to_string()));
            }
        }
        masked
    }

    fn mask_value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(masked) = self.mask(text) {
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|it| self.mask_value(it)),
            Value::Object(fields) => {
                let referring = fields
                    .iter_mut()
                    .filter(|(name, _)| !NAMING.contains(&name.as_str()));
                referring.for_each(|(_, it)| self.mask_value(it));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The text with the ids that were asked for, and without any other that is hidden.
    fn unmask(&self, text: &str) -> String {
        let mut clear = text.to_owned();
        for word in text.split(|it: char| !it.is_ascii_hexdigit() && it != '-') {
            if let Ok(id) = Uuid::try_parse(word)
                && (self.is_hidden)(id)
            {
                clear = clear.replace(word, "(not yours)");
            }
        }
        for (id, mask) in &self.by_id {
            clear = clear.replace(&mask.to_string(), &id.to_string());
        }
        clear
    }

    fn unmask_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.unmask(text),
            Value::Array(items) => items.iter_mut().for_each(|it| self.unmask_value(it)),
            Value::Object(fields) => fields.values_mut().for_each(|it| self.unmask_value(it)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

async fn masked<F: Fn(Uuid) -> bool>(
    request: Request,
    masks: &mut Masks<F>,
) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path.contains('%') {
        // No route needs an escape, and an id behind one would not be seen.
        let detail = format!("there is no {path}; the API begins at /v1");
        return Err(Problem::new(Code::NoSuchRoute, detail));
    }
    if let Some(name) = provider_field(&parts.uri) {
        let detail = format!("there is no parameter {name}; see the fields of the objects");
        return Err(Problem::new(Code::InvalidParameter, detail));
    }
    if let Cow::Owned(path) = masks.mask(path) {
        let query = parts.uri.query().map(|it| format!("?{it}"));
        let whole = path + &query.unwrap_or_default();
        let fault = |_| Problem::new(Code::InvalidParameter, "the path is not one");
        parts.uri = whole.parse().map_err(fault)?;
    }
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        let detail = format!("the body must come whole and be at most {MAX_BODY_BYTES} bytes");
        Problem::new(Code::TooLarge, detail)
    })?;
    let body = masked_body(body, masks);
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether a field of an object says where it is or what carries it: no tenant's concern.
pub(super) fn is_providers_field(name: &str) -> bool {
    PROVIDERS.contains(&name) || MOVES.contains(&name)
}

/// What a query says of the provider's fields, as the name of a parameter or in the order to sort by.
fn provider_field(uri: &Uri) -> Option<&'static str> {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        // What cannot be read is refused by whoever reads it.
        return None;
    };
    let mut named = pairs.iter().flat_map(|(name, value)| match name.as_str() {
        "sort" => value.split(',').collect(),
        name => vec![name],
    });
    named.find_map(|name| {
        let mut fields = PROVIDERS.iter().copied();
        fields.find(|field| name.contains(field))
    })
}

/// The body written anew, whether anything in it is hidden or not: so that how it was written tells
/// nothing of what there is.
fn masked_body<F: Fn(Uuid) -> bool>(body: Bytes, masks: &mut Masks<F>) -> Bytes {
    let Ok(mut value) = serde_json::from_slice(&body) else {
        return body;
    };
    masks.mask_value(&mut value);
    serde_json::to_vec(&value).map_or(body, Bytes::from)
}

async fn unmasked<F: Fn(Uuid) -> bool>(response: Response, masks: &Masks<F>) -> Response {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        [
            HeaderValue::from_static("application/json"),
            HeaderValue::from_static("application/problem+json"),
        ]
        .contains(kind)
    });
    if !is_json {
        return response;
    }
    let is_problem = !response.status().is_success();
    let (mut parts, body) = response.into_parts();
    let cleared = to_bytes(body, MAX_ANSWER_BYTES).await.ok().and_then(|it| {
        let mut value: Value = serde_json::from_slice(&it).ok()?;
        match is_problem {
            true => masks.unmask_value(&mut value),
            false => hide_hosts(&mut value),
        }
        serde_json::to_vec(&value).ok()
    });
    let Some(cleared) = cleared else {
        let detail = "the answer could not be prepared; ask for less at once";
        return Problem::new(Code::Internal, detail).into_response();
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(cleared))
}

/// Takes away what says where something is: a tenant's concern is that it is.
fn hide_hosts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_hosts),
        Value::Object(fields) => {
            fields.retain(|name, _| !MOVES.contains(&name.as_str()));
            for (name, it) in fields.iter_mut() {
                match it {
                    Value::String(id) if PROVIDERS.contains(&name.as_str()) => {
                        *id = Uuid::nil().to_string();
                    }
                    Value::Array(ids) if PROVIDERS.contains(&name.as_str()) => ids.clear(),
                    it => hide_hosts(it),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
