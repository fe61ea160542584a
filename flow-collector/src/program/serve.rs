//! What the program answers: the usage part of the REST API, by the API's own rules.

use std::sync::Arc;

use api::access::{Identity, Sight};
use api::backend::{Outcome, UsageBackend};
use api::resource::Health;
use api::token::TokenDigest;
use axum::Router;
use model::{Inventory, TenantId};
use tokio::sync::watch;
use uuid::Uuid;

use crate::Collector;

/// Who the bearer of the token is: it is the controller's own, of which there is one.
const ADMIN: &str = "admin";

struct Server {
    collector: Arc<Collector>,
    inventory: watch::Receiver<Arc<Inventory>>,
    token: TokenDigest,
}

/// The routes.
pub fn router(
    collector: Arc<Collector>,
    inventory: watch::Receiver<Arc<Inventory>>,
    token: TokenDigest,
) -> Router {
    api::server::usage_router(Arc::new(Server {
        collector,
        inventory,
        token,
    }))
}

impl UsageBackend for Server {
    type Ledger = Collector;

    fn authenticate(&self, token: &str) -> Option<Identity> {
        let matches = self.token.matches(token);
        matches.then(|| Identity::operator(ADMIN))
    }

    /// Its one token is the operator's, from whom nothing is hidden.
    fn sight(&self, _: TenantId, _: Uuid) -> Sight {
        Sight::Nothing
    }

    fn health(&self) -> Health {
        let hosts = self.inventory.borrow().hosts.len();
        let status = match hosts {
            0 => "no host is known yet: is the controller reachable?",
            _ => "ok",
        };
        Health {
            status: status.to_owned(),
            hosts_connected: hosts,
            hosts,
        }
    }

    /// Nobody's: that is the controller's to know.
    fn name_of(&self, _: uuid::Uuid) -> Option<String> {
        None
    }

    fn ledger(&self) -> Outcome<&Collector> {
        Ok(&self.collector)
    }
}
