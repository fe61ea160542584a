//! Lists: filtered, sorted, and handed out in pages that stay right while the pool changes.
//!
//! ```text
//!   ?name=web&sort=tenant_id,-created_at&limit=50&cursor=...
//!    filter   sort keys, - descending    page    where the last page ended
//! ```
//!
//! A cursor holds the sort values and the id of the last object shown, not a position: an object
//! that is there all the while, unchanged, is shown exactly once, whatever comes and goes.

use std::borrow::Borrow;
use std::cmp::Ordering;

use axum::http::Uri;
use serde_json::Value;
use uuid::Uuid;

use super::cursor::Cursor;
use super::fields::Fields;
use super::key::{Field, Key};
use super::value::FieldValue;
use crate::problem::{Code, FieldCode, Problem};
use crate::resource::{Page, Resource};

#[cfg(test)]
mod tests;

/// The most objects on a page.
pub(super) const MAX_LIMIT: usize = 1000;

/// How many objects a page has unless the client says otherwise.
const DEFAULT_LIMIT: usize = 100;

/// What a client wants to see of a collection of `T`.
pub(super) struct ListQuery<T: 'static> {
    filters: Vec<(&'static Field<T>, Key<'static>)>,
    order: Vec<Order<T>>,
    limit: usize,
    cursor: Option<Cursor>,
}

struct Order<T: 'static> {
    field: &'static Field<T>,
    direction: Direction,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// An object with what it is sorted by.
struct Row<'a> {
    keys: Vec<Key<'a>>,
    id: Uuid,
    index: usize,
}

impl<T: Resource> ListQuery<T> {
    /// Reads the parameters; every fault at once.
    pub(super) fn parse(uri: &Uri, fields: &'static [Field<T>]) -> Result<Self, Problem> {
        Self::parse_with(uri, fields, |_| ()).map(|(query, ())| query)
    }

    /// The same, with parameters that this list alone has.
    pub(super) fn parse_with<O>(
        uri: &Uri,
        fields: &'static [Field<T>],
        read: impl FnOnce(&mut Fields) -> O,
    ) -> Result<(Self, O), Problem> {
        let mut parameters = Fields::of_query(uri)?;
        let own = read(&mut parameters);
        let mut filters = Vec::new();
        for field in fields {
            let Some(Text(text)) = parameters.optional(field.name) else {
                continue;
            };
            match field.kind.parse(&text) {
                Ok(key) => filters.push((field, key)),
                Err(expected) => parameters.refuse_value(field.name, &text, expected),
            }
        }
        let limit = parameters
            .optional("limit")
            .map_or(DEFAULT_LIMIT, |Limit(limit)| limit);
        let sort = parameters
            .optional("sort")
            .map_or(String::new(), |Text(sort)| sort);
        let order = parse_order(&sort, fields, &mut parameters);
        let cursor = parameters.optional::<Text>("cursor");
        let order = parameters.finish(Some(order))?;
        let kinds: Vec<_> = order.iter().map(|order| order.field.kind).collect();
        let cursor = cursor.map(|Text(text)| Cursor::parse(&text, &sort, &kinds));
        let cursor = cursor.transpose().map_err(|()| bad_cursor())?;
        let query = Self {
            filters,
            order,
            limit,
            cursor,
        };
        Ok((query, own))
    }

    /// The page of `all` that was asked for.
    pub(super) fn page<H: Borrow<T> + Clone>(&self, all: &[H]) -> Page<H> {
        let objects = all.iter().map(Borrow::borrow).enumerate();
        let mut rows: Vec<Row<'_>> = objects
            .filter(|(_, object)| self.wants(object))
            .map(|(index, object)| self.row(index, object))
            .filter(|row| self.is_after_cursor(row))
            .collect();
        let has_more = rows.len() > self.limit;
        if has_more {
            // Only the page itself needs to be sorted, however long the list is.
            rows.select_nth_unstable_by(self.limit, |a, b| self.compare(a, b));
            rows.truncate(self.limit);
        }
        rows.sort_unstable_by(|a, b| self.compare(a, b));
        let last = rows.last().filter(|_| has_more);
        Page {
            next_cursor: last.map(|row| Cursor::text(&self.sort(), &row.keys, row.id)),
            items: rows
                .iter()
                .filter_map(|row| all.get(row.index))
                .cloned()
                .collect(),
        }
    }

    fn wants(&self, object: &T) -> bool {
        self.filters
            .iter()
            .all(|(field, key)| (field.get)(object) == *key)
    }

    fn row<'a>(&self, index: usize, object: &'a T) -> Row<'a> {
        let keys = self.order.iter().map(|order| (order.field.get)(object));
        Row {
            keys: keys.collect(),
            id: object.id(),
            index,
        }
    }

    fn is_after_cursor(&self, row: &Row<'_>) -> bool {
        let Some(cursor) = &self.cursor else {
            return true;
        };
        self.compare_keys((&row.keys, row.id), (&cursor.keys, cursor.id)) == Ordering::Greater
    }

    fn compare(&self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        self.compare_keys((&a.keys, a.id), (&b.keys, b.id))
    }

    fn compare_keys(&self, a: (&[Key<'_>], Uuid), b: (&[Key<'_>], Uuid)) -> Ordering {
        let pairs = a.0.iter().zip(b.0).zip(&self.order);
        let by_key = pairs.map(|((a, b), order)| match order.direction {
            Direction::Ascending => a.cmp(b),
            Direction::Descending => b.cmp(a),
        });
        // Ids differ, so that no two objects are ever equal and a cursor is unambiguous.
        by_key
            .chain(std::iter::once_with(|| a.1.cmp(&b.1)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The order as the client wrote it.
    fn sort(&self) -> String {
        let keys = self.order.iter().map(|order| match order.direction {
            Direction::Ascending => order.field.name.to_owned(),
            Direction::Descending => format!("-{}", order.field.name),
        });
        keys.collect::<Vec<_>>().join(",")
    }
}

fn parse_order<T>(
    sort: &str,
    fields: &'static [Field<T>],
    parameters: &mut Fields,
) -> Vec<Order<T>> {
    let mut order: Vec<Order<T>> = Vec::new();
    for key in sort.split(',').filter(|_| !sort.is_empty()) {
        let (name, direction) = match key.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (key, Direction::Ascending),
        };
        let is_new = order.iter().all(|order| order.field.name != name);
        let field = fields.iter().find(|field| field.name == name && is_new);
        let Some(field) = field else {
            let names: Vec<_> = fields.iter().map(|field| field.name).collect();
            let expected = format!("each at most once, - for descending: {}", names.join(", "));
            parameters.refuse_value("sort", sort, &expected);
            break;
        };
        order.push(Order { field, direction });
    }
    order
}

fn bad_cursor() -> Problem {
    let detail = "the cursor is not one of this list in this order; start again without it";
    Problem::new(Code::InvalidParameter, detail)
}

/// A parameter as it stands.
pub(super) struct Text(pub(super) String);

impl FieldValue for Text {
    const EXPECTED: &'static str = "a text";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let text = value.as_str().ok_or(FieldCode::WrongType)?;
        Ok(Self(text.to_owned()))
    }
}

struct Limit(usize);

impl FieldValue for Limit {
    const EXPECTED: &'static str = "a number from 1 to 1000";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let limit = value.as_str().and_then(|text| text.parse().ok());
        let limit = limit.ok_or(FieldCode::WrongType)?;
        let allowed = (1..=MAX_LIMIT).contains(&limit);
        allowed.then_some(Self(limit)).ok_or(FieldCode::OutOfRange)
    }
}
