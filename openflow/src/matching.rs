//! Matches: which packets a flow is for.
//!
//! A match is an ordered set of fields, each with a value and a mask, in one canonical
//! form, so that two matches that mean the same are equal and hash alike:
//!
//! - fields stand in the order of [`Field`], a bit outside the mask is zero, and a field
//!   with an empty mask is not there;
//! - wide registers are split into `reg0`..`reg15`, `vlan_tci` into VLAN id and priority,
//!   and Nicira's 16-bit `in_port` and `nw_tos` become `in_port` and `ip_dscp`.

mod builder;
mod prerequisite;
#[cfg(test)]
mod tests;
mod value;

use crate::field::{Dialect, Field, check_mask};
use crate::wire::{DecodeError, EncodeError, Reader, Version, pad8, set_length};

pub use builder::CtState;
pub use value::Value;

/// Bit 12 of a VLAN id in a match or `set_field`: there is a VLAN tag (`OFPVID_PRESENT`).
pub const VLAN_PRESENT: u16 = 0x1000;

/// `OFPMT_OXM`, the only type of match there is.
const OXM: u16 = 1;

/// One field of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldMatch {
    /// The field.
    pub field: Field,
    /// What its bits have to be.
    pub value: u128,
    /// Which of its bits count.
    pub mask: u128,
}

impl FieldMatch {
    /// Whether the whole field has to be the value.
    pub fn is_exact(&self) -> bool {
        self.mask == self.field.full_mask()
    }
}

/// A field we do not know: its bytes, with the header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownField(Box<[u8]>);

impl UnknownField {
    /// Its bytes, with the header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Which packets a flow is for. The empty match is for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Match {
    fields: Vec<FieldMatch>,
    unknown: Vec<UnknownField>,
}

impl Match {
    /// The match for every packet.
    pub fn new() -> Match {
        Match::default()
    }

    /// The fields matched on, in canonical order.
    pub fn fields(&self) -> &[FieldMatch] {
        &self.fields
    }

    /// The fields matched on that we do not know.
    pub fn unknown(&self) -> &[UnknownField] {
        &self.unknown
    }

    /// Whether every packet matches.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.unknown.is_empty()
    }

    /// What a field has to be, if it is matched on. Wide registers, `vlan_tci` and the
    /// like are never found: ask for what they consist of.
    pub fn get(&self, field: Field) -> Option<&FieldMatch> {
        let at = self.fields.binary_search_by_key(&field, |m| m.field);
        at.ok().map(|at| &self.fields[at])
    }

    /// The value of a field that is matched on as a whole.
    pub fn exact_value(&self, field: Field) -> Option<u128> {
        let found = self.get(field).filter(|m| m.is_exact());
        found.map(|m| m.value)
    }

    /// Matches on the bits of a field that the mask has, instead of what was matched on
    /// in that field before. Bits that the field does not have are ignored.
    pub fn insert(&mut self, field: Field, value: impl Into<Value>, mask: impl Into<Value>) {
        let (value, mask) = (value.into().0, mask.into().0 & field.full_mask());
        match field {
            Field::InPort16 => {
                let port = crate::PortNo::from_u16((value & 0xffff) as u16);
                self.put(Field::InPort, u128::from(port.0), Field::InPort.full_mask());
            }
            Field::IpTos => self.put(Field::IpDscp, value >> 2, Field::IpDscp.full_mask()),
            Field::VlanTci if matches!(mask >> 13, 0 | 7) => {
                self.put(Field::VlanVid, value, mask & 0x1fff);
                self.put(Field::VlanPcp, value >> 13, mask >> 13);
            }
            _ if !field.reg_parts().is_empty() => self.insert_parts(field, value, mask),
            _ => self.put(field, value, mask),
        }
    }

    /// Matches also on what another match does.
    pub(crate) fn extend(&mut self, other: Match) {
        for m in &other.fields {
            self.put(m.field, m.value, m.mask);
        }
        self.unknown.extend(other.unknown);
    }

    fn insert_parts(&mut self, field: Field, value: u128, mask: u128) {
        let parts = field.reg_parts().filter_map(Field::reg).rev();
        for (part, field) in parts.enumerate() {
            self.put(field, value >> (part * 32), mask >> (part * 32));
        }
    }

    fn put(&mut self, field: Field, value: u128, mask: u128) {
        let mask = mask & field.full_mask();
        let value = value & mask;
        let wanted = FieldMatch { field, value, mask };
        match self.fields.binary_search_by_key(&field, |m| m.field) {
            Ok(at) if mask == 0 => drop(self.fields.remove(at)),
            Ok(at) => self.fields[at] = wanted,
            Err(_) if mask == 0 => {}
            Err(at) => self.fields.insert(at, wanted),
        }
    }
}

