//! The contract between Bulkhead's programs.
//!
//! * REST `/v1`: [`resource`] and [`request`] are its types, [`routes`](resource) its nouns,
//!   [`problem`] its errors, [`backend`] what a server must be able to do.
//! * The agent session: [`session`] is what controller and agents say to each other.
//!
//! What does not live here: any decision. The controller decides, `netctl` prints.

pub mod backend;
pub mod problem;
pub mod request;
pub mod resource;
pub mod session;
