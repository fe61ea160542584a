//! Takes a request apart field by field and collects every fault, so that a client learns of all
//! of them at once.

use std::collections::BTreeMap;
use std::fmt;

use axum::extract::Query;
use axum::http::Uri;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::value::FieldValue;
use crate::problem::{Code, FieldCode, FieldError, Problem};
use crate::request::Setting;

/// How much of a wrong value is shown, in characters.
const SHOWN_CHARS: usize = 60;

/// How many faults are told at most: a hostile body must not make a huge answer.
const MOST_ERRORS: usize = 100;

/// The fields of one request that nobody has asked for yet, and what was wrong with the others.
pub(super) struct Fields {
    rest: BTreeMap<String, Value>,
    asked: Vec<&'static str>,
    errors: Vec<FieldError>,
    code: Code,
}

impl Fields {
    /// The fields of a JSON object. Refuses everything else, and a field that is there twice.
    pub(super) fn of_body(body: &[u8]) -> Result<Self, Problem> {
        // The parser itself refuses values that are nested more than 128 deep.
        let Object(rest) = serde_json::from_slice(body).map_err(|error| {
            let detail = format!("the body must be one JSON object: {error}");
            Problem::new(Code::MalformedBody, detail)
        })?;
        Ok(Self::new(rest, Code::InvalidFields))
    }

