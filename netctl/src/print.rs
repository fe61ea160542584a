//! Results as tables for people, JSON and CSV for programs, ids for scripts.
//!
//! A pure step: a result and a format go in, text comes out.

use std::path::Path;

use api::resource::Resource;
pub(crate) use api::sheet::Cell;
use api::sheet::{LineEnd, Sheet, Tabular, csv_of, harmless, parquet};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;

#[cfg(test)]
mod tests;

/// What a result looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people; names in place of ids
    #[default]
    Table,
    /// The API's own objects
    Json,
    /// The table's columns, comma-separated, numbers exact
    Csv,
    /// Only ids, one a line
    Id,
}

/// What a command found or did.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Many things.
    List(Listing),
    /// One thing, and its id.
    Object { id: String, json: Value },
    /// Something was done, to the thing of this id.
    Said {
        id: String,
        json: Value,
        text: String,
    },
    /// A text that has no other form.
    Text(String),
}

/// Many things, as rows and as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    heads: Vec<&'static str>,
    rows: Vec<Row>,
    json: Value,
}

#[derive(Clone, Debug)]
struct Row {
    id: String,
    cells: Vec<Cell>,
}

/// A column of a listing: its head, and what stands in it.
pub(crate) struct Column<T> {
    pub(crate) head: &'static str,
    pub(crate) cell: fn(&T, &Names) -> Cell,
}

/// The column of one head.
pub(crate) const fn column<T>(head: &'static str, cell: fn(&T, &Names) -> Cell) -> Column<T> {
    Column { head, cell }
}

impl Listing {
    /// A listing of the API's objects.
    pub(crate) fn of<T: Resource>(objects: &[T], columns: &[Column<T>], names: &Names) -> Self {
        Self::with_ids(objects, columns, names, |object| object.id().to_string())
    }

    /// A listing of anything with some kind of id.
    pub(crate) fn with_ids<T: Serialize>(
        objects: &[T],
        columns: &[Column<T>],
        names: &Names,
        id: impl Fn(&T) -> String,
    ) -> Self {
        let row = |object: &T| Row {
            id: id(object),
            cells: columns
                .iter()
                .map(|column| (column.cell)(object, names))
                .collect(),
        };
        Self {
            heads: columns.iter().map(|column| column.head).collect(),
            rows: objects.iter().map(row).collect(),
            json: json(&objects),
        }
    }

    /// A listing of what the ledger tells, in the columns that it has everywhere.
    pub(crate) fn told<T: Tabular + Serialize>(
        objects: &[T],
        names: &Names,
        id: impl Fn(&T) -> String,
    ) -> Self {
        let Sheet { heads, rows } = Sheet::of(objects, names);
        let rows = objects.iter().zip(rows);
        let rows = rows.map(|(object, cells)| Row {
            id: id(object),
            cells,
        });
        Self {
            heads,
            rows: rows.collect(),
            json: json(&objects),
        }
    }

    /// Writes it into a file as Apache Parquet, replacing the file.
    pub(crate) fn write_parquet(&self, path: &Path) -> Result<(), Failure> {
        let says = format!("could not write {}", path.display());
        let failed = |why: String| Failure::new(Exit::Local, says.clone()).because(why);
        let bytes = parquet::encode(&self.sheet()).map_err(|error| failed(error.to_string()))?;
        std::fs::write(path, bytes).map_err(|error| failed(error.to_string()))
    }

    fn sheet(&self) -> Sheet {
        Sheet {
            heads: self.heads.clone(),
            rows: self.rows.iter().map(|row| row.cells.clone()).collect(),
        }
    }

    /// The same rows, but this as JSON.
    pub(crate) fn with_json(self, json: Value) -> Self {
        Self { json, ..self }
    }
}

/// `value` as JSON. Our own types always have one.
pub(crate) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A value that the API writes as one word.
pub(crate) fn word(value: &impl Serialize) -> String {
    scalar(&json(value))
}

