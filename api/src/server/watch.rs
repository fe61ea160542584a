//! Events: as a list, or as they happen to whoever asks for `text/event-stream`.
//!
//! The stream is that of [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html):
//!
//! ```text
//!   id: 4711                          the event's number; `Last-Event-ID: 4711` goes on after it
//!   data: {"id":4711,"kind":...}      the event, as in the list
//!
//!   id: 9000                          events between these two are gone: look at the state anew
//!   event: gap
//!   data: {"asked_after":17,"after":9000}
//!
//!   id: 9011                          nothing happened, or nothing that passes the filters
//!   :
//! ```
//!
//! A stream holds no events: it knows the number of the last one, and takes the next from what all
//! streams share. Who does not read is cut off.

mod filter;
mod seats;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::handler::Handler;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use model::Event;

use self::filter::Filter;
use self::seats::Seats;
use self::stream::Stream;
use super::fields::Fields;
use super::guard::{bearer_token, visible_name};
use super::handler;
use super::list::Text;
use crate::backend::{Backend, Outcome};
use crate::problem::{Code, Problem};
use crate::serve::Line;

/// What a client asks for that wants events as they happen.
const EVENT_STREAM: &str = "text/event-stream";

/// The header by which a client says which event it saw last.
const LAST_EVENT_ID: &str = "last-event-id";

/// What is done at the route of events.
pub(super) fn endpoint<B: Backend>() -> MethodRouter<Arc<B>> {
    routing::get(events::<B>).route_layer(Extension(Arc::<Seats>::default()))
}

async fn events<B: Backend>(
    State(backend): State<Arc<B>>,
    Extension(seats): Extension<Arc<Seats>>,
    request: Request,
) -> Response {
    match wants_stream(request.headers()) {
        true => watch(backend, &seats, &request).into_response(),
        false => Handler::call(handler::list::<B, Event>, request, backend).await,
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| {
        let mut kinds = value.split(',');
        kinds.any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case(EVENT_STREAM)
        })
    })
}

/// Begins a stream.
fn watch<B: Backend>(backend: Arc<B>, seats: &Arc<Seats>, request: &Request) -> Outcome<Response> {
    let (filter, after) = read(request.uri())?;
    let last_seen = visible_name(request.headers(), LAST_EVENT_ID)?;
    let last_seen = last_seen.map(|text| text.parse().map_err(|_| bad_last_event()));
    let after = last_seen.transpose()?.or(after);
    // The guard has let it through: there is one.
    let token = bearer_token(request.headers()).unwrap_or_default();
    let seat = seats.take(token)?;
    let line = request.extensions().get::<Line>().cloned();
    let stream = Stream {
        backend,
        token: token.to_owned(),
        filter,
        line: line.unwrap_or_default(),
        _seat: seat,
    };
    let headers = [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(stream.begin(after))).into_response())
}

fn read(uri: &Uri) -> Outcome<(Filter, Option<u64>)> {
    let mut fields = Fields::of_query(uri)?;
    let filter = Filter::read(&mut fields);
    let after = fields.optional("after").and_then(|Text(text)| {
        let after = text.parse().ok();
        if after.is_none() {
            fields.refuse_value("after", &text, "the id of an event: a whole number");
        }
        after
    });
    fields.finish(Some((filter, after)))
}

fn bad_last_event() -> Problem {
    let detail = "the header last-event-id must be the id of an event: a whole number";
    Problem::new(Code::InvalidParameter, detail)
}
