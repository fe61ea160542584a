//! Sets and maps in their one form: sorted, each element or key once.

use std::cmp::Ordering;

use super::Atom;

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

    pub(super) const fn one(atom: Atom) -> Self {
        Self(Elements::One(atom))
    }

    /// The element of a set of one.
    pub(super) fn into_one(self) -> Option<Atom> {
        match self.0 {
            Elements::One(atom) => Some(atom),
            Elements::Other(_) => None,
        }
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
