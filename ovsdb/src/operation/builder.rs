//! The builders of single operations. Each has the members its operation has, and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Condition;
use crate::value::Value;

/// Inserts a row (§5.2.1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Insert {
    pub(super) table: String,
    pub(super) row: BTreeMap<String, Value>,
    #[serde(rename = "uuid-name", skip_serializing_if = "Option::is_none")]
    pub(super) uuid_name: Option<String>,
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
    pub(super) table: String,
    #[serde(rename = "where")]
    pub(super) conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) columns: Option<Vec<String>>,
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
    pub(super) table: String,
    #[serde(rename = "where")]
    pub(super) conditions: Vec<Condition>,
    pub(super) row: BTreeMap<String, Value>,
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
    pub(super) table: String,
    #[serde(rename = "where")]
    pub(super) conditions: Vec<Condition>,
    pub(super) mutations: Vec<(String, Mutator, Value)>,
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
    pub(super) table: String,
    #[serde(rename = "where")]
    pub(super) conditions: Vec<Condition>,
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
    pub(super) timeout: Option<u64>,
    pub(super) table: String,
    #[serde(rename = "where")]
    pub(super) conditions: Vec<Condition>,
    pub(super) columns: Vec<String>,
    pub(super) until: Until,
    pub(super) rows: Vec<BTreeMap<String, Value>>,
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
