//! Collects sFlow from every host and keeps the usage ledger: what each port, network and tenant
//! moved, for the bill.
//!
//! Along the way of a sample:
//!
//! * `receive`: datagrams from the UDP sockets, in batches, on several cores;
//! * `meters`: the tallies of all hosts, for several threads at once;
//! * [`attribute`]: source address and ifIndex -> port, network, tenant, by the inventory;
//! * [`tally`]: samples -> amounts, by two meters; says where frames are counted, and when in whose
//!   favour it errs;
//! * `account`: what hosts report of their ports by the pipeline's counters, the figure that is
//!   billed: checked, and into the ledger;
//! * `ledger`: amounts and the counter readings they include, durable together, in SQLite;
//! * `seal`: periods whose records do not change any more, under a chain of hashes;
//! * `rollup`: hours and days, summed once;
//! * `upkeep`: what is done without being asked: roll-ups, seals, and what is kept no longer;
//! * `check`: whether the meters agree;
//! * `report`: sums over a time range, and their split by peer, protocol and address;
//! * `share`: what samples say of a part, and how surely;
//! * `moved`: what tenants moved in the period of a cap;
//! * `audit`: who changed what a bill rests on;
//! * `billing`: rate plans, and what a tenant owes;
//! * [`Collector`]: all of it, running: inside the controller, or in `bulkhead-flow-collector`;
//! * [`program`]: what that program has besides: the inventory fetched from the controller, and a
//!   REST server of its own.
//!
//! What does not live here: the wire format (crate `sflow`), and who is whose (the controller's
//! inventory).

mod account;
pub mod attribute;
mod audit;
mod billing;
mod check;
mod collector;
mod ledger;
mod meters;
mod moved;
pub mod program;
mod receive;
mod report;
mod rollup;
mod seal;
mod share;
mod statistics;
pub mod tally;
mod upkeep;
mod worker;

pub use collector::{Collector, Config, StartError};
pub use ledger::LedgerError;
pub use moved::Moved;
pub use upkeep::Upkeep;
