//! Entity tags (RFC 9110 §8.8.3): which version of an object a client has seen.

use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::problem::{Code, Problem};

#[cfg(test)]
mod tests;

/// The most tags in one header.
const MAX_TAGS: usize = 16;

/// The longest tag.
const MAX_TAG_BYTES: usize = 128;

/// The versions of an object that a change is meant for; any if none is named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IfMatch(pub(super) Vec<String>);

impl IfMatch {
    /// What the header says, if it is there. Weak tags match nothing and are left out, as the
    /// comparison of `If-Match` is the strong one (§13.1.1).
    ///
    /// # Errors
    /// It is there and is not what RFC 9110 says.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut tags = Vec::new();
        let mut is_any = None;
        for value in headers.get_all(IF_MATCH) {
            let text = value.to_str().map_err(|_| bad())?;
            is_any = Some(is_any.unwrap_or(true) && text.trim() == "*");
            if text.trim() != "*" {
                read_list(text, &mut tags)?;
            }
        }
        match is_any {
            None => Ok(None),
            Some(true) => Ok(Some(Self(Vec::new()))),
            Some(false) => Ok(Some(Self(tags.into_iter().map(Tag::into_strong).collect()))),
        }
    }
}

enum Tag {
    Strong(String),
    Weak,
}

impl Tag {
    /// What no object has stands for a weak tag.
    fn into_strong(self) -> String {
        match self {
            Self::Strong(tag) => tag,
            Self::Weak => String::new(),
        }
    }
}

fn read_list(mut text: &str, tags: &mut Vec<Tag>) -> Result<(), Problem> {
    loop {
        let (is_weak, rest) = match text.trim_start().strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, text.trim_start()),
        };
        let opened = rest.strip_prefix('"').ok_or_else(bad)?;
        let (tag, rest) = opened.split_once('"').ok_or_else(bad)?;
        if tag.len() > MAX_TAG_BYTES || tags.len() == MAX_TAGS {
            return Err(bad());
        }
        tags.push(match is_weak {
            true => Tag::Weak,
            false => Tag::Strong(tag.to_owned()),
        });
        match rest.trim_start() {
            "" => return Ok(()),
            rest => text = rest.strip_prefix(',').ok_or_else(bad)?,
        }
    }
}

fn bad() -> Problem {
    let detail = format!(
        "If-Match must be * or up to {MAX_TAGS} entity tags as ETag gave them, in double quotes and with \
         commas between them"
    );
    Problem::new(Code::InvalidParameter, detail)
}

/// The answer, with the tag of the object in it.
pub(super) fn tagged(mut response: Response, tag: Option<String>) -> Response {
    let quoted = tag.map(|tag| HeaderValue::try_from(format!("\"{tag}\"")));
    if let Some(Ok(quoted)) = quoted {
        response.headers_mut().insert(ETAG, quoted);
    }
    response
}
