//! How updates make the next replica of the last. All or nothing: an update that does not
//! fit leaves no trace.

use std::sync::Arc;

use uuid::Uuid;

use super::{Columns, Coverage, Replica, Row, Table};
use crate::monitor::{Fields, RowChange, TableUpdates};
use crate::schema::ChangeForm;
use crate::value::Value;

/// How an update does not fit the rows it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// A table that is not monitored.
    #[error("update of table {0}, which is not monitored")]
    Table(String),
    /// A column that is not monitored.
    #[error("update of column {0}, which is not monitored")]
    Column(String),
    /// A value of another form than the column's type has.
    #[error("value of the wrong form for column {0}")]
    Form(String),
    /// A change of a row that is not there.
    #[error("change of row {0}, which is unknown")]
    Row(Uuid),
}

/// Whether rows differ from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    No,
}

impl Replica {
    /// Tables without rows, as they are before the first dump.
    pub(crate) fn covering(coverage: &Coverage) -> Self {
        let tables = coverage.iter().map(|(name, columns)| {
            let table = Table {
                columns: Arc::clone(columns),
                rows: imbl::OrdMap::new(),
            };
            (name.clone(), table)
        });
        Self {
            tables: tables.collect(),
            last_transaction: Uuid::nil(),
        }
    }

    /// Whether this has just those tables and columns, of the same types.
    pub(crate) fn covers(&self, coverage: &Coverage) -> bool {
        self.tables.len() == coverage.len()
            && coverage.iter().all(|(name, columns)| {
                let table = self.tables.get(name);
                table.is_some_and(|table| table.columns == *columns)
            })
    }

    /// The replica after these changes.
    pub(crate) fn updated(
        &self,
        updates: TableUpdates<'_>,
        last_transaction: Uuid,
    ) -> Result<(Self, Changed), Inconsistent> {
        let mut next = self.clone();
        next.last_transaction = last_transaction;
        let mut changed = Changed::No;
        for (name, rows) in updates.tables {
            let table = next
                .tables
                .get_mut(name.as_ref())
                .ok_or_else(|| Inconsistent::Table(name.into_owned()))?;
            for (uuid, change) in rows {
                if table.apply(uuid, change)? == Changed::Yes {
                    changed = Changed::Yes;
                }
            }
        }
        Ok((next, changed))
    }

    /// The replica that a whole dump describes. Rows that are as before stay the very same
    /// rows, so that what compares them by pointer sees a reconnect as no change at all.
    pub(crate) fn replaced(
        &self,
        coverage: &Coverage,
        dump: TableUpdates<'_>,
        last_transaction: Uuid,
    ) -> Result<(Self, Changed), Inconsistent> {
        let (mut next, _) = Self::covering(coverage).updated(dump, last_transaction)?;
        for (name, table) in &mut next.tables {
            if let Some(before) = self.tables.get(name) {
                table.keep_equal_rows(before);
            }
        }
        let changed = match next.tables == self.tables {
            true => Changed::No,
            false => Changed::Yes,
        };
        Ok((next, changed))
    }
}

impl Table {
    fn apply(&mut self, uuid: Uuid, change: RowChange<'_>) -> Result<Changed, Inconsistent> {
        let before = self.rows.get(&uuid);
        let after = match change {
            RowChange::Whole(fields) => Some(whole_row(&self.columns, fields)?),
            RowChange::Difference(fields) => {
                let before = before.ok_or(Inconsistent::Row(uuid))?;
                Some(differing_row(&self.columns, before, fields)?)
            }
            RowChange::Deleted => None,
        };
        if before.map(AsRef::as_ref) == after.as_ref() {
            return Ok(Changed::No);
        }
        match after {
            Some(row) => self.rows.insert(uuid, Arc::new(row)),
            None => self.rows.remove(&uuid),
        };
        Ok(Changed::Yes)
    }

    fn keep_equal_rows(&mut self, before: &Self) {
        let equal: Vec<_> = before
            .iter()
            .filter(|(uuid, row)| self.rows.get(uuid) == Some(*row))
            .map(|(uuid, row)| (uuid, Arc::clone(row)))
            .collect();
        for (uuid, row) in equal {
            self.rows.insert(uuid, row);
        }
    }
}

/// A row from the columns given and the defaults of all others, which updates leave out.
fn whole_row(columns: &Columns, fields: Fields<'_>) -> Result<Row, Inconsistent> {
    let mut values: Vec<Value> = columns.types.iter().map(|t| t.default_value()).collect();
    for (name, value) in fields.0 {
        let Some((at, kind)) = columns.find(&name) else {
            return Err(Inconsistent::Column(name.into_owned()));
        };
        values[at] = kind
            .fit(value)
            .ok_or_else(|| Inconsistent::Form(name.into_owned()))?;
    }
    Ok(Row::new(Arc::clone(&columns.names), values))
}

fn differing_row(columns: &Columns, before: &Row, fields: Fields<'_>) -> Result<Row, Inconsistent> {
    let mut values = before.values().to_vec();
    for (name, value) in fields.0 {
        let Some((at, kind)) = columns.find(&name) else {
            return Err(Inconsistent::Column(name.into_owned()));
        };
        values[at] = kind
            .fit(value)
            .and_then(|difference| changed_value(kind.change_form(), &values[at], difference))
            .ok_or_else(|| Inconsistent::Form(name.into_owned()))?;
    }
    Ok(Row::new(Arc::clone(&columns.names), values))
}

fn changed_value(form: ChangeForm, before: &Value, difference: Value) -> Option<Value> {
    match (form, before, difference) {
        (ChangeForm::Whole, _, after) => Some(after),
        (ChangeForm::SetDifference, Value::Set(before), Value::Set(difference)) => {
            Some(Value::Set(before.symmetric_difference(&difference)))
        }
        (ChangeForm::MapDifference, Value::Map(before), Value::Map(difference)) => {
            Some(Value::Map(before.apply_difference(&difference)))
        }
        _ => None,
    }
}
