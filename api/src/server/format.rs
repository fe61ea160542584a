//! What the ledger tells in other forms than JSON: `?format=csv`, `parquet`, and of a bill `html`.
//!
//! The next page of a list, which JSON names by its cursor, is then the header `Link` (RFC 8288).

use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::fields::Fields;
use super::respond::json;
use super::value::{FieldValue, word};
use crate::backend::Outcome;
use crate::problem::{Code, FieldCode, Problem};
use crate::request::Paging;
use crate::resource::Page;
use crate::sheet::{Ids, LineEnd, Sheet, Tabular, parquet};

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Json,
    Csv,
    Parquet,
}

/// The form of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BillFormat {
    /// Its lines, or in JSON all of it.
    Lines(Format),
    /// A page to print.
    Html,
}

impl Default for BillFormat {
    fn default() -> Self {
        Self::Lines(Format::Json)
    }
}

impl FieldValue for Format {
    const EXPECTED: &'static str = "one of \"json\", \"csv\", \"parquet\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let all = [
            (Self::Json, "json"),
            (Self::Csv, "csv"),
            (Self::Parquet, "parquet"),
        ];
        word(value, &all)
    }
}

impl FieldValue for BillFormat {
    const EXPECTED: &'static str = "one of \"json\", \"csv\", \"parquet\", \"html\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match value.as_str() {
            Some("html") => Ok(Self::Html),
            _ => Format::read(value).map(Self::Lines),
        }
    }
}

/// Which part of a list is asked for, and in which form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) page: Paging,
    pub(super) format: Format,
}

impl Part {
    /// What a request says of it, which holds for this page.
    pub(super) fn read(fields: &mut Fields, page: Paging) -> Self {
        let format = fields.optional("format").unwrap_or_default();
        Self { page, format }
    }

    /// The answer: these are the items of the part.
    pub(super) fn told<T: Tabular + Serialize>(
        self,
        items: Vec<T>,
        uri: &Uri,
    ) -> Outcome<Response> {
        let page = page(items, self.page);
        if self.format == Format::Json {
            return Ok(json(StatusCode::OK, &page));
        }
        let mut answer = sheet(&page.items, self.format)?;
        let next = page.next_cursor.and_then(|cursor| next_page(uri, &cursor));
        if let Some(next) = next {
            answer.headers_mut().insert(LINK, next);
        }
        Ok(answer)
    }
}

/// A page of what is handed out by number, and a cursor to the next if it is full.
pub(super) fn page<T>(items: Vec<T>, Paging { offset, limit }: Paging) -> Page<T> {
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    let next_cursor = full.then(|| offset.saturating_add(limit).to_string());
    Page { items, next_cursor }
}

/// The link to the page that this cursor leads to.
fn next_page(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let others = uri.query().unwrap_or_default().split('&');
    let others = others.filter(|it| !it.is_empty() && !it.starts_with("cursor="));
    let cursor = format!("cursor={cursor}");
    let all: Vec<&str> = others.chain([cursor.as_str()]).collect();
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), all.join("&"));
    HeaderValue::try_from(link).ok()
}

/// These as a sheet; as JSON, a list of them.
pub(super) fn sheet<T: Tabular + Serialize>(items: &[T], format: Format) -> Outcome<Response> {
    let (kind, bytes) = match format {
        Format::Json => return Ok(json(StatusCode::OK, &items)),
        Format::Csv => {
            let text = Sheet::of(items, &Ids).csv(LineEnd::CrLf);
            ("text/csv; charset=utf-8; header=present", text.into_bytes())
        }
        Format::Parquet => {
            let bytes = parquet::encode(&Sheet::of(items, &Ids)).map_err(|error| {
                tracing::error!(%error, "could not write an answer as Parquet");
                let detail = "the answer could not be written as Parquet; see the server's log";
                Problem::new(Code::Internal, detail)
            })?;
            ("application/vnd.apache.parquet", bytes)
        }
    };
    Ok((StatusCode::OK, [(CONTENT_TYPE, kind)], bytes).into_response())
}

/// A page for people. It loads nothing and runs nothing, whatever is in it.
pub(super) fn html(page: String) -> Response {
    let heads = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            axum::http::header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
    ];
    (StatusCode::OK, heads, page).into_response()
}

#[cfg(test)]
mod tests;
