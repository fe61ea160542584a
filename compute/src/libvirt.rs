//! Guests that libvirt runs, whoever started them: watched, and given VIFs while they run; and those that
//! are instances of ours.
//!
//! ```text
//!   libvirtd's socket -> protocol: frames -> client: calls, events -> watcher -> Seen
//!                            xdr: values        domain: XML
//!                                               plugging: VIFs in, VIFs out
//!                                               machines: the instances that are ours
//! ```
//!
//! libvirt is spoken to in its own protocol (`docs/adr/0014-libvirt.md`), so the agent needs no library
//! of it and starts on hosts that have none. Its daemon may come and go: its guests run on without it,
//! and are known as they were until it is back.

mod client;
pub mod departures;
pub mod domain;
pub mod machines;
pub mod plugging;
pub mod protocol;
mod watcher;
pub mod xdr;

use std::path::{Path, PathBuf};

pub use client::{Connection, Error};
pub use watcher::Watcher;

/// Where daemons listen, the first that is there: the one of QEMU alone, or the one of everything.
const SOCKETS: [&str; 2] = ["virtqemud-sock", "libvirt-sock"];

/// Where the daemon of QEMU's guests listens, in the folder of libvirt's sockets.
fn socket(folder: &Path) -> Option<PathBuf> {
    let sockets = SOCKETS.map(|name| folder.join(name));
    sockets.into_iter().find(|path| path.exists())
}