    /// The parameters of a query, each a text.
    pub(super) fn of_query(uri: &Uri) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            let detail = "the query must be name=value pairs, joined by & and percent-encoded";
            return Err(Problem::new(Code::InvalidParameter, detail));
        };
        let mut rest = BTreeMap::new();
        for (name, value) in pairs {
            if rest.insert(name.clone(), Value::String(value)).is_some() {
                let detail = format!("the parameter {} may be given only once", shorten(&name));
                return Err(Problem::new(Code::InvalidParameter, detail));
            }
        }
        Ok(Self::new(rest, Code::InvalidParameter))
    }

    fn new(rest: BTreeMap<String, Value>, code: Code) -> Self {
        Self {
            rest,
            asked: Vec::new(),
            errors: Vec::new(),
            code,
        }
    }

    /// A field that must be there.
    pub(super) fn required<T: FieldValue>(&mut self, name: &'static str) -> Option<T> {
        let Some(value) = self.take(name) else {
            self.refuse(name, FieldCode::Required, missing(T::EXPECTED));
            return None;
        };
        self.read(name, &value)
    }

    /// A field that may be absent, or `null`, which is the same.
    pub(super) fn optional<T: FieldValue>(&mut self, name: &'static str) -> Option<T> {
        let value = self.take(name)?;
        self.read(name, &value)
    }

    /// Whether a field is there, whatever its value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.rest.get(name).is_some_and(|value| !value.is_null())
    }

    /// A field that may be absent, which leaves what there is, or `null`, which takes it away.
    pub(super) fn setting<T: FieldValue>(&mut self, name: &'static str) -> Setting<T> {
        self.asked.push(name);
        match self.rest.remove(name) {
            None => Setting::Kept,
            Some(Value::Null) => Setting::Removed,
            Some(value) => self.read(name, &value).map_or(Setting::Kept, Setting::To),
        }
    }

    /// The same for an object, read by `read` field by field.
    pub(super) fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Setting<T> {
        self.asked.push(name);
        let inner = match self.rest.remove(name) {
            None => return Setting::Kept,
            Some(Value::Null) => return Setting::Removed,
            Some(Value::Object(inner)) => inner,
            Some(value) => {
                let message = format!("got {}; expected an object", shown(&value));
                self.refuse(name, FieldCode::WrongType, message);
                return Setting::Kept;
            }
        };
        let mut fields = Self::new(inner.into_iter().collect(), self.code);
        let object = read(&mut fields);
        fields.refuse_rest();
        for error in fields.errors {
            self.refuse(format!("{name}.{}", error.field), error.code, error.message);
        }
        Setting::To(object)
    }

    /// A list of at most `max` values; `None` if absent.
    pub(super) fn list<T: FieldValue>(&mut self, name: &'static str, max: usize) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let Value::Array(items) = &value else {
            let message = format!("got {}; expected a list", shown(&value));
            self.refuse(name, FieldCode::WrongType, message);
            return None;
        };
        if items.len() > max {
            let message = format!("got {} values; expected at most {max}", items.len());
            self.refuse(name, FieldCode::OutOfRange, message);
            return None;
        }
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let field = format!("{name}[{index}]");
            match T::read(item) {
                Ok(value) => list.push(value),
                Err(code) => self.refuse(field, code, unexpected(item, T::EXPECTED)),
            }
        }
        Some(list)
    }

    /// A list of at most `max` objects, each read field by field; `None` if absent.
    pub(super) fn objects<T>(
        &mut self,
        name: &'static str,
        max: usize,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let values: Vec<BTreeMap<String, Value>> = self
            .list::<Nested>(name, max)?
            .into_iter()
            .map(|Nested(fields)| fields)
            .collect();
        let mut list = Vec::with_capacity(values.len());
        for (index, fields) in values.into_iter().enumerate() {
            let mut fields = Self::new(fields, self.code);
            let value = read(&mut fields);
            match fields.finish(value) {
                Ok(value) => list.push(value),
                Err(problem) => {
                    let faults = problem.errors.into_iter();
                    let faults = faults.map(|fault| FieldError {
                        field: format!("{name}[{index}].{}", fault.field),
                        ..fault
                    });
                    let room = MOST_ERRORS.saturating_sub(self.errors.len());
                    self.errors.extend(faults.take(room));
                }
            }
        }
        Some(list)
    }

    /// Notes a fault that only several fields together show.
    pub(super) fn refuse(
        &mut self,
        field: impl Into<String>,
        code: FieldCode,
        message: impl Into<String>,
    ) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(FieldError::new(field, code, message));
        }
    }

    /// Notes a parameter whose text is not what was expected.
    pub(super) fn refuse_value(&mut self, field: &'static str, text: &str, expected: &str) {
        let message = unexpected(&Value::from(text), expected);
        self.refuse(field, FieldCode::OutOfRange, message);
    }

    /// The whole request, if nothing was wrong with any field and none was left over.
    pub(super) fn finish<T>(mut self, request: Option<T>) -> Result<T, Problem> {
        self.refuse_rest();
        match request {
            Some(request) if self.errors.is_empty() => Ok(request),
            _ => Err(Problem {
                status: self.code.status(),
                code: self.code,
                ..Problem::invalid(self.errors)
            }),
        }
    }

    /// Whatever nobody asked for is unknown.
    fn refuse_rest(&mut self) {
        for name in std::mem::take(&mut self.rest).into_keys() {
            let message = unknown(&name, &self.asked);
            self.refuse(shorten(&name), FieldCode::Unknown, message);
        }
    }

    /// The value of a field; `null` is none. From here on the field is a known one.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        self.rest.remove(name).filter(|value| !value.is_null())
    }

    fn read<T: FieldValue>(&mut self, name: &'static str, value: &Value) -> Option<T> {
        T::read(value)
            .map_err(|code| self.refuse(name, code, unexpected(value, T::EXPECTED)))
            .ok()
    }
}

fn unknown(name: &str, allowed: &[&str]) -> String {
    let name = shorten(name);
    format!("there is no {name}; allowed are {}", allowed.join(", "))
}

fn unexpected(value: &Value, expected: &str) -> String {
    format!("got {}; expected {expected}", shown(value))
}

fn missing(expected: &str) -> String {
    format!("is missing; expected {expected}")
}

fn shown(value: &Value) -> String {
    shorten(&value.to_string())
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// An object within a list.
struct Nested(BTreeMap<String, Value>);

impl FieldValue for Nested {
    const EXPECTED: &'static str = "an object";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let object = value.as_object().ok_or(FieldCode::WrongType)?;
        let fields = object
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        Ok(Self(fields.collect()))
    }
}

/// A JSON object whose fields are each there once. (`serde_json` alone would keep the last.)
struct Object(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                let name = shorten(&name);
                return Err(de::Error::custom(format!(
                    "the field {name} is there twice"
                )));
            }
            fields.insert(name, value);
        }
        Ok(Object(fields))
    }
}
