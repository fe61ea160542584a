//! What the program answers: the usage part of the REST API, by the API's own rules.

use std::sync::Arc;

use api::backend::{Outcome, UsageBackend};
use api::resource::Health;
use api::token::TokenDigest;
use axum::Router;
use model::Inventory;
use tokio::sync::watch;

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

    fn authenticate(&self, token: &str) -> Option<String> {
        self.token.matches(token).then(|| ADMIN.to_owned())
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
