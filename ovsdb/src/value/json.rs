//! The JSON form of values (RFC 7047 §5.1):
//!
//! ```text
//! <value>  atom | ["set", [atom*]] | ["map", [[atom, atom]*]]
//! <atom>   string | number | true | false | ["uuid", string] | ["named-uuid", string]
//! ```
//!
//! The grammar nests three levels and no more, so decoding needs no limit of its own.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use uuid::Uuid;

use super::{Atom, Map, Set, Value};

impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Real(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Real(number) => Err(S::Error::custom(format_args!("{number} has no JSON form"))),
            Self::Boolean(flag) => serializer.serialize_bool(*flag),
            Self::String(text) => serializer.serialize_str(text),
            Self::Uuid(uuid) => ("uuid", uuid).serialize(serializer),
            Self::NamedUuid(name) => ("named-uuid", name).serialize(serializer),
        }
    }
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_slice() {
            [only] => only.serialize(serializer),
            atoms => ("set", atoms).serialize(serializer),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ("map", self.as_slice()).serialize(serializer)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(set) => set.serialize(serializer),
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let atom = match deserializer.deserialize_any(ValueVisitor)? {
            Value::Set(set) => set.into_one(),
            Value::Map(_) => None,
        };
        atom.ok_or_else(|| D::Error::custom("a set or map where an atom belongs"))
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OVSDB value")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Atom::Boolean(flag).into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Atom::Integer(number).into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        let number = i64::try_from(number)
            .map_err(|_| E::custom(format_args!("{number} is out of range for an integer")))?;
        Ok(Atom::Integer(number).into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Atom::Real(number).into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Atom::String(text.to_owned()).into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Atom::String(text).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let Name(tag) = element(&mut seq)?;
        let value = match tag.as_ref() {
            "uuid" => Atom::Uuid(element::<Uuid, A>(&mut seq)?).into(),
            "named-uuid" => Atom::NamedUuid(element(&mut seq)?).into(),
            "set" => Value::Set(distinct_atoms(element(&mut seq)?)?),
            "map" => Value::Map(distinct_keys(element(&mut seq)?)?),
            _ => return Err(A::Error::custom("neither uuid, named-uuid, set nor map")),
        };
        match seq.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom("more than two elements")),
        }
    }
}

fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| A::Error::custom("fewer than two elements"))
}

fn distinct_atoms<E: Error>(atoms: Vec<Atom>) -> Result<Set, E> {
    let given = atoms.len();
    let set: Set = atoms.into_iter().collect();
    match set.as_slice().len() == given {
        true => Ok(set),
        false => Err(E::custom("a set with a duplicate element")),
    }
}

fn distinct_keys<E: Error>(entries: Vec<(Atom, Atom)>) -> Result<Map, E> {
    let given = entries.len();
    let map: Map = entries.into_iter().collect();
    match map.as_slice().len() == given {
        true => Ok(map),
        false => Err(E::custom("a map with a duplicate key")),
    }
}

/// A name borrowed from the message, unless escapes forced a copy.
#[derive(serde::Deserialize, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);
