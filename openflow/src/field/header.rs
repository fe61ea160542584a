//! Field headers on the wire.
//!
//! ```text
//!  0               2           3              4                        8
//! +---------------+-------+---+--------------+ - - - - - - - - - - - -+ - - - - - -
//! | class         | number| m | length       | experimenter, if 0xffff | value, mask
//! +---------------+-------+---+--------------+ - - - - - - - - - - - -+ - - - - - -
//!                   7 bits  1   of all that follows
//! ```

use super::{EXPERIMENTER, Field, Header, Masking};
use crate::wire::{DecodeError, EncodeError, Reader, Version, put_number};

/// Whose headers to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Those of Nicira's extension actions, the same in every version.
    Nicira,
    /// Those of a version of OpenFlow.
    OpenFlow(Version),
}

/// A field with its value, as it stands in a match or in an action.
pub(crate) struct Tlv<'a> {
    /// `None`: a field we do not know.
    pub(crate) field: Option<(Field, u128, u128)>,
    /// All its bytes, header included.
    pub(crate) raw: &'a [u8],
}

impl Field {
    /// The header this field has in a dialect: Nicira's own is the first one, OpenFlow's
    /// the newest that the version knows.
    fn header(self, dialect: Dialect) -> &'static Header {
        let headers = self.info().headers;
        let newest = |version: Version| headers.iter().rfind(|h| h.since <= version.wire());
        let found = match dialect {
            Dialect::Nicira => None,
            Dialect::OpenFlow(version) => newest(version),
        };
        found.unwrap_or(&headers[0])
    }

    /// Whether its header needs an experimenter's id, which has no room in some actions.
    pub(crate) fn is_experimenter(self, dialect: Dialect) -> bool {
        self.header(dialect).experimenter.is_some()
    }

    /// Appends the header alone, as actions that name a field have it.
    pub(crate) fn encode_header(self, dialect: Dialect, out: &mut Vec<u8>) {
        self.put_header(dialect, self.info().bytes, 0, out);
    }

    /// Appends header, value and, unless it is the whole field, mask.
    pub(crate) fn encode(self, dialect: Dialect, value: u128, mask: u128, out: &mut Vec<u8>) {
        let bytes = self.info().bytes;
        let whole = mask == self.full_mask() && self.info().masking != Masking::Explicit;
        let (length, has_mask) = if whole { (bytes, 0) } else { (bytes * 2, 1) };
        self.put_header(dialect, length, has_mask, out);
        put_number(out, value, bytes);
        if !whole {
            put_number(out, mask, bytes);
        }
    }

    fn put_header(self, dialect: Dialect, length: usize, has_mask: u8, out: &mut Vec<u8>) {
        let header = self.header(dialect);
        let experimenter = header.experimenter.map(u32::to_be_bytes);
        let length = length + experimenter.map_or(0, |id| id.len());
        out.extend_from_slice(&header.class.to_be_bytes());
        out.push(header.number << 1 | has_mask);
        // At most two values of 16 bytes and an id of 4.
        put_number(out, length as u128, 1);
        out.extend_from_slice(experimenter.as_ref().map_or(&[][..], |id| &id[..]));
    }

    /// Reads a header that stands alone. `None`: a field we do not know.
    pub(crate) fn decode_header(reader: &mut Reader) -> Result<Option<Field>, DecodeError> {
        let raw = RawHeader::decode(reader)?;
        if let Some(field) = raw.field
            && (raw.has_mask || raw.length != field.info().bytes)
        {
            return Err(reader.bad_length(raw.length));
        }
        Ok(raw.field)
    }

    /// Reads a field with its value and its mask.
    pub(crate) fn decode<'a>(reader: &mut Reader<'a>) -> Result<Tlv<'a>, DecodeError> {
        let start = reader.rest();
        let header = RawHeader::decode(reader)?;
        let mut body = reader.part("a field", header.length)?;
        let raw = &start[..start.len() - reader.rest().len()];
        let Some(field) = header.field else {
            return Ok(Tlv { field: None, raw });
        };
        let bytes = field.info().bytes;
        let value = body.number(bytes)?;
        let mask = match header.has_mask {
            true => body.number(bytes)?,
            false => field.full_mask(),
        };
        if !body.is_empty() {
            return Err(body.bad_length(header.length));
        }
        let field = Some((field, value, mask));
        Ok(Tlv { field, raw })
    }
}

/// A header, with the length of what follows it.
struct RawHeader {
    field: Option<Field>,
    has_mask: bool,
    length: usize,
}

impl RawHeader {
    fn decode(reader: &mut Reader) -> Result<RawHeader, DecodeError> {
        let class = reader.u16()?;
        let [number, length] = reader.array()?;
        let mut length = usize::from(length);
        let mut experimenter = None;
        if class == EXPERIMENTER {
            length = length.checked_sub(4).ok_or(reader.bad_length(length))?;
            experimenter = Some(reader.u32()?);
        }
        Ok(RawHeader {
            field: Field::from_header(class, number >> 1, experimenter),
            has_mask: number & 1 == 1,
            length,
        })
    }
}

/// Refuses a mask on a field that takes none.
pub(crate) fn check_mask(field: Field, mask: u128, version: Version) -> Result<(), EncodeError> {
    let partial = mask != field.full_mask();
    if partial && field.info().masking == Masking::Whole {
        return Err(EncodeError::Inexpressible {
            what: field.name(),
            version,
        });
    }
    Ok(())
}