/// Bytes.
impl Match {
    /// Appends the match as `ofp_match`: type, length, fields, padding to eight bytes
    /// (OpenFlow 1.5 section 7.2.3.1).
    ///
    /// # Errors
    /// When a field has a mask that it cannot have, or unknown fields are too long.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend_from_slice(&[0, 1, 0, 0]);
        self.encode_fields(version, out)?;
        set_length(out, start, 2, "a match")?;
        pad8(out, start);
        Ok(())
    }

    /// Appends the fields alone.
    ///
    /// # Errors
    /// When a field has a mask that it cannot have.
    pub fn encode_fields(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut rest = self.fields.as_slice();
        while let [first, others @ ..] = rest {
            check_mask(first.field, first.mask, version)?;
            let pair = register_pair(first, others).filter(|_| version >= Version::V1_5);
            let written = pair.map_or(1, |(_, taken)| taken);
            let whole = pair.map_or(*first, |(wide, _)| wide);
            let dialect = Dialect::OpenFlow(version);
            whole.field.encode(dialect, whole.value, whole.mask, out);
            rest = &rest[written..];
        }
        for field in &self.unknown {
            out.extend_from_slice(&field.0);
        }
        Ok(())
    }

    /// Takes an `ofp_match` and its padding off the reader.
    pub(crate) fn decode(reader: &mut Reader) -> Result<Match, DecodeError> {
        let kind = reader.u16()?;
        if kind != OXM {
            return Err(DecodeError::BadValue {
                what: "the type of a match",
                value: kind.into(),
            });
        }
        let length = usize::from(reader.u16()?);
        let body = length.checked_sub(4).ok_or(DecodeError::BadLength {
            what: "a match",
            length,
        })?;
        let matching = Match::decode_fields(reader.bytes(body)?)?;
        reader.skip(length.next_multiple_of(8) - length)?;
        Ok(matching)
    }

    /// The match that consists of these fields, without header or padding.
    ///
    /// # Errors
    /// When they are malformed.
    pub fn decode_fields(bytes: &[u8]) -> Result<Match, DecodeError> {
        let mut reader = Reader::new("a match", bytes);
        let mut matching = Match::new();
        while !reader.is_empty() {
            let tlv = Field::decode(&mut reader)?;
            match tlv.field {
                Some((field, value, mask)) => matching.insert(field, value, mask),
                None => matching.unknown.push(UnknownField(tlv.raw.into())),
            }
        }
        Ok(matching)
    }
}

/// OpenFlow 1.5 matches on registers in pairs: the wide register that the first field is
/// in, and how many of the fields at hand it covers.
fn register_pair(first: &FieldMatch, others: &[FieldMatch]) -> Option<(FieldMatch, usize)> {
    let number = first.field.reg_number()?;
    let wide = FieldMatch {
        field: Field::xreg(number / 2)?,
        value: first.value,
        mask: first.mask,
    };
    if number % 2 == 1 {
        return Some((wide, 1));
    }
    let second = others
        .first()
        .filter(|m| m.field.reg_number() == Some(number + 1));
    let low = |part: fn(&FieldMatch) -> u128| second.map_or(0, part);
    let wide = FieldMatch {
        value: wide.value << 32 | low(|m| m.value),
        mask: wide.mask << 32 | low(|m| m.mask),
        ..wide
    };
    Some((wide, if second.is_some() { 2 } else { 1 }))
}
