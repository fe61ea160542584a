//! The contract between Bulkhead's programs, and both of its ends.
//!
//! * REST `/v1`: [`resource`] and [`request`] are its types, [`server::ROUTES`] its routes,
//!   [`problem`] its errors, [`backend`] what a server must be able to do.
//! * [`server`] turns a backend into a router, [`serve`] puts that on sockets, [`client`] asks.
//! * [`sheet`] is what the ledger tells as CSV and Parquet, and a bill as a page.
//! * The agent session: [`session`] is what controller and agents say to each other.
//! * [`tls`] is how both are encrypted and, for agents, both ends known; [`token`] is how servers
//!   know a client.
//!
//! What does not live here: any decision. The controller decides, `netctl` prints.

pub mod access;
pub mod backend;
pub mod client;
pub mod problem;
pub mod request;
pub mod resource;
pub mod serve;
pub mod server;
pub mod session;
pub mod sheet;
pub mod tls;
pub mod token;

/// The header of an answer that says which change the request made.
pub const REVISION: &str = "bulkhead-revision";

#[cfg(test)]
mod test_pool;
