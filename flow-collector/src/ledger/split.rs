//! Splits as rows: the cells of a dimension as JSON, which `json_each` of `SQLite` reads.

use model::TrafficClass;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::rows::bytes;
use crate::tally::split::{Cell, Kept, Split, Summary};

/// A dimension, as it is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeptSummary {
    /// The largest of each class.
    pub(crate) cells: Vec<KeptCell>,
    /// All others, by class; their key is empty.
    pub(crate) other: Vec<KeptCell>,
    /// So many bytes any key without a cell may have in `other`.
    pub(crate) floor: u64,
}

/// A cell: its class, its key, and what was sampled of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptCell {
    pub(crate) class: TrafficClass,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) key: String,
    pub(crate) samples: u64,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) variance: f64,
    #[serde(default)]
    pub(crate) hidden: u64,
}

impl KeptCell {
    fn of(class: TrafficClass, key: String, cell: &Cell) -> Self {
        Self {
            class,
            key,
            samples: cell.samples,
            bytes: cell.bytes,
            packets: cell.packets,
            variance: cell.variance,
            hidden: cell.hidden,
        }
    }
}

impl From<&Summary> for KeptSummary {
    fn from(summary: &Summary) -> Self {
        let cells = summary.cells.iter();
        let other = summary.other.iter();
        Self {
            cells: cells
                .map(|(class, key, cell)| KeptCell::of(*class, key.to_string(), cell))
                .collect(),
            other: other
                .map(|(class, cell)| KeptCell::of(*class, String::new(), cell))
                .collect(),
            floor: summary.floor,
        }
    }
}

/// Writes a port's split. `begun` is of this run of the collector: another run's stays beside it.
pub(super) fn write(
    transaction: &Transaction<'_>,
    begun: i64,
    kept: &Kept,
) -> rusqlite::Result<()> {
    let Split {
        peers,
        protocols,
        addresses,
        ..
    } = &kept.split;
    let mut statement = transaction
        .prepare_cached("INSERT OR REPLACE INTO split VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    statement.execute(params![
        bytes(kept.tenant),
        kept.interval_start,
        bytes(kept.host),
        bytes(kept.port),
        begun,
        bytes(kept.network),
        json(peers)?,
        json(protocols)?,
        json(addresses)?,
    ])?;
    Ok(())
}

fn json(summary: &Summary) -> rusqlite::Result<String> {
    let text = serde_json::to_string(&KeptSummary::from(summary));
    text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
