//! What every request passes on its way in: a name, a limit of time, and the question who asks.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::AccessVerb;
use tracing::Instrument;
use uuid::Uuid;

use super::boundary;
use super::routes::{Method, Noun, Route};
use crate::access::{Access, Identity};
use crate::problem::{Code, Problem};

/// The header that names a request.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// The longest name a client may give: to a request, or to a creation.
const MAX_NAME_BYTES: usize = 128;

/// The name of a request: in its answer, in the log, and in the audit log.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

tokio::task_local! {
    /// The name of the request that is being answered.
    static REQUEST: String;
}

/// The name of the request that is being answered, if one is.
pub(super) fn name_of_request() -> Option<String> {
    REQUEST.try_with(Clone::clone).ok()
}

/// Names the request, by the client's own name if it has a usable one, and logs how it went.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let given = visible_name(request.headers(), REQUEST_ID).ok().flatten();
    let id = given.unwrap_or_else(|| Uuid::now_v7().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request.id = %id);
    let started = Instant::now();
    async move {
        let mut response = REQUEST.scope(id.clone(), next.run(request)).await;
        let status = response.status();
        let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        match status.is_server_error() {
            true => tracing::warn!(
                status = status.as_u16(),
                elapsed_ms,
                "{method} {path}: {status}"
            ),
            false => tracing::debug!(
                status = status.as_u16(),
                elapsed_ms,
                "{method} {path}: {status}"
            ),
        }
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

/// A panic is a fault of ours: the client is told so, and nothing else stops.
pub(super) fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!("a request panicked: {}", text.unwrap_or("no message"));
    let detail = "the server failed at this request; its log has the reason under the request's id";
    Problem::new(Code::Internal, detail).into_response()
}

/// Answers for a request that takes too long.
pub(super) async fn limit_time(
    State(patience): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let in_time = tokio::time::timeout(patience, next.run(request)).await;
    in_time.unwrap_or_else(|_| {
        let seconds = patience.as_secs();
        let detail = format!(
            "not done after {seconds} s; a change may still come about: repeat it under the same \
             Idempotency-Key"
        );
        Problem::new(Code::Timeout, detail).into_response()
    })
}

/// Lets through whose token allows what the route's row says.
pub(super) async fn authorize(
    State(route): State<&'static Route>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(identity) = request.extensions().get::<Identity>().cloned() else {
        let detail = "send a valid token as `Authorization: Bearer <token>`";
        return Problem::new(Code::Unauthenticated, detail).into_response();
    };
    if let Err(problem) = may(&identity, route) {
        return problem.into_response();
    }
    if let (Access::Usage, Some(tenant)) = (route.access, identity.tenant_id)
        && let Err(problem) = boundary::hold_query(request.uri_mut(), tenant)
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn may(identity: &Identity, route: &Route) -> Result<(), Problem> {
    if !route.access.allows(identity.role, identity.tenant_id) {
        let role = identity.role.name();
        let detail = format!("this is not for the role {role} of this token; see `netctl whoami`");
        return Err(Problem::new(Code::Forbidden, detail));
    }
    // Who makes a token makes one that may do more than its maker, were the maker's verbs few.
    let makes_token = route.noun == Noun::AccessToken && route.method == Method::Post;
    let whole = AccessVerb::ALL.len() == identity.verbs.len();
    let verb = route.method.verb();
    if !identity.verbs.contains(&verb) || makes_token && !whole {
        let verb = verb.name();
        let detail = format!("this token is not for what `{verb}` would do here; take another one");
        return Err(Problem::new(Code::Forbidden, detail));
    }
    Ok(())
}

/// The token, by RFC 6750 §2.1. More than one is none.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a header that holds a name: 1 to 128 visible ASCII characters, once.
pub(super) fn visible_name(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let fits = (1..=MAX_NAME_BYTES).contains(&bytes.len());
    if fits && values.next().is_none() && bytes.iter().all(u8::is_ascii_graphic) {
        return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    let detail =
        format!("the header {name} must be 1 to {MAX_NAME_BYTES} visible ASCII characters");
    Err(Problem::new(Code::InvalidParameter, detail))
}
