//! A database's schema (RFC 7047 §3.2): what tables and columns there are and what they
//! may hold. The replica needs it to know defaults, which updates leave out, and which
//! columns are sets, whose changes come as differences.

mod json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::value::{Atom, Map, Set, Value};

/// A database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Schema {
    /// The database's name.
    pub name: String,
    /// The schema's version, `x.y.z`; empty if it has none.
    #[serde(default)]
    pub version: String,
    /// A checksum the schema's author left; opaque.
    #[serde(default)]
    pub cksum: String,
    /// Tables by name.
    pub tables: BTreeMap<String, TableSchema>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSchema {
    /// Columns by name. `_uuid` and `_version`, which every table has, are not listed.
    pub columns: BTreeMap<String, ColumnSchema>,
    /// The most rows the table may hold; no limit if absent.
    #[serde(default)]
    pub max_rows: Option<u64>,
    /// Whether rows stay that nothing refers to. If false, they are garbage-collected.
    #[serde(default)]
    pub is_root: bool,
    /// Sets of columns whose values together are unique.
    #[serde(default)]
    pub indexes: Vec<Vec<String>>,
}

static ONE_UUID: ColumnType = ColumnType {
    key: BaseType::any(AtomType::Uuid),
    value: None,
    min: 1,
    max: Some(1),
};

impl TableSchema {
    /// What this column may hold, the two implicit columns included.
    pub fn column_type(&self, name: &str) -> Option<&ColumnType> {
        match name {
            "_uuid" | "_version" => Some(&ONE_UUID),
            _ => self.columns.get(name).map(|column| &column.kind),
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ColumnSchema {
    /// What it may hold.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether its values may be lost when the server restarts.
    #[serde(default)]
    pub ephemeral: bool,
    /// Whether its values may change after the row was inserted.
    #[serde(default = "yes")]
    pub mutable: bool,
}

fn yes() -> bool {
    true
}

/// What a column may hold: so many keys, or pairs of key and value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "json::ColumnForm")]
pub struct ColumnType {
    /// Elements of the set, or keys of the map.
    pub key: BaseType,
    /// Values of the map; the column is a set if absent.
    pub value: Option<BaseType>,
    /// The fewest elements: 0 or 1.
    pub min: u64,
    /// The most elements; no limit if absent.
    pub max: Option<u64>,
}

/// What one atom may be. Limits that are not given do not hold.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "json::BaseForm")]
pub struct BaseType {
    /// Its kind.
    pub kind: AtomType,
    /// The only values allowed, if they are listed.
    pub choices: Option<Set>,
    /// The least number.
    pub min: Option<Atom>,
    /// The greatest number.
    pub max: Option<Atom>,
    /// The fewest characters of a string.
    pub min_length: Option<u64>,
    /// The most characters of a string.
    pub max_length: Option<u64>,
    /// The table whose rows a UUID refers to.
    pub referred_table: Option<String>,
    /// What such a reference does to the row it refers to.
    pub reference: Reference,
}

/// The kinds of atoms (`<atomic-type>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtomType {
    /// A signed 64-bit integer.
    Integer,
    /// A real number.
    Real,
    /// True or false.
    Boolean,
    /// A UTF-8 string.
    String,
    /// A row's UUID.
    Uuid,
}

/// What a reference to a row means for that row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// It keeps the row: a row referred to cannot be deleted.
    #[default]
    Strong,
    /// It vanishes with the row.
    Weak,
}

/// How `update2` tells that a column has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeForm {
    /// The new value: columns of at most one element.
    Whole,
    /// What entered and left the set.
    SetDifference,
    /// The entries that entered, left or changed in the map.
    MapDifference,
}

impl ColumnType {
    /// What a column holds that was never given a value (§5.2.1).
    pub fn default_value(&self) -> Value {
        match (&self.value, self.min) {
            (None, 0) => Value::empty_set(),
            (Some(_), 0) => Value::Map(Map::empty()),
            (None, _) => self.key.kind.default_atom().into(),
            (Some(value), _) => {
                Value::map([(self.key.kind.default_atom(), value.kind.default_atom())])
            }
        }
    }

    /// The value with whole reals as reals, since the server writes them without a point;
    /// `None` if this is a map where a set belongs, or the other way round.
    pub(crate) fn fit(&self, value: Value) -> Option<Value> {
        match (&self.value, value) {
            (None, Value::Set(set)) if self.key.kind == AtomType::Real => {
                Some(Value::set(set.as_slice().iter().map(as_real)))
            }
            (None, set @ Value::Set(_)) => Some(set),
            (Some(of), Value::Map(map)) if of.kind == AtomType::Real => {
                let entries = map.as_slice().iter();
                Some(Value::map(entries.map(|(k, v)| (k.clone(), as_real(v)))))
            }
            (Some(_), map @ Value::Map(_)) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn change_form(&self) -> ChangeForm {
        match (&self.value, self.max) {
            (Some(_), _) => ChangeForm::MapDifference,
            (None, Some(1)) => ChangeForm::Whole,
            (None, _) => ChangeForm::SetDifference,
        }
    }
}

fn as_real(atom: &Atom) -> Atom {
    match atom {
        Atom::Integer(whole) => Atom::Real(*whole as f64),
        other => other.clone(),
    }
}

impl AtomType {
    fn default_atom(self) -> Atom {
        match self {
            Self::Integer => Atom::Integer(0),
            Self::Real => Atom::Real(0.0),
            Self::Boolean => Atom::Boolean(false),
            Self::String => Atom::String(String::new()),
            Self::Uuid => Atom::Uuid(Uuid::nil()),
        }
    }
}

impl BaseType {
    const fn any(kind: AtomType) -> Self {
        Self {
            kind,
            choices: None,
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            referred_table: None,
            reference: Reference::Strong,
        }
    }
}
