//! The server side of the REST API: routes over a [`Backend`], or the few of a [`UsageBackend`].
//!
//! ```text
//!   request -> identify -> catch panics -> limit time -> boundary -> authorize -> handler -> Backend
//!              request id,                               bearer token,    fields checked one by
//!              log line                                  hidden ids       one, all faults at once
//! ```
//!
//! Every error is `application/problem+json`, whichever of these says no. A change that has begun
//! is finished even if its client hangs up or the time is over: it is then repeatable under its
//! `Idempotency-Key`.
//!
//! Where to go next: [`ROUTES`] is what there is, `noun` one file per noun; [`crate::serve`] puts
//! the router on sockets.

mod billing;
mod boundary;
mod changes;
mod cursor;
mod entity_tag;
mod fields;
mod format;
mod guard;
mod handler;
mod history;
mod key;
mod limits;
mod list;
mod noun;
mod plugging;
mod quota;
mod rate;
mod respond;
mod routes;
mod signed;
mod tenant;
mod topology;
mod trace;
mod value;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{self, MethodRouter};
use model::{
    AddressGroup, FabricCheck, Network, PhysicalNetwork, PortMigration, Reservation, SecurityGroup,
    Subnet, Tenant,
};
use tower_http::catch_panic::CatchPanicLayer;

pub use routes::{Method, ROUTES, Route};

use crate::access::Access;
use crate::backend::{Backend, UsageBackend};
use crate::resource::{
    CapView, HostView, InstanceView, PortView, RuleHitsView, SubPort, TokenView, TunnelView,
};
use noun::{Changed, Listed, Made, Shown};
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

/// The part of it that answers for usage: health, version, and all of the ledger.
pub fn usage_router<B: UsageBackend>(backend: Arc<B>) -> Router {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        match usage_endpoint::<B>(route) {
            Some(endpoint) => router.route(route.path, guarded(route, endpoint)),
            None => router,
        }
    });
    finished(
        routes.fallback(handler::no_such_usage_route),
        PATIENCE,
        backend,
    )
}

fn router_within<B: Backend>(patience: Duration, backend: Arc<B>) -> Router {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.path, guarded(route, endpoint::<B>(route)))
    });
    finished(routes.fallback(handler::no_such_route), patience, backend)
}

/// What every request passes on its way in, whatever the routes.
fn finished<B: UsageBackend>(
    routes: Router<Arc<B>>,
    patience: Duration,
    backend: Arc<B>,
) -> Router {
    let routes = routes
        .method_not_allowed_fallback(handler::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::clone(&backend));
    let door = (backend, Arc::<rate::Buckets>::default());
    // The boundary rewrites paths, so it stands before the routes are looked up.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(door, boundary::cross::<B>))
        .layer(from_fn_with_state(patience, guard::limit_time))
        .layer(CatchPanicLayer::custom(guard::on_panic))
        .layer(from_fn(guard::identify))
}

fn guarded<B: UsageBackend>(
    route: &'static Route,
    endpoint: MethodRouter<Arc<B>>,
) -> MethodRouter<Arc<B>> {
    match route.access {
        Access::Anyone => endpoint,
        _ => endpoint.route_layer(from_fn_with_state(route, guard::authorize)),
    }
}

/// What is done at a route, if a [`UsageBackend`] has it.
fn usage_endpoint<B: UsageBackend>(route: &Route) -> Option<MethodRouter<Arc<B>>> {
    match route.noun {
        Noun::Health => Some(routing::get(handler::health::<B>)),
        Noun::Version => Some(routing::get(handler::version)),
        Noun::Usage => Some(routing::get(handler::usage::<B>)),
        Noun::UsageRecord
        | Noun::UsageSplit
        | Noun::Bill
        | Noun::BillSummary
        | Noun::RatePlan
        | Noun::RatePlanAssignment
        | Noun::Seal
        | Noun::Verification
        | Noun::MeterFinding
        | Noun::Collector => Some(billing::endpoint::<B>(route)),
        _ => None,
    }
}

