//! Monitoring a database: what to ask for, and what the server tells.
//!
//! There are three dialects, each better than the next: [`Dialect`]. The client speaks the
//! best one the server knows.

#[cfg(test)]
mod tests;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::error::Error;
use crate::operation::Condition;
use crate::replica::{Columns, Coverage};
use crate::schema::{Schema, TableSchema};

pub(crate) use update::{Dump, Fields, RowChange, TableUpdates, Update};

/// The ways to ask for a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `monitor_cond_since` and `update3`: conditions, differences, and a transaction id to
    /// resume from (ovsdb-server(7) §4.1.15).
    CondSince,
    /// `monitor_cond` and `update2`: conditions and differences (ovsdb-server(7) §4.1.12).
    Cond,
    /// `monitor` and `update`: whole rows only (RFC 7047 §4.1.5).
    Plain,
}

impl Dialect {
    /// The dialect to fall back to when the server does not know this one.
    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::CondSince => Some(Self::Cond),
            Self::Cond => Some(Self::Plain),
            Self::Plain => None,
        }
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::CondSince => "monitor_cond_since",
            Self::Cond => "monitor_cond",
            Self::Plain => "monitor",
        }
    }
}

/// Which tables, columns and rows to monitor.
///
/// ```
/// use ovsdb::{Condition, MonitorRequest};
///
/// let request = MonitorRequest::new()
///     .table("Bridge", ["name", "ports"])
///     .all_columns("Port")
///     .table_where("Interface", ["name", "ofport"], [Condition::not_equal("type", "patch")]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MonitorRequest {
    tables: BTreeMap<String, TableRequest>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct TableRequest {
    /// All, if absent.
    columns: Option<Vec<String>>,
    conditions: Vec<Condition>,
}

impl MonitorRequest {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These columns of every row of a table.
    pub fn table<C: Into<String>>(
        self,
        name: impl Into<String>,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        self.table_where(name, columns, [])
    }

    /// These columns of the rows for which **any** of the conditions holds; without one,
    /// of every row. Takes a server that knows `monitor_cond`.
    pub fn table_where<C: Into<String>>(
        mut self,
        name: impl Into<String>,
        columns: impl IntoIterator<Item = C>,
        conditions: impl IntoIterator<Item = Condition>,
    ) -> Self {
        let request = TableRequest {
            columns: Some(columns.into_iter().map(Into::into).collect()),
            conditions: conditions.into_iter().collect(),
        };
        self.tables.insert(name.into(), request);
        self
    }

    /// Every column of every row of a table.
    pub fn all_columns(mut self, name: impl Into<String>) -> Self {
        self.tables.insert(name.into(), TableRequest::default());
        self
    }

    /// The columns this asks for, with their types.
    pub(crate) fn coverage(&self, schema: &Schema) -> Result<Coverage, Error> {
        let tables = self.tables.iter().map(|(name, request)| {
            let table = schema.tables.get(name).ok_or_else(|| Error::UnknownTable {
                table: name.clone(),
            })?;
            Ok((name.clone(), Arc::new(request.columns(name, table)?)))
        });
        tables.collect()
    }

    /// The `<monitor-cond-requests>` or `<monitor-requests>` of the dialect.
    pub(crate) fn encode(
        &self,
        coverage: &Coverage,
        dialect: Dialect,
    ) -> Result<impl Serialize, Error> {
        #[derive(Serialize)]
        struct Wire {
            columns: Vec<Box<str>>,
            #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
            conditions: Vec<Condition>,
        }
        let conditional = self.tables.values().any(|t| !t.conditions.is_empty());
        if conditional && dialect == Dialect::Plain {
            return Err(Error::NoConditions);
        }
        let tables = self.tables.iter().filter_map(|(name, request)| {
            let wire = Wire {
                columns: coverage.get(name)?.names().to_vec(),
                conditions: request.conditions.clone(),
            };
            Some((name.clone(), [wire]))
        });
        Ok(tables.collect::<BTreeMap<_, _>>())
    }
}

impl TableRequest {
    fn columns(&self, table_name: &str, table: &TableSchema) -> Result<Columns, Error> {
        let names: Vec<&str> = match &self.columns {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => table.columns.keys().map(String::as_str).collect(),
        };
        let columns = names.into_iter().map(|name| {
            let kind = table
                .column_type(name)
                .ok_or_else(|| Error::UnknownColumn {
                    table: table_name.to_owned(),
                    column: name.to_owned(),
                })?;
            Ok((Box::from(name), kind.clone()))
        });
        Ok(Columns::new(columns.collect::<Result<_, Error>>()?))
    }
}
