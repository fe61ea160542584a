//! The client against a real ovsdb-server, and against peers that misbehave.

mod change;
mod hostile;
mod monitor;
mod reconnect;
mod scripted;
mod server;
mod tls;
mod transact;
