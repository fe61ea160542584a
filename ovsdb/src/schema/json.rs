//! The JSON forms of types (`<type>` and `<base-type>` in RFC 7047 §3.2): each may be
//! written as the bare name of an atomic type.

use serde::Deserialize;

use super::{AtomType, BaseType, ColumnType, Reference};
use crate::value::{Atom, Value};

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ColumnForm {
    Short(AtomType),
    Long(Box<LongColumn>),
}

#[derive(Deserialize)]
pub(super) struct LongColumn {
    key: BaseType,
    value: Option<BaseType>,
    min: Option<u64>,
    max: Option<Max>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Max {
    Number(u64),
    Word(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum BaseForm {
    Short(AtomType),
    Long(Box<LongBase>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LongBase {
    #[serde(rename = "type")]
    kind: AtomType,
    #[serde(rename = "enum")]
    choices: Option<Value>,
    min_integer: Option<Atom>,
    max_integer: Option<Atom>,
    min_real: Option<Atom>,
    max_real: Option<Atom>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    ref_table: Option<String>,
    #[serde(default)]
    ref_type: Reference,
}

impl TryFrom<ColumnForm> for ColumnType {
    type Error = &'static str;

    fn try_from(form: ColumnForm) -> Result<Self, Self::Error> {
        let long = match form {
            ColumnForm::Long(long) => *long,
            ColumnForm::Short(kind) => LongColumn {
                key: BaseType::any(kind),
                value: None,
                min: None,
                max: None,
            },
        };
        let max = match long.max {
            None => Some(1),
            Some(Max::Number(number)) => Some(number),
            Some(Max::Word(word)) if word == "unlimited" => None,
            Some(Max::Word(_)) => return Err("max is neither a number nor unlimited"),
        };
        Ok(Self {
            key: long.key,
            value: long.value,
            min: long.min.unwrap_or(1),
            max,
        })
    }
}

impl TryFrom<BaseForm> for BaseType {
    type Error = &'static str;

    fn try_from(form: BaseForm) -> Result<Self, Self::Error> {
        let long = match form {
            BaseForm::Short(kind) => return Ok(Self::any(kind)),
            BaseForm::Long(long) => *long,
        };
        Ok(Self {
            kind: long.kind,
            choices: match long.choices {
                Some(Value::Set(set)) => Some(set),
                Some(Value::Map(_)) => return Err("enum is a map"),
                None => None,
            },
            min: long.min_integer.or(long.min_real),
            max: long.max_integer.or(long.max_real),
            min_length: long.min_length,
            max_length: long.max_length,
            referred_table: long.ref_table,
            reference: long.ref_type,
        })
    }
}
