//! A client for the Open vSwitch Database Management Protocol (RFC 7047), with the
//! extensions of ovsdb-server(7).
//!
//! - [`Client`] keeps a connection to a server: schemas, transactions, monitors.
//! - [`Operation`] builds the operations of a transaction; [`Condition`] and [`Mutator`] go
//!   with it.
//! - [`Monitor`] keeps a [`Replica`] of the tables that a [`MonitorRequest`] asks for.
//! - [`Value`] is what a column holds.
//!
//! Beneath are [`message`] (JSON-RPC and its framing) and [`schema`]. There is no model of
//! any one schema here: tables and columns are named by strings, as the protocol has them.
//!
//! ```no_run
//! use ovsdb::{Client, MonitorRequest, Operation, Options};
//!
//! # async fn example() -> Result<(), ovsdb::Error> {
//! let endpoint = "unix:/var/run/openvswitch/db.sock".parse()?;
//! let client = Client::connect(endpoint, Options::default()).await?;
//! let request = MonitorRequest::new().table("Bridge", ["name", "ports"]);
//! let mut monitor = client.monitor("Open_vSwitch", request).await?;
//! loop {
//!     for (uuid, bridge) in monitor.snapshot().table("Bridge").iter() {
//!         println!("{uuid} {:?}", bridge.get("name"));
//!     }
//!     monitor.changed().await?;
//! }
//! # }
//! ```

mod client;
mod error;
pub mod message;
mod monitor;
mod operation;
mod replica;
pub mod schema;
mod value;

pub use client::{Client, ConnectionState, Endpoint, Monitor, Options};
pub use error::Error;
pub use monitor::MonitorRequest;
pub use operation::{
    Condition, Delete, Durability, Function, Insert, Mutate, Mutator, Operation, OperationResult,
    Select, Until, Update, Wait,
};
pub use replica::{Inconsistent, Replica, Row, Table};
pub use schema::Schema;
pub use uuid::Uuid;
pub use value::{Atom, Map, NamedUuid, Set, Value};
