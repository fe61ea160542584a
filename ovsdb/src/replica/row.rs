//! Rows: values by column name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use crate::value::Value;

/// A row. All rows of a table share the names of their columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Sorted.
    names: Arc<[Box<str>]>,
    /// One for each name.
    values: Box<[Value]>,
}

impl Row {
    pub(super) fn new(names: Arc<[Box<str>]>, values: Vec<Value>) -> Self {
        debug_assert_eq!(names.len(), values.len());
        Self {
            names,
            values: values.into(),
        }
    }

    /// What the column holds; `None` if it was not asked for.
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.values.get(position(&self.names, column)?)
    }

    /// The columns in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        let names = self.names.iter().map(AsRef::as_ref);
        names.zip(&self.values)
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}

impl<'de> Deserialize<'de> for Row {
    /// From the `<row>` of RFC 7047 §5.1.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let columns = BTreeMap::<Box<str>, Value>::deserialize(deserializer)?;
        let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Ok(Self::new(names.into(), values))
    }
}

pub(super) fn position(names: &[Box<str>], name: &str) -> Option<usize> {
    names.binary_search_by(|n| n.as_ref().cmp(name)).ok()
}
