//! The program's own REST routes: a small part of the controller's, and the same to a client.

use std::fmt;
use std::sync::Arc;

use api::problem::{Code, Problem};
use api::request::UsageQuery;
use api::resource::{Health, Page, Version};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::routing::get;
use axum::{Json, Router};
use model::{Inventory, NetworkId, PortId, TenantId, Timestamp, Usage, UsageOf};
use serde::Deserialize;
use tokio::sync::watch;
use tracing::warn;

use crate::Collector;

/// The token that clients show: the controller's own. It is in no log.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// This token.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Whether this is the token. How long it takes says nothing of where they differ.
    fn matches(&self, token: &str) -> bool {
        let differences = self
            .0
            .bytes()
            .zip(token.bytes())
            .map(|(one, other)| one ^ other);
        let differs = differences.fold(0, |all, one| all | one) != 0;
        self.0.len() == token.len() && !differs
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Clone)]
struct Server {
    collector: Arc<Collector>,
    inventory: watch::Receiver<Arc<Inventory>>,
    token: Token,
}

/// The routes.
pub fn router(
    collector: Arc<Collector>,
    inventory: watch::Receiver<Arc<Inventory>>,
    token: Token,
) -> Router {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/version", get(version))
        .route("/v1/usage", get(usage))
        .fallback(no_such_route)
        .with_state(Server {
            collector,
            inventory,
            token,
        })
}

async fn health(State(server): State<Server>) -> Json<Health> {
    let hosts = server.inventory.borrow().hosts.len();
    let status = match hosts {
        0 => "no host is known yet: is the controller reachable?",
        _ => "ok",
    };
    Json(Health {
        status: status.to_owned(),
        hosts_connected: hosts,
        hosts,
    })
}

async fn version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: "v1".to_owned(),
    })
}

/// The parameters of `GET /v1/usage`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    by: Option<UsageOf>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    tenant_id: Option<TenantId>,
    network_id: Option<NetworkId>,
    port_id: Option<PortId>,
}

async fn usage(
    State(server): State<Server>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Page<Usage>>, Problem> {
    if !bearer_token(&headers).is_some_and(|token| server.token.matches(token)) {
        let detail = "send a valid token as `Authorization: Bearer <token>`";
        return Err(Problem::new(Code::Unauthenticated, detail));
    }
    let Query(parameters) =
        parameters.map_err(|error| Problem::new(Code::InvalidParameter, error.body_text()))?;
    let items = server.collector.usage(parameters.into()).await;
    let items = items.map_err(|error| {
        let error = &error as &dyn std::error::Error;
        warn!(error, "could not report usage");
        Problem::new(
            Code::StoreUnavailable,
            "the usage ledger does not answer; try again",
        )
    })?;
    let next_cursor = None;
    Ok(Json(Page { items, next_cursor }))
}

async fn no_such_route() -> Problem {
    let detail = "the collector has /v1/usage, /v1/health and /v1/version; ask the controller";
    Problem::new(Code::NoSuchRoute, detail)
}

/// The token, by RFC 6750 section 2.1. More than one is none.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl From<Parameters> for UsageQuery {
    fn from(parameters: Parameters) -> Self {
        Self {
            by: parameters.by.unwrap_or(UsageOf::Tenant),
            from: parameters.from,
            to: parameters.to,
            tenant_id: parameters.tenant_id,
            network_id: parameters.network_id,
            port_id: parameters.port_id,
        }
    }
}
