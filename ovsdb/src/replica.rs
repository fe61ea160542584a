//! The monitored tables as the server has them, kept by its updates.
//!
//! A [`Replica`] never changes once it is seen: an update makes the next one, which shares
//! with it every row, and almost every node of every table, that the update left alone.
//! Holding on to one is cheap, and so is making the next.

mod apply;
mod row;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use imbl::OrdMap;
use uuid::Uuid;

use crate::schema::ColumnType;
use crate::value::Value;

pub(crate) use apply::Changed;
pub use apply::Inconsistent;
pub use row::Row;

/// The state of the monitored tables after some transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replica {
    tables: BTreeMap<String, Table>,
    last_transaction: Uuid,
}

impl Replica {
    /// A table's rows. A table that is not monitored has none.
    pub fn table(&self, name: &str) -> &Table {
        static EMPTY: LazyLock<Table> = LazyLock::new(Table::default);
        self.tables.get(name).unwrap_or(&EMPTY)
    }

    /// The monitored tables with their names.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables
            .iter()
            .map(|(name, table)| (name.as_str(), table))
    }

    /// The last transaction this includes; nil if the server does not number them, as a
    /// standalone one does not.
    pub fn last_transaction(&self) -> Uuid {
        self.last_transaction
    }

    /// The same rows, but no transaction to resume from.
    pub(crate) fn without_position(&self) -> Self {
        Self {
            last_transaction: Uuid::nil(),
            ..self.clone()
        }
    }
}

/// The monitored rows of a table, in order of their UUIDs.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Arc<Columns>,
    rows: OrdMap<Uuid, Arc<Row>>,
}

impl Table {
    /// The row with this UUID.
    pub fn get(&self, uuid: Uuid) -> Option<&Arc<Row>> {
        self.rows.get(&uuid)
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, &Arc<Row>)> {
        self.rows.iter().map(|(uuid, row)| (*uuid, row))
    }

    /// The first row whose column holds exactly this, such as the bridge with a name.
    /// Looks at every row.
    pub fn find(&self, column: &str, value: impl Into<Value>) -> Option<(Uuid, &Arc<Row>)> {
        let value = value.into();
        self.iter().find(|(_, row)| row.get(column) == Some(&value))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

/// The monitored columns of a table: their names in order, as every row shares them, and
/// for each name its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    names: Arc<[Box<str>]>,
    types: Vec<ColumnType>,
}

impl Default for Columns {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl Columns {
    pub(crate) fn new(columns: BTreeMap<Box<str>, ColumnType>) -> Self {
        let (names, types): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Self {
            names: names.into(),
            types,
        }
    }

    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Where a column stands in every row, and its type.
    fn find(&self, name: &str) -> Option<(usize, &ColumnType)> {
        let at = row::position(&self.names, name)?;
        Some((at, self.types.get(at)?))
    }
}

/// The columns of every table that a monitor covers.
pub(crate) type Coverage = BTreeMap<String, Arc<Columns>>;
