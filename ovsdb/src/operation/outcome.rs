//! What the server answers to a transaction: one result per operation, up to the first
//! that failed (RFC 7047 §4.1.3).

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::error::Error;
use crate::replica::Row;
use crate::value::Value;

/// What one operation did.
#[derive(Clone, Debug, PartialEq)]
pub enum OperationResult {
    /// An insert made the row with this UUID.
    Inserted(Uuid),
    /// A select found these rows.
    Selected(Vec<Row>),
    /// An update, mutate or delete matched this many rows.
    Matched(u64),
    /// A wait, commit, comment or assert is done.
    Done,
}

impl OperationResult {
    /// The UUID of the row an insert made.
    pub fn uuid(&self) -> Option<Uuid> {
        match self {
            Self::Inserted(uuid) => Some(*uuid),
            _ => None,
        }
    }

    /// The rows a select found; none for any other operation.
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::Selected(rows) => rows,
            _ => &[],
        }
    }

    /// How many rows an update, mutate or delete matched.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Matched(count) => Some(*count),
            _ => None,
        }
    }
}

/// One element of the array that answers a transaction.
#[derive(Deserialize)]
struct Outcome {
    error: Option<String>,
    #[serde(default)]
    details: String,
    uuid: Option<Value>,
    rows: Option<Vec<Row>>,
    count: Option<u64>,
}

impl Outcome {
    fn into_result(self) -> OperationResult {
        let uuid = self.uuid.and_then(|value| value.as_uuid());
        match (uuid, self.rows, self.count) {
            (Some(uuid), _, _) => OperationResult::Inserted(uuid),
            (_, Some(rows), _) => OperationResult::Selected(rows),
            (_, _, Some(count)) => OperationResult::Matched(count),
            _ => OperationResult::Done,
        }
    }
}

/// Reads the answer to a transaction of `sent` operations.
///
/// Operations that were never tried are `null` in it, and a transaction that failed as a
/// whole (at its commit) has one element more than it had operations.
pub(crate) fn decode_outcomes(raw: &RawValue, sent: usize) -> Result<Vec<OperationResult>, Error> {
    let outcomes: Vec<Option<Outcome>> =
        serde_json::from_str(raw.get()).map_err(Error::decoding("the results of a transaction"))?;
    let mut results = Vec::with_capacity(outcomes.len());
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Some(Outcome {
                error: Some(error),
                details,
                ..
            }) => {
                return Err(Error::Operation {
                    index,
                    error,
                    details,
                });
            }
            Some(outcome) => results.push(outcome.into_result()),
            None => break,
        }
    }
    match results.len() == sent {
        true => Ok(results),
        false => Err(Error::ResultCount {
            sent,
            received: results.len(),
        }),
    }
}
