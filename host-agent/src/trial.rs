//! Changes of the way to the controller, tried under a deadline.
//!
//! ```text
//!   journal on disk -> guard started -> the change -> a new handshake over it -> confirmed
//!        |                  |                                                     (journal gone)
//!        |                  +--- the deadline passes, the journal is still there: all as it was
//!        +--- an agent that starts and finds it goes on with the trial, or ends it
//! ```
//!
//! The guard is a process of its own, so that the deadline also holds when the agent was killed. To
//! confirm is to remove the journal, to revert is to rename it: one of both happens, never both.
//!
//! * [`journal`]: what is on disk, and who may touch it. [`guard`]: the process. [`revert`]: the way
//!   back. [`proof`]: that the controller is reached.

pub mod guard;
pub mod journal;
pub mod proof;
pub mod revert;
