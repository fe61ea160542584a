//! A sheet as Apache Parquet: the table's columns, each of one type that its head tells, uncompressed,
//! in one row group.
//!
//! | heads | type |
//! |---|---|
//! | `…_bytes`, `…_packets`, `…_total`, `…_seconds`, `samples`, `seconds` | `INT64`, unsigned |
//! | `from`, `to`, `interval_start`, `read_at`, `as_of` | `INT64`, milliseconds since 1970 in UTC |
//! | all others, exact decimals among them | text |

use std::sync::Arc;

use model::Timestamp;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Cell, Sheet};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Amount,
    Moment,
    Text,
}

impl Holds {
    fn of(head: &str) -> Self {
        match head {
            "from" | "to" | "interval_start" | "read_at" | "as_of" => Self::Moment,
            "samples" | "seconds" => Self::Amount,
            _ if ["_bytes", "_packets", "_seconds", "_total"]
                .iter()
                .any(|it| head.ends_with(it)) =>
            {
                // Of these one is a text for people: what a late record changed.
                if head == "adjusted_bytes" {
                    Self::Text
                } else {
                    Self::Amount
                }
            }
            _ => Self::Text,
        }
    }

    fn column(self, head: &str) -> Result<Type> {
        let (physical, logical) = match self {
            Self::Amount => (Physical::INT64, LogicalType::integer(64, false)),
            Self::Moment => (
                Physical::INT64,
                LogicalType::timestamp(true, TimeUnit::MILLIS),
            ),
            Self::Text => (Physical::BYTE_ARRAY, LogicalType::String),
        };
        Type::primitive_type_builder(head, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(logical))
            .build()
    }
}

/// The bytes of the file.
///
/// # Errors
/// When a cell is not of the type that the head of its column tells.
pub fn encode(sheet: &Sheet) -> Result<Vec<u8>> {
    let mut file = SerializedFileWriter::new(
        Vec::new(),
        schema(sheet)?,
        Arc::new(WriterProperties::builder().build()),
    )?;
    let mut rows = file.next_row_group()?;
    for (at, head) in sheet.heads.iter().enumerate() {
        let cells = sheet.rows.iter().filter_map(|row| row.get(at));
        let cells: Vec<&Cell> = cells.collect();
        match Holds::of(head) {
            Holds::Text => texts(&mut rows, &cells)?,
            Holds::Amount => numbers(&mut rows, &cells, amount)?,
            Holds::Moment => numbers(&mut rows, &cells, moment)?,
        }
    }
    rows.close()?;
    file.into_inner()
}

fn schema(sheet: &Sheet) -> Result<TypePtr> {
    let columns = sheet.heads.iter();
    let columns = columns.map(|head| Holds::of(head).column(head).map(Arc::new));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let schema = Type::group_type_builder("usage").with_fields(columns);
    schema.build().map(Arc::new)
}

type Rows<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn texts(rows: &mut Rows<'_>, cells: &[&Cell]) -> Result<()> {
    let values = cells.iter().map(|cell| match cell {
        Cell::Text(text) => ByteArray::from(text.as_bytes().to_vec()),
        Cell::Bytes(bytes) => ByteArray::from(bytes.to_string().into_bytes()),
    });
    let values: Vec<ByteArray> = values.collect();
    let Some(mut column) = rows.next_column()? else {
        return Err(no_column());
    };
    column
        .typed::<ByteArrayType>()
        .write_batch(&values, None, None)?;
    column.close()
}

fn numbers(
    rows: &mut Rows<'_>,
    cells: &[&Cell],
    number: impl Fn(&Cell) -> Option<i64>,
) -> Result<()> {
    let values = cells.iter().map(|cell| {
        let broken = || ParquetError::General(format!("{cell:?} is no number or moment"));
        number(cell).ok_or_else(broken)
    });
    let values = values.collect::<Result<Vec<i64>>>()?;
    let Some(mut column) = rows.next_column()? else {
        return Err(no_column());
    };
    column
        .typed::<Int64Type>()
        .write_batch(&values, None, None)?;
    column.close()
}

fn no_column() -> ParquetError {
    ParquetError::General("there are more columns than heads".to_owned())
}

/// The 64 bits of an amount, which the column's type says are without a sign.
fn amount(cell: &Cell) -> Option<i64> {
    let amount: u64 = match cell {
        Cell::Bytes(bytes) => *bytes,
        Cell::Text(text) => text.parse().ok()?,
    };
    Some(amount.cast_signed())
}

fn moment(cell: &Cell) -> Option<i64> {
    let Cell::Text(text) = cell else {
        return None;
    };
    let moment: Timestamp = text.parse().ok()?;
    Some(moment.unix_milliseconds())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    fn sheet() -> Sheet {
        let row = |name: &str, bytes: u64| {
            let (samples, from) = ("7".into(), "2026-11-22T12:30:00Z".into());
            vec![name.into(), Cell::Bytes(bytes), samples, from]
        };
        Sheet {
            heads: vec!["name", "sent_bytes", "samples", "from"],
            rows: vec![row("acme", 5), row("größer, \"globex\"", u64::MAX)],
        }
    }

    #[test]
    fn what_is_written_is_read_back_with_its_types() {
        let file = SerializedFileReader::new(Bytes::from(encode(&sheet()).unwrap())).unwrap();
        let rows: Vec<_> = file
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).unwrap(), "acme");
        assert_eq!(rows[1].get_string(0).unwrap(), "größer, \"globex\"");
        assert_eq!(rows[1].get_ulong(1).unwrap(), u64::MAX);
        assert_eq!(rows[0].get_ulong(2).unwrap(), 7);
        assert_eq!(rows[0].get_timestamp_millis(3).unwrap(), 1_795_350_600_000);
    }

    #[test]
    fn nothing_is_a_file_with_columns_and_no_rows() {
        let empty = Sheet {
            rows: Vec::new(),
            ..sheet()
        };
        let file = SerializedFileReader::new(Bytes::from(encode(&empty).unwrap())).unwrap();
        let metadata = file.metadata().file_metadata();
        assert_eq!(
            (metadata.num_rows(), metadata.schema_descr().num_columns()),
            (0, 4)
        );
    }
}
