//! Where a page ended, as an opaque text: the sort keys and the id of the last object shown.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::{Key, Kind};

/// Longer texts are no cursor of ours: a few names of 64 characters fit well.
const MAX_CHARS: usize = 8192;

/// Where a page ended.
pub(super) struct Cursor {
    pub(super) keys: Vec<Key<'static>>,
    pub(super) id: Uuid,
}

/// What is inside the text: JSON, written in hexadecimal so that nobody takes it for a promise.
#[derive(Serialize, Deserialize)]
struct Content {
    sort: String,
    keys: Vec<String>,
    id: Uuid,
}

impl Cursor {
    /// The text of a cursor.
    pub(super) fn text(sort: &str, keys: &[Key<'_>], id: Uuid) -> String {
        let content = Content {
            sort: sort.to_owned(),
            keys: keys.iter().map(Key::to_string).collect(),
            id,
        };
        let json = serde_json::to_vec(&content).unwrap_or_default();
        json.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads a cursor made for this order, whose fields hold `kinds`.
    pub(super) fn parse(text: &str, sort: &str, kinds: &[Kind]) -> Result<Self, ()> {
        let json = decode_hex(text).ok_or(())?;
        let content: Content = serde_json::from_slice(&json).map_err(|_| ())?;
        if content.sort != sort || content.keys.len() != kinds.len() {
            return Err(());
        }
        let keys = content.keys.iter().zip(kinds);
        let keys: Result<Vec<_>, _> = keys.map(|(text, kind)| kind.parse(text)).collect();
        Ok(Self {
            keys: keys.map_err(|_| ())?,
            id: content.id,
        })
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_CHARS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let decode = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty()
        .then(|| pairs.iter().map(decode).collect())?
}
