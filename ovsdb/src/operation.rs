//! The operations of a transaction (RFC 7047 §5.2): one builder each, made by the functions
//! of [`Operation`], and what the server answers to each ([`OperationResult`]).
//!
//! ```
//! use ovsdb::{Condition, Mutator, NamedUuid, Operation, Value};
//!
//! let operations: Vec<Operation> = vec![
//!     Operation::insert("Port")
//!         .with_uuid_name("port")
//!         .column("name", "vif1")
//!         .column("trunks", Value::set([100, 101]))
//!         .into(),
//!     Operation::mutate("Bridge")
//!         .where_(Condition::equal("name", "br-int"))
//!         .mutation("ports", Mutator::Insert, NamedUuid::new("port"))
//!         .into(),
//! ];
//! # assert_eq!(operations.len(), 2);
//! ```
//!
//! A builder has only the members that its operation has. Several conditions must all hold.

mod builder;
mod condition;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

pub use builder::{Delete, Insert, Mutate, Mutator, Select, Until, Update, Wait};
pub use condition::{Condition, Function};
pub use outcome::OperationResult;
pub(crate) use outcome::decode_outcomes;

/// One operation of a transaction, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Insert a row: §5.2.1.
    Insert(Insert),
    /// Read rows: §5.2.2.
    Select(Select),
    /// Set columns: §5.2.3.
    Update(Update),
    /// Change columns: §5.2.4.
    Mutate(Mutate),
    /// Delete rows: §5.2.5.
    Delete(Delete),
    /// Wait for rows: §5.2.6.
    Wait(Wait),
    /// Commit: §5.2.7.
    Commit(Durability),
    /// Fail: §5.2.8.
    Abort,
    /// Log a comment: §5.2.9.
    Comment(String),
    /// Make sure of a lock: §5.2.10.
    Assert(String),
}

impl Operation {
    /// Inserts a row; columns that are not given get their type's default.
    pub fn insert(table: impl Into<String>) -> Insert {
        Insert {
            table: table.into(),
            row: BTreeMap::new(),
            uuid_name: None,
        }
    }

    /// Reads the rows for which all conditions hold.
    pub fn select(table: impl Into<String>) -> Select {
        Select {
            table: table.into(),
            conditions: Vec::new(),
            columns: None,
        }
    }

    /// Sets columns of the rows for which all conditions hold: of **every** row, without one.
    pub fn update(table: impl Into<String>) -> Update {
        Update {
            table: table.into(),
            conditions: Vec::new(),
            row: BTreeMap::new(),
        }
    }

    /// Changes columns of the rows for which all conditions hold: of **every** row, without
    /// one.
    pub fn mutate(table: impl Into<String>) -> Mutate {
        Mutate {
            table: table.into(),
            conditions: Vec::new(),
            mutations: Vec::new(),
        }
    }

    /// Deletes the rows for which all conditions hold: **every** row, without one.
    pub fn delete(table: impl Into<String>) -> Delete {
        Delete {
            table: table.into(),
            conditions: Vec::new(),
        }
    }

    /// Waits until the rows for which all conditions hold are, or are not, those given.
    pub fn wait(table: impl Into<String>, until: Until) -> Wait {
        Wait {
            timeout: None,
            table: table.into(),
            conditions: Vec::new(),
            columns: Vec::new(),
            until,
            rows: Vec::new(),
        }
    }

    /// Commits what the transaction has done so far as one.
    pub fn commit(durability: Durability) -> Self {
        Self::Commit(durability)
    }

    /// Makes the transaction fail with the error `aborted`.
    pub fn abort() -> Self {
        Self::Abort
    }

    /// Leaves a comment in the server's log of transactions.
    pub fn comment(text: impl Into<String>) -> Self {
        Self::Comment(text.into())
    }

    /// Makes the transaction fail unless this connection holds the lock, which is asked for
    /// by [`Client::call`](crate::Client::call) of `lock` and gone when the connection is.
    pub fn assert(lock: impl Into<String>) -> Self {
        Self::Assert(lock.into())
    }
}

/// How far a [`Operation::commit`] goes before the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The change is in the server's memory.
    InMemory,
    /// The change is on stable storage.
    Durable,
}

impl From<Insert> for Operation {
    fn from(operation: Insert) -> Self {
        Self::Insert(operation)
    }
}

impl From<Select> for Operation {
    fn from(operation: Select) -> Self {
        Self::Select(operation)
    }
}

impl From<Update> for Operation {
    fn from(operation: Update) -> Self {
        Self::Update(operation)
    }
}

impl From<Mutate> for Operation {
    fn from(operation: Mutate) -> Self {
        Self::Mutate(operation)
    }
}

impl From<Delete> for Operation {
    fn from(operation: Delete) -> Self {
        Self::Delete(operation)
    }
}

impl From<Wait> for Operation {
    fn from(operation: Wait) -> Self {
        Self::Wait(operation)
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "op", rename_all = "lowercase")]
        enum Wire<'a> {
            Insert(&'a Insert),
            Select(&'a Select),
            Update(&'a Update),
            Mutate(&'a Mutate),
            Delete(&'a Delete),
            Wait(&'a Wait),
            Commit { durable: bool },
            Abort,
            Comment { comment: &'a str },
            Assert { lock: &'a str },
        }
        let wire = match self {
            Self::Insert(operation) => Wire::Insert(operation),
            Self::Select(operation) => Wire::Select(operation),
            Self::Update(operation) => Wire::Update(operation),
            Self::Mutate(operation) => Wire::Mutate(operation),
            Self::Delete(operation) => Wire::Delete(operation),
            Self::Wait(operation) => Wire::Wait(operation),
            Self::Commit(durability) => Wire::Commit {
                durable: *durability == Durability::Durable,
            },
            Self::Abort => Wire::Abort,
            Self::Comment(comment) => Wire::Comment { comment },
            Self::Assert(lock) => Wire::Assert { lock },
        };
        wire.serialize(serializer)
    }
}
