//! Guests that XenServer's or XCP-ng's toolstack runs: watched, never started or stopped.
//!
//! ```text
//!   settings: a file --> trust: TLS --> client: JSON-RPC --> record: events --> watcher -> Seen
//! ```
//!
//! XenAPI is spoken to at `/jsonrpc`, JSON-RPC 2.0 over HTTPS, of the pool's master
//! (<https://xapi-project.github.io/xen-api/>). Its toolstack may come and go: its guests run on without it,
//! and are known as they were until it is back. See `docs/adr/0018-xen.md`.

mod client;
pub mod record;
mod settings;
mod trust;
mod watcher;

pub use client::{Client, Error};
pub use record::{Fault, Records, decode_batch, decode_reply};
pub use settings::{Settings, SettingsError};
pub use watcher::Watcher;
