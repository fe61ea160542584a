//! The way back: bridges, links, addresses and routes as a journal has them. May be repeated.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use ipnet::IpNet;
use model::Timestamp;
use ovsdb::{Client, Endpoint, Monitor, Options};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::journal::{Folder, Journal, LinkThen, Refusal};
use crate::links::kernel::{self, Kernel};
use crate::links::{self, address, route};
use crate::observe::{DATABASE, Observed, monitor_request};
use crate::topology;

/// How long a database that does not answer is waited for: the addresses matter too.
const DATABASE_PATIENCE: Duration = Duration::from_secs(20);
/// How long the switch is waited for to make the links that the database tells of.
const SWITCH_PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// Takes back what a journal tells of, whose right to it was claimed, and remembers why. The lock of
/// the folder is held meanwhile; without it, another does just this.
///
/// # Errors
/// When something failed: then it has to be tried again.
pub async fn revert(folder: &Folder, ovsdb: &Endpoint, journal: &Journal) -> io::Result<()> {
    let Some(_lock) = folder.lock()? else {
        return Ok(());
    };
    if !folder.is_reverting(journal.id) {
        return Ok(());
    }
    info!("taking back: {}", journal.change);
    let bridges = timeout(DATABASE_PATIENCE, restore_bridges(ovsdb, journal)).await;
    match bridges.map_err(io::Error::from) {
        Ok(Ok(())) => await_links(journal).await,
        Ok(Err(error)) | Err(error) => warn!("could not restore the bridges: {error}"),
    }
    restore_links(&journal.links).await?;
    folder.refuse(journal, &refusal(journal))
}

fn refusal(journal: &Journal) -> Refusal {
    Refusal {
        at: Timestamp::now(),
        reason: format!(
            "{} was taken back: the controller was not reached over it within {} seconds",
            journal.change, journal.trial.confirm_within_seconds
        ),
        after: journal.change.after.clone(),
        attempt: journal.trial.attempt,
    }
}

async fn restore_bridges(ovsdb: &Endpoint, journal: &Journal) -> io::Result<()> {
    let client = Client::connect(ovsdb.clone(), Options::default()).await;
    let client = client.map_err(io::Error::other)?;
    let monitor = client.monitor(DATABASE, monitor_request()).await;
    let monitor: Monitor = monitor.map_err(io::Error::other)?;
    let observed = Observed::new(&monitor.snapshot());
    let operations = topology::restore(&observed, &journal.bridges);
    if operations.is_empty() {
        return Ok(());
    }
    let done = client.transact(DATABASE, operations).await;
    done.map(drop).map_err(io::Error::other)
}

/// The links of bridges are made by the switch, once it has read the database.
async fn await_links(journal: &Journal) {
    let give_up_at = Instant::now() + SWITCH_PATIENCE;
    while Instant::now() < give_up_at {
        let kernel = kernel::read().await.unwrap_or_default();
        if journal
            .links
            .keys()
            .all(|link| kernel.links.contains_key(link))
        {
            return;
        }
        sleep(LOOK).await;
    }
}

/// Links that are gone for good hold up no others.
async fn restore_links(then: &BTreeMap<String, LinkThen>) -> io::Result<()> {
    let kernel = kernel::read().await?;
    let there = |link: &&String| kernel.links.contains_key(*link);
    for link in then.keys().filter(there) {
        let was = &then[link];
        links::ensure_group_of_nic(link, was.group).await?;
        if was.up {
            links::switch_on(link).await?;
        }
        for address in &was.presence.addresses {
            address::ensure(link, *address).await?;
        }
    }
    for link in then.keys().filter(there) {
        for stale in stale_addresses(&kernel, link, &then[link]) {
            address::remove(link, stale).await?;
        }
        for stale in &kernel.links[link].routes {
            if !then[link].presence.routes.contains(stale) {
                route::remove(link, stale).await?;
            }
        }
    }
    // Last, because a route goes with the address it is sent from.
    for link in then.keys().filter(there) {
        for route in &then[link].presence.routes {
            route::ensure(link, route).await?;
        }
    }
    Ok(())
}

fn stale_addresses(kernel: &Kernel, link: &str, then: &LinkThen) -> Vec<IpNet> {
    let now = kernel.links.get(link).map(|link| &link.addresses);
    let stale = now.into_iter().flatten();
    let stale = stale.filter(|it| !then.presence.addresses.contains(it));
    stale.copied().collect()
}
