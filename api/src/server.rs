//! The server side of the REST API: routes over a [`Backend`].
//!
//! ```text
//!   request -> identify -> catch panics -> limit time -> authenticate -> handler -> Backend
//!              request id,                                bearer token    fields checked one by
//!              log line                                                   one, all faults at once
//! ```
//!
//! Every error is `application/problem+json`, whichever of these says no. A change that has begun
//! is finished even if its client hangs up or the time is over: it is then repeatable under its
//! `Idempotency-Key`.
//!
//! Where to go next: [`ROUTES`] is what there is, `noun` one file per noun; [`crate::serve`] puts
//! the router on sockets.

mod cursor;
mod fields;
mod guard;
mod handler;
mod key;
mod list;
mod noun;
mod respond;
mod routes;
mod signed;
mod value;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{self, MethodRouter};
use model::{Event, Network, PhysicalNetwork, Subnet, Tenant};
use tower_http::catch_panic::CatchPanicLayer;

pub use routes::{Access, Method, ROUTES, Route};

use crate::backend::Backend;
use crate::resource::{HostView, InstanceView, PortView};
use noun::{Listed, Made, Shown};
use routes::Noun;

#[cfg(test)]
mod tests;

/// The largest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(30);

/// The REST API of this backend.
pub fn router(backend: Arc<impl Backend>) -> Router {
    router_within(PATIENCE, backend)
}

fn router_within(patience: Duration, backend: Arc<impl Backend>) -> Router {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.path, guarded(route, &backend))
    });
    routes
        .fallback(handler::no_such_route)
        .method_not_allowed_fallback(handler::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(patience, guard::limit_time))
        .layer(CatchPanicLayer::custom(guard::on_panic))
        .layer(from_fn(guard::identify))
        .with_state(backend)
}

fn guarded<B: Backend>(route: &Route, backend: &Arc<B>) -> MethodRouter<Arc<B>> {
    match route.access {
        Access::Anyone => endpoint(route),
        Access::Token => endpoint(route).route_layer(from_fn_with_state(
            Arc::clone(backend),
            guard::authenticate::<B>,
        )),
    }
}

fn endpoint<B: Backend>(route: &Route) -> MethodRouter<Arc<B>> {
    match route.noun {
        Noun::Health => routing::get(handler::health::<B>),
        Noun::Version => routing::get(handler::version),
        Noun::Tenant => made::<B, Tenant>(route),
        Noun::PhysicalNetwork => made::<B, PhysicalNetwork>(route),
        Noun::Network => made::<B, Network>(route),
        Noun::Subnet => made::<B, Subnet>(route),
        Noun::Port => made::<B, PortView>(route),
        Noun::Instance => made::<B, InstanceView>(route),
        Noun::Host => shown::<B, HostView>(route),
        Noun::Event => listed::<B, Event>(),
        Noun::Usage => routing::get(handler::usage::<B>),
        Noun::Inventory => routing::get(handler::inventory::<B>),
    }
}

fn made<B: Backend, T: Made>(route: &Route) -> MethodRouter<Arc<B>> {
    match route.method {
        Method::Get => shown::<B, T>(route),
        Method::Post => routing::post(handler::create::<B, T>),
        Method::Delete => routing::delete(handler::delete::<B, T>),
    }
}

fn shown<B: Backend, T: Shown>(route: &Route) -> MethodRouter<Arc<B>> {
    match route.is_of_one() {
        true => routing::get(handler::show::<B, T>),
        false => listed::<B, T>(),
    }
}

fn listed<B: Backend, T: Listed>() -> MethodRouter<Arc<B>> {
    routing::get(handler::list::<B, T>)
}
