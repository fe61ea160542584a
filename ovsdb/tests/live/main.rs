//! The client against a real ovsdb-server, and against peers that misbehave.

mod monitor;
mod server;
mod transact;
