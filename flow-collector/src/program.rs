//! The collector as a program of its own: fetches the inventory, collects, answers for usage.

mod fetch;
mod serve;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use api::client::Client;
use api::token::TokenDigest;
use model::Inventory;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Collector, Config};
pub use serve::router;

/// Where the program answers, and how it proves who it is.
#[derive(Clone, Debug)]
pub struct Rest {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its certificate.
    pub tls: Arc<ServerConfig>,
    /// What clients must show.
    pub token: TokenDigest,
}

/// Runs until `stop`; then everything that has come is written first.
///
/// # Errors
///
/// When it cannot start: an address or the ledger cannot be used.
pub async fn run(
    config: Config,
    controller: Client,
    rest: Rest,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(rest.listen).await;
    let listener =
        listener.with_context(|| format!("could not listen for the API on {}", rest.listen))?;
    let (sender, inventory) = watch::channel(Arc::<Inventory>::default());
    let collector = Arc::new(Collector::start(config, inventory.clone()).await?);
    info!(
        "listening for sFlow on {} and for the API on {}",
        collector.address(),
        rest.listen
    );
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        warn!(%error, "could not tell systemd that we are ready");
    }
    let router = router(collector.clone(), inventory, rest.token);
    tokio::join!(
        fetch::run(controller, sender, stop.clone()),
        api::serve::tls(listener, rest.tls, router, stop),
    );
    if let Some(collector) = Arc::into_inner(collector) {
        collector
            .stop()
            .await
            .context("could not write the last amounts")?;
    }
    Ok(())
}
