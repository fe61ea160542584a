//! The values a database column holds, and their JSON form (RFC 7047 §3.2 and §5.1).
//!
//! OVSDB knows no bare scalars: a column holds a set of atoms or a map from atoms to
//! atoms, and what reads as a scalar is a set of exactly one. [`Value`] is just that, so
//! `5` and `["set",[5]]` are one value here, as they are to the server.

mod json;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use uuid::Uuid;

pub(crate) use json::Name;

/// One element of a set, or one key or value of a map.
///
/// Atoms are totally ordered (first by kind, then by value; reals by IEEE 754 total
/// order), so that sets and maps have one form and compare quickly.
#[derive(Clone, Debug)]
pub enum Atom {
    /// A signed 64-bit integer.
    Integer(i64),
    /// A real number. Only finite ones have a JSON form.
    Real(f64),
    /// True or false.
    Boolean(bool),
    /// A UTF-8 string. The server refuses one that holds a zero byte.
    String(String),
    /// A row, in this or another table.
    Uuid(Uuid),
    /// A row that the same transaction inserts under this name; only ever sent.
    NamedUuid(String),
}

impl Atom {
    fn rank(&self) -> u8 {
        match self {
            Self::Integer(_) => 0,
            Self::Real(_) => 1,
            Self::Boolean(_) => 2,
            Self::String(_) => 3,
            Self::Uuid(_) => 4,
            Self::NamedUuid(_) => 5,
        }
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::String(a), Self::String(b)) | (Self::NamedUuid(a), Self::NamedUuid(b)) => {
                a.cmp(b)
            }
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Atom {}

/// The name that a transaction gives to a row it inserts, so that its other operations can
/// refer to that row before the server has chosen its UUID.
///
/// The server takes letters, digits and underscores, not starting with a digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedUuid(String);

impl NamedUuid {
    /// Refers to the row inserted with this `uuid-name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl From<&str> for Atom {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<&String> for Atom {
    fn from(value: &String) -> Self {
        Self::String(value.clone())
    }
}

impl From<String> for Atom {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<i64> for Atom {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Atom {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u32> for Atom {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u16> for Atom {
    fn from(value: u16) -> Self {
        Self::Integer(value.into())
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for Atom {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Uuid> for Atom {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl From<NamedUuid> for Atom {
    fn from(value: NamedUuid) -> Self {
        Self::NamedUuid(value.0)
    }
}

/// A set of atoms, sorted and without duplicates. A scalar is a set of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Set(Elements);

/// Most columns hold exactly one atom: that case needs no allocation.
#[derive(Clone, Debug)]
enum Elements {
    One(Atom),
    Other(Vec<Atom>),
}

impl Elements {
    fn as_slice(&self) -> &[Atom] {
        match self {
            Self::One(atom) => std::slice::from_ref(atom),
            Self::Other(atoms) => atoms,
        }
    }
}

impl PartialEq for Elements {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Elements {}

impl PartialOrd for Elements {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Elements {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Set {
    /// The set of nothing.
    pub const fn empty() -> Self {
        Self(Elements::Other(Vec::new()))
    }

    /// The elements in order.
    pub fn as_slice(&self) -> &[Atom] {
        self.0.as_slice()
    }

    /// Whether the set holds this atom.
    pub fn contains(&self, atom: &Atom) -> bool {
        self.as_slice().binary_search(atom).is_ok()
    }

    /// What is in one of the two sets but not in both: how `update2` tells a change.
    pub fn symmetric_difference(&self, other: &Self) -> Self {
        let only_here = self.as_slice().iter().filter(|atom| !other.contains(atom));
        let only_there = other.as_slice().iter().filter(|atom| !self.contains(atom));
        only_here.chain(only_there).cloned().collect()
    }

    /// From atoms that are already sorted and distinct.
    fn from_ordered(mut atoms: Vec<Atom>) -> Self {
        match atoms.pop() {
            Some(only) if atoms.is_empty() => Self(Elements::One(only)),
            Some(last) => {
                atoms.push(last);
                Self(Elements::Other(atoms))
            }
            None => Self::empty(),
        }
    }
}

impl<A: Into<Atom>> FromIterator<A> for Set {
    fn from_iter<I: IntoIterator<Item = A>>(atoms: I) -> Self {
        let mut atoms: Vec<Atom> = atoms.into_iter().map(Into::into).collect();
        atoms.sort_unstable();
        atoms.dedup();
        Self::from_ordered(atoms)
    }
}

/// A map from atoms to atoms, sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Map(Vec<(Atom, Atom)>);

impl Map {
    /// The map of nothing.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The value at this key.
    pub fn get(&self, key: &Atom) -> Option<&Atom> {
        let at = self.0.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// The entries in order of their keys.
    pub fn as_slice(&self) -> &[(Atom, Atom)] {
        &self.0
    }

    /// Applies what `update2` calls a modification: an entry equal to one here is removed,
    /// one with another value replaces it, one with a new key is added.
    pub fn apply_difference(&self, difference: &Self) -> Self {
        let kept = self
            .0
            .iter()
            .filter(|(key, _)| difference.get(key).is_none());
        let changed = difference
            .0
            .iter()
            .filter(|(key, value)| self.get(key) != Some(value));
        kept.chain(changed).cloned().collect()
    }
}

impl<K: Into<Atom>, V: Into<Atom>> FromIterator<(K, V)> for Map {
    /// Of several entries with one key, the last counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<(Atom, Atom)> = entries
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        // Stable and from the back, so that `dedup` keeps the last of equal keys.
        entries.reverse();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Self(entries)
    }
}

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
            Self::Map(map) => map.0.is_empty(),
        }
    }
}

impl<A: Into<Atom>> From<A> for Value {
    fn from(atom: A) -> Self {
        Self::Set(Set(Elements::One(atom.into())))
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
