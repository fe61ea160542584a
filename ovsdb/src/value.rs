//! The values a database column holds, and their JSON form (RFC 7047 §3.2 and §5.1).
//!
//! OVSDB knows no bare scalars: a column holds a set of atoms or a map from atoms to
//! atoms, and what reads as a scalar is a set of exactly one. [`Value`] is just that, so
//! `5` and `["set",[5]]` are one value here, as they are to the server.

mod atom;
mod collection;
mod json;
#[cfg(test)]
mod tests;

use uuid::Uuid;

pub use atom::{Atom, NamedUuid};
pub use collection::{Map, Set};
pub(crate) use json::Name;

/// What one column of one row holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A set of atoms; a scalar is a set of one, an absent optional one of none.
    Set(Set),
    /// A map from atoms to atoms.
    Map(Map),
}

impl Value {
    /// A set of these atoms.
    pub fn set<A: Into<Atom>>(atoms: impl IntoIterator<Item = A>) -> Self {
        Self::Set(atoms.into_iter().collect())
    }

    /// The empty set: how an optional column is cleared.
    pub const fn empty_set() -> Self {
        Self::Set(Set::empty())
    }

    /// A map of these entries.
    pub fn map<K: Into<Atom>, V: Into<Atom>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(entries.into_iter().collect())
    }

    /// The one atom of a set of one.
    pub fn as_atom(&self) -> Option<&Atom> {
        match self.atoms() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The one string of a set of one.
    pub fn as_str(&self) -> Option<&str> {
        match self.as_atom()? {
            Atom::String(text) => Some(text),
            _ => None,
        }
    }

    /// The one integer of a set of one.
    pub fn as_i64(&self) -> Option<i64> {
        match self.as_atom()? {
            Atom::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The one number of a set of one. Integers too: the server writes a whole real without
    /// a point, and where no schema is at hand it reads as an integer.
    pub fn as_f64(&self) -> Option<f64> {
        match self.as_atom()? {
            Atom::Real(number) => Some(*number),
            Atom::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The one boolean of a set of one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_atom()? {
            Atom::Boolean(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The one UUID of a set of one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self.as_atom()? {
            Atom::Uuid(uuid) => Some(*uuid),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Set(_) => None,
        }
    }

    /// The elements of a set in order; none for a map.
    pub fn atoms(&self) -> &[Atom] {
        match self {
            Self::Set(set) => set.as_slice(),
            Self::Map(_) => &[],
        }
    }

    /// The UUIDs in a set, in order; whatever is none is passed over.
    pub fn uuids(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.atoms().iter().filter_map(|atom| match atom {
            Atom::Uuid(uuid) => Some(*uuid),
            _ => None,
        })
    }

    /// The strings in a set, in order; whatever is none is passed over.
    pub fn strings(&self) -> impl Iterator<Item = &str> + '_ {
        self.atoms().iter().filter_map(|atom| match atom {
            Atom::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The integers in a set, in order; whatever is none is passed over.
    pub fn integers(&self) -> impl Iterator<Item = i64> + '_ {
        self.atoms().iter().filter_map(|atom| match atom {
            Atom::Integer(number) => Some(*number),
            _ => None,
        })
    }

    /// The string at this key of a map from strings to strings. Maps with other types are
    /// read through [`Value::as_map`].
    pub fn map_get(&self, key: &str) -> Option<&str> {
        self.string_entries()
            .find_map(|(k, value)| (k == key).then_some(value))
    }

    /// The entries of a map from strings to strings, in order of their keys; whatever is
    /// no pair of strings is passed over.
    pub fn string_entries(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        let entries = self.as_map().map_or(&[][..], Map::as_slice);
        entries.iter().filter_map(|entry| match entry {
            (Atom::String(key), Atom::String(value)) => Some((key.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// Whether this is the empty set or the empty map.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Set(set) => set.as_slice().is_empty(),
            Self::Map(map) => map.as_slice().is_empty(),
        }
    }
}

impl<A: Into<Atom>> From<A> for Value {
    fn from(atom: A) -> Self {
        Self::Set(Set::one(atom.into()))
    }
}

impl From<Set> for Value {
    fn from(set: Set) -> Self {
        Self::Set(set)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}
