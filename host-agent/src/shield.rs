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

use std::collections::BTreeSet;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use compute::SHIELDED_GROUP;
use compute::ovsdb::ObservedVif;
use ovsdb::Monitor;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::links::ensure_group;
use crate::observe::INTEGRATION_BRIDGE;
use crate::status::Remarks;

/// What a failed attempt waits for, and how often everything is looked at though nothing changed.
const AGAIN: Duration = Duration::from_secs(5);

/// Raises the shield and keeps it up, and puts every VIF's link behind it as it appears. Never
/// returns.
pub async fn run(monitor: Monitor, remarks: Remarks) {
    tokio::join!(keep_raised(&remarks), put_links_behind(monitor, &remarks));
}

/// Loads the filter again and again: whoever reloads the host's own filters flushes ours with them.
async fn keep_raised(remarks: &Remarks) {
    loop {
        if let Err(error) = raise().await {
            let remark = format!("instances can reach the host's own stack: {error}");
            warn!("{remark}");
            remarks.push(remark);
        }
        sleep(AGAIN).await;
    }
}

async fn put_links_behind(mut monitor: Monitor, remarks: &Remarks) {
    let mut shielded = BTreeSet::new();
    loop {
        let vifs = compute::ovsdb::vifs(&monitor.snapshot(), INTEGRATION_BRIDGE);
        let links: BTreeSet<String> = vifs.into_iter().filter_map(link_of).collect();
        for link in links.difference(&shielded) {
            if let Err(error) = ensure_group(link, SHIELDED_GROUP).await {
                remarks.push(format!("{link} could not be shielded: {error}"));
            }
        }
        shielded = links;
        // A link that was made anew under its old name is seen again here at the latest.
        match timeout(AGAIN, monitor.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => sleep(AGAIN).await,
            Err(_) => shielded.clear(),
        }
    }
}

/// The kernel's link behind an interface. Those of other types are Open vSwitch's own, or none.
fn link_of(vif: ObservedVif) -> Option<String> {
    let is_link = matches!(vif.kind.as_str(), "" | "system") && vif.ifindex.is_some();
    is_link.then_some(vif.interface)
}

/// The filter as nft(8) reads it: in one transaction, the same however often it is loaded.
fn ruleset() -> String {
    let mut text = String::new();
    for (family, inbound) in [("inet", "prerouting"), ("arp", "input")] {
        text += &format!(
            "table {family} bulkhead\n\
             delete table {family} bulkhead\n\
             table {family} bulkhead {{\n\
             \tchain from_vifs {{\n\
             \t\ttype filter hook {inbound} priority -300; policy accept;\n\
             \t\tmeta iifgroup {SHIELDED_GROUP} drop\n\
             \t}}\n\
             \tchain to_vifs {{\n\
             \t\ttype filter hook output priority -300; policy accept;\n\
             \t\tmeta oifgroup {SHIELDED_GROUP} drop\n\
             \t}}\n\
             }}\n"
        );
    }
    text
}

async fn raise() -> io::Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("could not run nft: {error}")))?;
    if let Some(mut input) = nft.stdin.take() {
        input.write_all(ruleset().as_bytes()).await?;
    }
    let output = timeout(AGAIN, nft.wait_with_output()).await??;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "nft refused the filter: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
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
            kind: kind.to_owned(),
            error: None,
            active: None,
        }
    }

    #[test]
    fn every_link_of_the_kernel_is_shielded_also_of_an_unknown_vif() {
        assert_eq!(link_of(vif("", Some(7))).as_deref(), Some("vif1"));
        assert_eq!(link_of(vif("system", Some(7))).as_deref(), Some("vif1"));
        assert_eq!(link_of(vif("patch", Some(7))), None);
        assert_eq!(link_of(vif("internal", Some(7))), None);
        assert_eq!(link_of(vif("", None)), None);
    }
}
