//! Keeps VIFs away from the host's own protocol stack.
//!
//! A VIF's end on the host is a link of the host's kernel. With the userspace datapath every frame
//! an instance sends reaches Open vSwitch *and* the kernel's own stack, which answers ARP for any
//! address of the host on any link, and greets each new link with IPv6 of its own. So an instance
//! could speak with the management address of its host, past every flow of ours.
//!
//! ```text
//!   instance -- eth0 === vif --+-- Open vSwitch (a packet socket: before the filter)
//!                              +-- X the host's ARP, IPv4, IPv6: dropped for links of our group
//! ```
//!
//! The filter names no link: it drops what comes from or goes to links of one
//! group, and every VIF's link is put into that group. Its rules are in nftables, which is the only
//! place the kernel asks before ARP and before routing, whatever else the host filters.
//!
//! The same goes for the NICs of private and public networks: the host's stack would answer what VIFs
//! of *other* hosts send there without a tag, with its management address if they ask for it. Which
//! NICs these are rests on what is in force, so they are put there by [`presence`](crate::presence).
//!
//! **It fails closed**: a VIF whose link is not behind the shield, or that is plugged while the filter
//! cannot be loaded, stays dark ([`Cover::check`]). One that works already goes on working: whoever
//! flushes the host's filters must not take the traffic of all instances with them. The kernel tells
//! of every change of its filters, so ours is back within moments.

mod ruleset;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use compute::SHIELDED_GROUP;
use compute::ovsdb::ObservedVif;
use ovsdb::Monitor;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::links::ensure_group;
use crate::observe::INTEGRATION_BRIDGE;
use crate::status::Remarks;
use ruleset::{Changes, list, raise};

/// How often everything is looked at though nothing changed.
const AGAIN: Duration = Duration::from_secs(5);

/// What a failed attempt waits for.
const RETRY: Duration = Duration::from_secs(1);

/// What is behind the shield.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    filter: Filter,
    links: BTreeSet<Link>,
}

/// Whether the filter is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Filter {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    Raised,
    /// It could not be, and why.
    Down(String),
}

/// A link of the host's kernel: its name and its number. One that is made anew has another number.
type Link = (String, u32);

impl Cover {
    /// Whether what is behind an interface is kept from the host's own stack.
    ///
    /// # Errors
    /// Why it is not, as a sentence.
    pub fn check(&self, vif: &ObservedVif) -> Result<(), String> {
        let Some(link) = link_of(vif) else {
            return Ok(());
        };
        match &self.filter {
            Filter::Raised if self.links.contains(&link) => Ok(()),
            Filter::Raised => Err("its link is not behind the shield yet".to_owned()),
            Filter::Unknown => Err("the shield is not raised yet".to_owned()),
            Filter::Down(reason) => Err(format!("it could reach the host's own stack: {reason}")),
        }
    }
}

/// Raises the shield and keeps it up, and puts every VIF's link behind it as it appears. Never
/// returns.
pub async fn run(monitor: Monitor, remarks: Remarks, cover: watch::Sender<Cover>) {
    tokio::join!(
        keep_raised(&remarks, &cover),
        put_links_behind(monitor, &remarks, &cover)
    );
}

/// Loads the filter again and again: whoever reloads the host's own filters flushes ours with them.
async fn keep_raised(remarks: &Remarks, cover: &watch::Sender<Cover>) {
    let mut changes = Changes::listen().inspect_err(|error| {
        warn!("the kernel will not tell of changed filters, so they are looked at now and then: {error}");
    });
    let mut standing = None;
    loop {
        // What nft shows of the filter once it is loaded; anything else it shows is not the filter.
        if standing.is_none() || list().await.ok() != standing {
            let outcome = raise().await;
            let filter = match &outcome {
                Ok(_) => Filter::Raised,
                Err(error) => Filter::Down(error.to_string()),
            };
            tell(standing.is_some(), &filter, remarks);
            standing = outcome.ok();
            cover.send_if_modified(|cover| {
                let before = std::mem::replace(&mut cover.filter, filter);
                before != cover.filter
            });
        }
        match &mut changes {
            Ok(changes) if standing.is_some() => _ = timeout(AGAIN, changes.heard()).await,
            _ => sleep(RETRY).await,
        }
    }
}

