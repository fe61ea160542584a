//! Options: a kind, a length, and so many bytes; and names inside them.

use model::DomainName;

/// Walks over options whose kind and length are one byte each (RFC 2132 §2), and stops at the first
/// that is cut short.
pub(super) fn short(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while let [0, padded @ ..] = rest {
            rest = padded;
        }
        let (kind, length, tail) = match rest {
            [255, ..] | [] | [_] => return None,
            [kind, length, tail @ ..] => (*kind, usize::from(*length), tail),
        };
        let (body, tail) = tail.split_at_checked(length)?;
        rest = tail;
        Some((kind, body))
    })
}

/// Walks over options whose kind and length are two bytes each (RFC 8415 §21.1), and stops at the
/// first that is cut short.
pub(super) fn long(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let ([kind, length], tail) = take_words(rest)?;
        let (body, tail) = tail.split_at_checked(length.into())?;
        rest = tail;
        Some((kind, body))
    })
}

fn take_words(bytes: &[u8]) -> Option<([u16; 2], &[u8])> {
    let ([a, b, c, d], tail) = bytes.split_first_chunk()?;
    let words = [u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])];
    Some((words, tail))
}

/// Appends an option of the first kind, unless it is longer than such an option can be.
pub(super) fn put_short(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    if let Ok(length) = u8::try_from(body.len()) {
        out.extend([kind, length]);
        out.extend(body);
    }
}

/// Appends an option of the second kind, unless it is longer than such an option can be.
pub(super) fn put_long(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    if let Ok(length) = u16::try_from(body.len()) {
        out.extend(kind.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(body);
    }
}

/// A domain name as resolvers write it: each label after its length, and an empty one at the end
/// (RFC 1035 §3.1).
pub(super) fn wire_name(name: &DomainName) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.as_str().len() + 2);
    for label in name.labels() {
        put_label(&mut out, label.as_bytes());
    }
    out.push(0);
    out
}

fn put_label(out: &mut Vec<u8>, label: &[u8]) {
    if let Ok(length) = u8::try_from(label.len()) {
        out.push(length);
        out.extend(label);
    }
}
