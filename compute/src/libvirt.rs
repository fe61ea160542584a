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

use serde::{Deserialize, Serialize};

pub use client::{Connection, Error};
pub use watcher::Watcher;

/// Which of the system's guests: each kind is another driver of libvirt's, which knows nothing of the other's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// QEMU's, with KVM or without.
    #[default]
    Qemu,
    /// Containers that libvirt makes itself (`libvirt-lxc`); the tools of LXC know nothing of them.
    Lxc,
}

impl Kind {
    /// What is opened, in whatever daemon it is.
    const fn uri(self) -> &'static str {
        match self {
            Self::Qemu => "qemu:///system",
            Self::Lxc => "lxc:///system",
        }
    }

    /// Where its daemon listens, in the folder of libvirt's sockets: the first that is there of the one
    /// of this kind alone, and the one of everything.
    fn socket(self, folder: &Path) -> Option<PathBuf> {
        let own = match self {
            Self::Qemu => "virtqemud-sock",
            Self::Lxc => "virtlxcd-sock",
        };
        let sockets = [own, "libvirt-sock"].map(|name| folder.join(name));
        sockets.into_iter().find(|path| path.exists())
    }
}