fn endpoint<B: Backend>(route: &Route) -> MethodRouter<Arc<B>> {
    match route.noun {
        Noun::Health => routing::get(handler::health::<B>),
        Noun::Version => routing::get(handler::version),
        Noun::Whoami => routing::get(handler::whoami),
        Noun::AccessToken => made::<B, TokenView>(route),
        Noun::Tenant => match route.method {
            Method::Delete => routing::delete(tenant::delete::<B>),
            _ => changed::<B, Tenant>(route),
        },
        Noun::Quota => match route.method {
            Method::Patch => routing::patch(quota::change::<B>),
            _ => routing::get(quota::show::<B>),
        },
        Noun::PhysicalNetwork => made::<B, PhysicalNetwork>(route),
        Noun::Topology => match route.method {
            Method::Patch => routing::patch(topology::change::<B>),
            _ => routing::get(topology::show::<B>),
        },
        Noun::HostUplink => routing::put(topology::set_host_uplink::<B>),
        Noun::Network => changed::<B, Network>(route),
        Noun::Router => changed::<B, model::Router>(route),
        Noun::Gateway => made::<B, model::Gateway>(route),
        Noun::FloatingIp => changed::<B, model::FloatingIp>(route),
        Noun::PortForwarding => made::<B, model::PortForwarding>(route),
        Noun::Cap => changed::<B, CapView>(route),
        Noun::Subnet => changed::<B, Subnet>(route),
        Noun::Reservation => made::<B, Reservation>(route),
        Noun::AddressGroup => changed::<B, AddressGroup>(route),
        Noun::SecurityGroup => changed::<B, SecurityGroup>(route),
        Noun::Port => changed::<B, PortView>(route),
        Noun::PortGuest => match route.method {
            Method::Put => routing::put(plugging::attach::<B>),
            _ => routing::delete(plugging::detach::<B>),
        },
        Noun::SubPort => made::<B, SubPort>(route),
        Noun::Migration => made::<B, PortMigration>(route),
        Noun::Instance => changed::<B, InstanceView>(route),
        Noun::Host if !route.is_of_one() => routing::get(noun::host::list::<B>),
        Noun::Host => shown::<B, HostView>(route),
        Noun::RuleHits => listed::<B, RuleHitsView>(),
        Noun::Tunnel => listed::<B, TunnelView>(),
        Noun::FabricCheck => made::<B, FabricCheck>(route),
        Noun::Trace => routing::post(trace::make::<B>),
        Noun::Event => watch::endpoint::<B>(),
        Noun::Change => routing::get(changes::show::<B>),
        Noun::History => routing::get(history::list::<B>),
        Noun::HistoryVerification => routing::get(history::verification::<B>),
        Noun::Usage => routing::get(handler::usage::<B>),
        Noun::UsageRecord
        | Noun::UsageSplit
        | Noun::Bill
        | Noun::BillSummary
        | Noun::RatePlan
        | Noun::RatePlanAssignment
        | Noun::Seal
        | Noun::Verification
        | Noun::MeterFinding
        | Noun::Collector => billing::endpoint::<B>(route),
        Noun::Inventory => routing::get(handler::inventory::<B>),
    }
}

fn made<B: Backend, T: Made>(route: &Route) -> MethodRouter<Arc<B>> {
    match route.method {
        Method::Post => routing::post(handler::create::<B, T>),
        Method::Delete => routing::delete(handler::delete::<B, T>),
        Method::Get | Method::Put | Method::Patch => shown::<B, T>(route),
    }
}

fn changed<B: Backend, T: Changed>(route: &Route) -> MethodRouter<Arc<B>> {
    match route.method {
        Method::Patch => routing::patch(handler::update::<B, T>),
        _ => made::<B, T>(route),
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
