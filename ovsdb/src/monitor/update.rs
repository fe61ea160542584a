//! What the server tells of the monitored tables, in its three dialects, borrowed from the
//! message:
//!
//! ```text
//! <table-updates>   {table: {uuid: {"old": row, "new": row}}}            RFC 7047 §4.1.6
//! <table-updates2>  {table: {uuid: {"initial" | "insert" | "modify"
//!                                   | "delete": row}}}          ovsdb-server(7) §4.1.14
//! ```

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Dialect;
use crate::value::{Name, Value};

/// Changes of rows, by table.
#[derive(Debug, Default)]
pub(crate) struct TableUpdates<'a> {
    pub(crate) tables: Vec<(Cow<'a, str>, RowChanges<'a>)>,
}

type RowChanges<'a> = Vec<(Uuid, RowChange<'a>)>;

/// What became of a row.
#[derive(Debug)]
pub(crate) enum RowChange<'a> {
    /// It holds this; columns that are left out hold their defaults.
    Whole(Fields<'a>),
    /// It differs so; columns that are left out are as before.
    Difference(Fields<'a>),
    /// It is gone.
    Deleted,
}

/// Columns with their values.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, Value)>);

/// The answer to a monitor request.
pub(crate) struct Dump<'a> {
    /// Whether the updates start from the transaction asked for, rather than from nothing.
    pub(crate) resumed: bool,
    pub(crate) last_transaction: Uuid,
    pub(crate) updates: TableUpdates<'a>,
}

impl<'a> Dump<'a> {
    pub(crate) fn decode(dialect: Dialect, raw: &'a RawValue) -> Result<Self, serde_json::Error> {
        let (resumed, last_transaction, updates) = match dialect {
            Dialect::CondSince => {
                let (found, last, Updates2(updates)) = serde_json::from_str(raw.get())?;
                (found, last, updates)
            }
            Dialect::Cond => {
                let Updates2(updates) = serde_json::from_str(raw.get())?;
                (false, Uuid::nil(), updates)
            }
            Dialect::Plain => {
                let Updates1(updates) = serde_json::from_str(raw.get())?;
                (false, Uuid::nil(), updates)
            }
        };
        Ok(Self {
            resumed,
            last_transaction,
            updates,
        })
    }
}

/// A notification that monitored tables have changed.
pub(crate) struct Update<'a> {
    /// The monitor, as the client named it.
    pub(crate) monitor: u64,
    pub(crate) last_transaction: Uuid,
    pub(crate) updates: TableUpdates<'a>,
}

impl<'a> Update<'a> {
    /// Reads the parameters of `update`, `update2` or `update3`; `None` for any other method.
    pub(crate) fn decode(
        method: &str,
        params: &'a RawValue,
    ) -> Result<Option<Self>, serde_json::Error> {
        let (monitor, last_transaction, updates) = match method {
            "update3" => {
                let (monitor, last, Updates2(updates)) = serde_json::from_str(params.get())?;
                (monitor, last, updates)
            }
            "update2" => {
                let (monitor, Updates2(updates)) = serde_json::from_str(params.get())?;
                (monitor, Uuid::nil(), updates)
            }
            "update" => {
                let (monitor, Updates1(updates)) = serde_json::from_str(params.get())?;
                (monitor, Uuid::nil(), updates)
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            monitor,
            last_transaction,
            updates,
        }))
    }
}

struct Updates1<'a>(TableUpdates<'a>);
struct Updates2<'a>(TableUpdates<'a>);

#[derive(serde::Deserialize)]
struct RowUpdate1<'a> {
    #[serde(borrow)]
    new: Option<Fields<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RowUpdate2<'a> {
    #[serde(borrow)]
    Initial(Fields<'a>),
    #[serde(borrow)]
    Insert(Fields<'a>),
    #[serde(borrow)]
    Modify(Fields<'a>),
    Delete(IgnoredAny),
}

impl<'a> From<RowUpdate1<'a>> for RowChange<'a> {
    fn from(update: RowUpdate1<'a>) -> Self {
        update.new.map_or(Self::Deleted, Self::Whole)
    }
}

impl<'a> From<RowUpdate2<'a>> for RowChange<'a> {
    fn from(update: RowUpdate2<'a>) -> Self {
        match update {
            RowUpdate2::Initial(fields) | RowUpdate2::Insert(fields) => Self::Whole(fields),
            RowUpdate2::Modify(fields) => Self::Difference(fields),
            RowUpdate2::Delete(_) => Self::Deleted,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Updates1<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tables::<D, RowUpdate1<'a>>(deserializer).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Updates2<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tables::<D, RowUpdate2<'a>>(deserializer).map(Self)
    }
}

fn tables<'de: 'a, 'a, D, R>(deserializer: D) -> Result<TableUpdates<'a>, D::Error>
where
    D: Deserializer<'de>,
    R: Deserialize<'de> + Into<RowChange<'a>>,
{
    let Pairs(tables) = Pairs::<Name<'a>, Pairs<Uuid, R>>::deserialize(deserializer)?;
    let tables = tables.into_iter().map(|(Name(name), Pairs(rows))| {
        let rows = rows.into_iter().map(|(uuid, row)| (uuid, row.into()));
        (name, rows.collect())
    });
    Ok(TableUpdates {
        tables: tables.collect(),
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Pairs(fields) = Pairs::<Name<'a>, Value>::deserialize(deserializer)?;
        let fields = fields.into_iter().map(|(Name(name), value)| (name, value));
        Ok(Self(fields.collect()))
    }
}

/// A JSON object as the list it is on the wire: nobody here looks anything up in it.
struct Pairs<K, V>(Vec<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Pairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<K, V> {
            type Value = Pairs<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}
