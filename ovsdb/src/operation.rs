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

mod condition;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::value::Value;

pub use condition::{Condition, Function};
pub use outcome::OperationResult;
pub(crate) use outcome::decode_outcomes;

/// One operation of a transaction, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// §5.2.1
    Insert(Insert),
    /// §5.2.2
    Select(Select),
    /// §5.2.3
    Update(Update),
    /// §5.2.4
    Mutate(Mutate),
    /// §5.2.5
    Delete(Delete),
    /// §5.2.6
    Wait(Wait),
    /// §5.2.7
    Commit(Durability),
    /// §5.2.8
    Abort,
    /// §5.2.9
    Comment(String),
    /// §5.2.10
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

    /// Makes the transaction fail unless this client holds the lock.
    pub fn assert(lock: impl Into<String>) -> Self {
        Self::Assert(lock.into())
    }
}

/// Inserts a row (§5.2.1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Insert {
    table: String,
    row: BTreeMap<String, Value>,
    #[serde(rename = "uuid-name", skip_serializing_if = "Option::is_none")]
    uuid_name: Option<String>,
}

impl Insert {
    /// Names the row for the other operations of this transaction: see
    /// [`NamedUuid`](crate::NamedUuid).
    pub fn with_uuid_name(mut self, name: impl Into<String>) -> Self {
        self.uuid_name = Some(name.into());
        self
    }

    /// Gives a column its value.
    pub fn column(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.row.insert(name.into(), value.into());
        self
    }
}

/// Reads rows (§5.2.2).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Select {
    table: String,
    #[serde(rename = "where")]
    conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
}

impl Select {
    /// Reads only rows for which this holds.
    pub fn where_(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Reads only these columns instead of all.
    pub fn columns<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }
}

/// Sets columns (§5.2.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Update {
    table: String,
    #[serde(rename = "where")]
    conditions: Vec<Condition>,
    row: BTreeMap<String, Value>,
}

impl Update {
    /// Changes only rows for which this holds.
    pub fn where_(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Gives a column this value.
    pub fn column(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.row.insert(name.into(), value.into());
        self
    }
}

/// Changes columns relative to what they hold (§5.2.4).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mutate {
    table: String,
    #[serde(rename = "where")]
    conditions: Vec<Condition>,
    mutations: Vec<(String, Mutator, Value)>,
}

impl Mutate {
    /// Changes only rows for which this holds.
    pub fn where_(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Changes a column. Mutations are done in the order given.
    pub fn mutation(
        mut self,
        column: impl Into<String>,
        mutator: Mutator,
        value: impl Into<Value>,
    ) -> Self {
        self.mutations.push((column.into(), mutator, value.into()));
        self
    }
}

/// How a mutation changes a column (`<mutator>` in §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Mutator {
    /// Adds to each number.
    #[serde(rename = "+=")]
    Add,
    /// Subtracts from each number.
    #[serde(rename = "-=")]
    Subtract,
    /// Multiplies each number.
    #[serde(rename = "*=")]
    Multiply,
    /// Divides each number.
    #[serde(rename = "/=")]
    Divide,
    /// Leaves the remainder of each integer.
    #[serde(rename = "%=")]
    Remainder,
    /// Adds to a set, or to a map the entries whose keys it has not yet.
    #[serde(rename = "insert")]
    Insert,
    /// Takes from a set or map what is given; for a map, a set of keys serves as well.
    #[serde(rename = "delete")]
    Delete,
}

/// Deletes rows (§5.2.5).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Delete {
    table: String,
    #[serde(rename = "where")]
    conditions: Vec<Condition>,
}

impl Delete {
    /// Deletes only rows for which this holds.
    pub fn where_(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

/// Waits for rows to be as expected (§5.2.6).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    table: String,
    #[serde(rename = "where")]
    conditions: Vec<Condition>,
    columns: Vec<String>,
    until: Until,
    rows: Vec<BTreeMap<String, Value>>,
}

impl Wait {
    /// Fails with `timed out` after this long, in whole milliseconds. Without a limit the
    /// server waits for as long as the client's own request timeout lets it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Looks only at rows for which this holds.
    pub fn where_(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Compares only these columns.
    pub fn columns<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.columns = names.into_iter().map(Into::into).collect();
        self
    }

    /// Expects a row that holds these values.
    pub fn row<C: Into<String>, V: Into<Value>>(
        mut self,
        columns: impl IntoIterator<Item = (C, V)>,
    ) -> Self {
        let columns = columns.into_iter();
        self.rows
            .push(columns.map(|(name, v)| (name.into(), v.into())).collect());
        self
    }
}

/// What a [`Wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Until {
    /// The rows found are those given.
    #[serde(rename = "==")]
    Equal,
    /// The rows found are not those given.
    #[serde(rename = "!=")]
    NotEqual,
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
