//! What objects are filtered and sorted by: the scalar fields of their JSON, without making it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use model::Timestamp;
use uuid::Uuid;

/// A field that lists may be filtered and sorted by.
pub(super) struct Field<T: 'static> {
    /// Its name in the JSON; a dot leads into an object.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its value.
    pub(super) get: for<'a> fn(&'a T) -> Key<'a>,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Flag,
    Number,
    Id,
    Time,
    Address,
    Prefix,
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// The value of a field. Absent comes first, numbers and addresses sort as what they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'a> {
    Absent,
    Flag(bool),
    Number(u64),
    Id(Uuid),
    Time(Timestamp),
    Address(IpAddr),
    Prefix(IpNet),
    Text(Cow<'a, str>),
}

impl Kind {
    /// Reads a value as a query spells it; nothing at all stands for an absent one. Otherwise
    /// says what is expected.
    pub(super) fn parse(self, text: &str) -> Result<Key<'static>, &'static str> {
        fn parsed<T: std::str::FromStr>(
            text: &str,
            key: impl FnOnce(T) -> Key<'static>,
            expected: &'static str,
        ) -> Result<Key<'static>, &'static str> {
            text.parse().map(key).map_err(|_| expected)
        }
        match self {
            _ if text.is_empty() => Ok(Key::Absent),
            Self::Flag => parsed(text, Key::Flag, "true or false"),
            Self::Number => parsed(text, Key::Number, "a whole number"),
            Self::Id => parsed(text, Key::Id, "an id: a UUID"),
            Self::Time => parsed(text, Key::Time, "a time as in RFC 3339"),
            Self::Address => parsed(text, Key::Address, "an IP address"),
            Self::Prefix => parsed(text, Key::Prefix, "a prefix such as 10.0.0.0/24"),
            Self::Word(words) if !words.contains(&text) => Err("a word that this field can hold"),
            Self::Text | Self::Word(_) => Ok(Key::Text(Cow::Owned(text.to_owned()))),
        }
    }
}

impl<'a> Key<'a> {
    /// A text, or the word that a word-like value is written as.
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// `key` of what is there.
    pub(super) fn of<T>(value: Option<T>, key: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Absent, key)
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Flag(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Id(value) => value.fmt(f),
            Self::Time(value) => value.fmt(f),
            Self::Address(value) => value.fmt(f),
            Self::Prefix(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}