/// Tells operators what became of the filter.
fn tell(stood_before: bool, filter: &Filter, remarks: &Remarks) {
    let remark = match filter {
        Filter::Down(reason) => {
            format!("instances can reach the host's own stack, and new VIFs stay dark: {reason}")
        }
        _ if stood_before => "somebody took the shield down; it is raised again".to_owned(),
        _ => return,
    };
    warn!("{remark}");
    remarks.push(remark);
}

async fn put_links_behind(mut monitor: Monitor, remarks: &Remarks, cover: &watch::Sender<Cover>) {
    let mut behind = BTreeSet::new();
    let mut complained = BTreeSet::new();
    loop {
        let vifs = compute::ovsdb::vifs(&monitor.snapshot(), INTEGRATION_BRIDGE);
        let links: BTreeSet<Link> = vifs.iter().filter_map(link_of).collect();
        behind.retain(|link| links.contains(link));
        complained.retain(|link| links.contains(link));
        for link in links.difference(&behind.clone()) {
            match put_behind(link).await {
                Ok(()) => _ = behind.insert(link.clone()),
                Err(error) if complained.insert(link.clone()) => {
                    let (name, _) = link;
                    remarks.push(format!(
                        "{name} could not be shielded, so it is dark: {error}"
                    ));
                }
                Err(_) => {}
            }
        }
        cover.send_if_modified(|cover| {
            let changed = cover.links != behind;
            cover.links.clone_from(&behind);
            changed
        });
        let patience = if behind.len() == links.len() {
            AGAIN
        } else {
            RETRY
        };
        match timeout(patience, monitor.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => sleep(RETRY).await,
            // A link that somebody took out of the group is put back here.
            Err(_) => behind.clear(),
        }
    }
}

async fn put_behind((name, number): &Link) -> io::Result<()> {
    ensure_group(name, *number, SHIELDED_GROUP).await
}

/// The kernel's link behind an interface. Those of other types are Open vSwitch's own, or none.
fn link_of(vif: &ObservedVif) -> Option<Link> {
    let is_link = matches!(vif.kind.as_str(), "" | "system");
    let number = vif.ifindex.filter(|_| is_link)?;
    Some((vif.interface.clone(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vif(kind: &str, ifindex: Option<u32>) -> ObservedVif {
        ObservedVif {
            row: uuid::Uuid::nil(),
            interface: "vif1".to_owned(),
            iface_id: None,
            ofport: None,
            ifindex,
            is_gone: false,
            kind: kind.to_owned(),
            error: None,
            active: None,
        }
    }

    #[test]
    fn every_link_of_the_kernel_is_shielded_also_of_an_unknown_vif() {
        let link = Some(("vif1".to_owned(), 7));
        assert_eq!(link_of(&vif("", Some(7))), link);
        assert_eq!(link_of(&vif("system", Some(7))), link);
        assert_eq!(link_of(&vif("patch", Some(7))), None);
        assert_eq!(link_of(&vif("internal", Some(7))), None);
        assert_eq!(link_of(&vif("", None)), None);
    }

    #[test]
    fn a_link_is_covered_only_by_a_raised_filter_and_under_its_own_number() {
        let cover = |filter, number| Cover {
            filter,
            links: [("vif1".to_owned(), number)].into(),
        };
        let vif = vif("", Some(7));
        assert_eq!(cover(Filter::Raised, 7).check(&vif), Ok(()));
        for bare in [
            Cover::default(),
            cover(Filter::Unknown, 7),
            cover(Filter::Down("no nft".to_owned()), 7),
            cover(Filter::Raised, 8),
        ] {
            assert!(bare.check(&vif).is_err(), "{bare:?}");
        }
    }

    #[test]
    fn what_is_no_link_of_the_kernel_needs_no_shield() {
        assert_eq!(Cover::default().check(&vif("dummy", Some(7))), Ok(()));
    }
}
