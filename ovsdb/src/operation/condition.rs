//! Conditions on rows (`<condition>` in RFC 7047 §5.1).

use serde::{Serialize, Serializer};

use crate::value::Value;

/// Something that holds for a row or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Column(String, Function, Value),
    Constant(bool),
}

/// How a condition compares a column with its value (`<function>` in §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Function {
    /// The number is less.
    #[serde(rename = "<")]
    Less,
    /// The number is less or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// The column holds exactly the value.
    #[serde(rename = "==")]
    Equal,
    /// The column holds something else.
    #[serde(rename = "!=")]
    NotEqual,
    /// The number is greater or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// The number is greater.
    #[serde(rename = ">")]
    Greater,
    /// The column holds all of the value and maybe more.
    #[serde(rename = "includes")]
    Includes,
    /// The column holds nothing of the value.
    #[serde(rename = "excludes")]
    Excludes,
}

impl Condition {
    /// Compares a column with a value.
    pub fn new(column: impl Into<String>, function: Function, value: impl Into<Value>) -> Self {
        Self(Form::Column(column.into(), function, value.into()))
    }

    /// The column holds exactly this. `_uuid` is a column too.
    pub fn equal(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(column, Function::Equal, value)
    }

    /// The column holds something else.
    pub fn not_equal(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(column, Function::NotEqual, value)
    }

    /// The column holds all of this and maybe more.
    pub fn includes(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(column, Function::Includes, value)
    }

    /// The column holds nothing of this.
    pub fn excludes(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(column, Function::Excludes, value)
    }

    /// Holds for every row. An extension of ovsdb-server, for monitors only.
    pub fn always() -> Self {
        Self(Form::Constant(true))
    }

    /// Holds for no row. An extension of ovsdb-server, for monitors only.
    pub fn never() -> Self {
        Self(Form::Constant(false))
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Column(column, function, value) => {
                (column, function, value).serialize(serializer)
            }
            Form::Constant(holds) => serializer.serialize_bool(*holds),
        }
    }
}
