//! Guests that libvirt runs, whoever started them: watched, never started or stopped.
//!
//! ```text
//!   libvirtd's socket -> protocol: frames -> client: calls, events -> watcher -> Seen
//!                            xdr: values        domain: XML
//! ```
//!
//! libvirt is spoken to in its own protocol (`docs/adr/0014-libvirt.md`), so the agent needs no library
//! of it and starts on hosts that have none. Its daemon may come and go: its guests run on without it,
//! and are known as they were until it is back.

mod client;
pub mod domain;
pub mod protocol;
mod watcher;
pub mod xdr;

pub use client::{Connection, Error};
pub use watcher::{Daemon, Seen, SeenGuest, Watcher};
