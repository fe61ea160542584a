//! The filter in the kernel: loading it, seeing whether it stands, and hearing of changes.

use std::future::poll_fn;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use compute::SHIELDED_GROUP;
use futures::FutureExt;
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{AsyncSocket, SocketAddr, TokioSocket};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// How long nft may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long changes that belong together may take to be told: nft changes much at once.
const BURST: Duration = Duration::from_millis(10);

/// The multicast groups of the nftables' changes: `NFNLGRP_NFTABLES` is the 7th.
const NFTABLES: u32 = 1 << 6;

/// The largest notice that is read whole; of larger ones the rest is dropped, for all that counts is
/// that there was one.
const NOTICE_BYTES: usize = 8192;

/// Each table of the filter: its family, and where it meets what comes in.
const TABLES: [(&str, &str); 2] = [("inet", "prerouting"), ("arp", "input")];

/// Loads the filter, and gives how nft shows it.
///
/// # Errors
/// When nft cannot be run or refuses, or the filter is gone again already.
pub(super) async fn raise() -> io::Result<String> {
    nft(&ruleset()).await?;
    list().await
}

/// How nft shows the filter.
///
/// # Errors
/// When it is not there, or nft cannot be run.
pub(super) async fn list() -> io::Result<String> {
    let mut shown = String::new();
    // One by one: told of two tables of one name at once, nft 1.0 does not find the first.
    for (family, _) in TABLES {
        shown += &nft(&format!("list table {family} bulkhead\n")).await?;
    }
    Ok(shown)
}

/// The filter as nft(8) reads it: in one transaction, the same however often it is loaded.
fn ruleset() -> String {
    let mut text = String::new();
    for (family, inbound) in TABLES {
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

/// Has nft do what these commands say; gives what it printed.
async fn nft(commands: &str) -> io::Result<String> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("could not run nft: {error}")))?;
    if let Some(mut input) = nft.stdin.take() {
        input.write_all(commands.as_bytes()).await?;
    }
    let output = timeout(PATIENCE, nft.wait_with_output()).await??;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(io::Error::other(format!(
            "nft refused the filter: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

/// What the kernel tells of changes of its filters, whoever makes them.
pub(super) struct Changes(TokioSocket);

impl Changes {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the kernel has no nftables, or we may not.
    pub(super) fn listen() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        socket.socket_mut().bind(&SocketAddr::new(0, NFTABLES))?;
        Ok(Self(socket))
    }

    /// Waits until something changed. A notice that could not be read is one too.
    pub(super) async fn heard(&mut self) {
        self.notice().await;
        sleep(BURST).await;
        while self.notice().now_or_never().is_some() {}
    }

    async fn notice(&mut self) {
        let mut notice = Vec::with_capacity(NOTICE_BYTES);
        let _length = poll_fn(|context| self.0.poll_recv(context, &mut notice)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a network namespace of its own, which ends with the thread.
    fn alone(test: impl Future<Output = ()>) {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn what_is_shown_of_the_filter_differs_as_soon_as_somebody_touches_it() {
        alone(async {
            let standing = raise().await.unwrap();
            assert_eq!(list().await.unwrap(), standing);
            assert_eq!(raise().await.unwrap(), standing, "loaded twice");
            nft("flush chain inet bulkhead from_vifs\n").await.unwrap();
            assert_ne!(list().await.unwrap(), standing);
            nft("flush ruleset\n").await.unwrap();
            assert!(list().await.is_err());
        });
    }

    #[test]
    fn a_change_of_any_filter_is_heard() {
        alone(async {
            let mut changes = Changes::listen().unwrap();
            nft("add table inet theirs\n").await.unwrap();
            // Hangs if it is not.
            changes.heard().await;
            assert_eq!(changes.heard().now_or_never(), None, "heard twice");
        });
    }
}
