//! What the ledger tells as a sheet, for programs of people who count: rows under heads, as CSV
//! (RFC 4180) or Apache Parquet; and a bill as a page to print.
//!
//! The columns of each kind of row are in [`columns`], one list for the server and for `netctl`, so that a
//! figure has the same name wherever it is read.

pub mod columns;
pub mod page;
pub mod parquet;

use model::billing::{Bill, BillLine};
use rust_decimal::Decimal;
use uuid::Uuid;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The same for people and programs.
    Text(String),
    /// An amount of bytes: rounded for people, exact for programs.
    Bytes(u64),
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Cell {
    /// For programs: exact, and without control characters.
    #[must_use]
    pub fn exact(&self) -> String {
        match self {
            Self::Text(text) => harmless(text),
            Self::Bytes(bytes) => bytes.to_string(),
        }
    }
}

/// Without control characters: what a host reported must not steer the operator's terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What things are called.
pub trait Naming {
    /// The name behind an id, or the id itself.
    fn of(&self, id: Uuid) -> String;
}

/// Everything by its id: for programs, for names change.
#[derive(Clone, Copy, Debug)]
pub struct Ids;

impl Naming for Ids {
    fn of(&self, id: Uuid) -> String {
        id.to_string()
    }
}

/// A column: its head, and what stands in it.
pub struct Column<T> {
    /// Its name.
    pub head: &'static str,
    /// Its value in the row of an object.
    pub cell: fn(&T, &dyn Naming) -> Cell,
}

/// The column of one head.
const fn column<T>(head: &'static str, cell: fn(&T, &dyn Naming) -> Cell) -> Column<T> {
    Column { head, cell }
}

/// What is a row of a sheet.
pub trait Tabular: Sized + 'static {
    /// Its columns, in order.
    const COLUMNS: &'static [Column<Self>];
}

/// The lines of a bill, and their sum as the last.
#[must_use]
pub fn with_total(bill: &Bill) -> Vec<BillLine> {
    let currency = bill.currency.as_ref();
    let total = BillLine {
        what: match bill.seal {
            Some(_) => "total, sealed".to_owned(),
            None => format!("total as of {}", bill.as_of),
        },
        quantity: Decimal::ONE,
        unit: currency.map_or_else(|| "no rate plan".to_owned(), ToString::to_string),
        price: bill.total,
        amount: bill.total,
        classes: Vec::new(),
        slot: None,
    };
    bill.lines.iter().cloned().chain([total]).collect()
}

/// How lines of CSV end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// As RFC 4180 §2 has it.
    CrLf,
    /// As files and pipes of Unix have it.
    Lf,
}

/// Rows under heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What is in each column.
    pub heads: Vec<&'static str>,
    /// Each as long as there are heads.
    pub rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// The sheet of these objects.
    #[must_use]
    pub fn of<T: Tabular>(objects: &[T], names: &dyn Naming) -> Self {
        let cells = |object| T::COLUMNS.iter().map(move |it| (it.cell)(object, names));
        Self {
            heads: T::COLUMNS.iter().map(|column| column.head).collect(),
            rows: objects
                .iter()
                .map(|object| cells(object).collect())
                .collect(),
        }
    }

    /// As CSV, the heads first.
    #[must_use]
    pub fn csv(&self, end: LineEnd) -> String {
        let heads = self.heads.iter().map(ToString::to_string).collect();
        let rows = self.rows.iter();
        let rows = rows.map(|row| row.iter().map(Cell::exact).collect());
        csv_of(heads, rows, end)
    }
}

/// Rows as CSV, after a row of heads.
#[must_use]
pub fn csv_of(heads: Vec<String>, rows: impl Iterator<Item = Vec<String>>, end: LineEnd) -> String {
    let terminator = match end {
        LineEnd::CrLf => csv::Terminator::CRLF,
        LineEnd::Lf => csv::Terminator::Any(b'\n'),
    };
    let mut writer = csv::WriterBuilder::new();
    let mut writer = writer.terminator(terminator).from_writer(Vec::new());
    for row in std::iter::once(heads).chain(rows) {
        // Rows of one length written to memory: there is nothing that could fail.
        let _written = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
