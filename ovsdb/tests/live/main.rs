//! The client against a real ovsdb-server, and against peers that misbehave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod change;
mod hostile;
mod monitor;
mod reconnect;
mod scripted;
mod server;
mod stage;
mod tls;
mod transact;