/// The text of a result.
pub(crate) fn render(output: &Output, format: Format) -> String {
    match (output, format) {
        (Output::Text(text), _) => text.clone(),
        (Output::Said { text, .. }, Format::Table) => format!("{text}\n"),
        (Output::List(listing), Format::Table) => table(listing),
        (Output::Object { json, .. }, Format::Table) => sheet(json),
        (Output::List(listing), Format::Csv) => listing.sheet().csv(LineEnd::Lf),
        (Output::Object { json, .. } | Output::Said { json, .. }, Format::Csv) => {
            csv_of_object(json)
        }
        (Output::List(Listing { json, .. }), Format::Json)
        | (Output::Object { json, .. } | Output::Said { json, .. }, Format::Json) => {
            format!("{json:#}\n")
        }
        (Output::List(listing), Format::Id) => listing
            .rows
            .iter()
            .map(|row| format!("{}\n", row.id))
            .collect(),
        (Output::Object { id, .. } | Output::Said { id, .. }, Format::Id) => format!("{id}\n"),
    }
}

fn table(listing: &Listing) -> String {
    let mut table = bare_table();
    table.set_header(
        listing
            .heads
            .iter()
            .map(|head| head.to_uppercase().replace('_', " ")),
    );
    for row in &listing.rows {
        table.add_row(row.cells.iter().map(for_people));
    }
    text_of(&table)
}

/// One object, one line per field, what it is called first.
fn sheet(object: &Value) -> String {
    let mut fields = flatten(object);
    fields.sort_by_key(|(name, _)| match name.as_str() {
        "name" => 0,
        "id" => 1,
        _ => 2,
    });
    let mut table = bare_table();
    for (name, value) in fields {
        table.add_row([name, harmless(&value)]);
    }
    text_of(&table)
}

fn bare_table() -> Table {
    let mut table = Table::new();
    // Lines are never wrapped: they are for grep as much as for the eye.
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn text_of(table: &Table) -> String {
    // Without a border, comfy-table still keeps its padding at both ends.
    let lines = table
        .lines()
        .map(|line| format!("{}\n", line.trim_end().trim_start_matches(' ')));
    lines.collect()
}

fn csv_of_object(object: &Value) -> String {
    let fields = flatten(object).into_iter();
    let (heads, cells) = fields.map(|(name, value)| (name, harmless(&value))).unzip();
    csv_of(heads, std::iter::once(cells), LineEnd::Lf)
}

fn for_people(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => harmless(text),
        Cell::Bytes(bytes) => human_bytes(*bytes),
    }
}

/// In powers of ten, as bills have it: 52.4 MB.
fn human_bytes(bytes: u64) -> String {
    const UNITS: &[(u64, &str)] = &[
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    let Some((size, unit)) = UNITS.iter().find(|(size, _)| bytes >= *size) else {
        return format!("{bytes} B");
    };
    let tenths = u128::from(bytes) * 10 / u128::from(*size);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// The fields of an object, those inside others as `outer.inner`.
fn flatten(value: &Value) -> Vec<(String, String)> {
    let Value::Object(fields) = value else {
        return vec![("value".to_owned(), scalar(value))];
    };
    let mut flat = Vec::new();
    flatten_into(&mut flat, "", fields);
    flat
}

fn flatten_into(flat: &mut Vec<(String, String)>, prefix: &str, fields: &Map<String, Value>) {
    for (name, value) in fields {
        let name = format!("{prefix}{name}");
        match value {
            // Our own types are at most a few levels deep.
            Value::Object(inner) => flatten_into(flat, &format!("{name}."), inner),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(item).collect();
                flat.push((name, items.join(", ")));
            }
            _ => flat.push((name, scalar(value))),
        }
    }
}

/// One of many is told by its name, where it has one: `-o json` has the rest.
fn item(value: &Value) -> String {
    scalar(value.get("name").unwrap_or(value))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
