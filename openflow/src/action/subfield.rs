//! Parts of fields, as actions name them: `NXM_NX_REG0[0..7]`.

use crate::field::{Dialect, Field, low_bits};
use crate::wire::{DecodeError, EncodeError, Reader};

/// Some consecutive bits of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subfield {
    pub(crate) field: Field,
    pub(crate) offset: u16,
    pub(crate) bits: u16,
}

impl Subfield {
    /// All of a field. A VLAN id is 12 bits here, without the bit that says it is there.
    pub fn whole(field: Field) -> Subfield {
        let bits = match field {
            Field::VlanVid => 12,
            _ => field.info().bits,
        };
        Subfield {
            field,
            offset: 0,
            bits,
        }
    }

    /// `bits` bits of a field from `offset` up, if it has them.
    pub fn new(field: Field, offset: u16, bits: u16) -> Option<Subfield> {
        let end = offset.checked_add(bits)?;
        let fits = bits > 0 && end <= Subfield::whole(field).bits;
        fits.then_some(Subfield {
            field,
            offset,
            bits,
        })
    }

    /// The field.
    pub fn field(self) -> Field {
        self.field
    }

    /// The lowest bit; 0 is the field's lowest.
    pub fn offset(self) -> u16 {
        self.offset
    }

    /// How many bits, at least 1.
    pub fn bits(self) -> u16 {
        self.bits
    }

    /// The bits in their places.
    pub fn mask(self) -> u128 {
        low_bits(self.bits) << self.offset
    }

    /// Whether it is the field as a whole.
    pub fn is_whole(self) -> bool {
        self == Subfield::whole(self.field)
    }

    /// Offset and width in 16 bits, as Nicira's actions pack them: 10 bits of offset, 6
    /// of width less one, which is why these parts have at most 64 bits.
    pub(super) fn packed(self) -> Result<u16, EncodeError> {
        if self.bits > 64 {
            return Err(EncodeError::TooLong {
                what: "the part of a field in an action",
                length: usize::from(self.bits) / 8,
            });
        }
        Ok(self.offset << 6 | (self.bits - 1))
    }

    /// The part of `field` that [`Subfield::packed`] says.
    pub(super) fn unpack(field: Field, packed: u16) -> Result<Subfield, DecodeError> {
        check(
            Subfield::new(field, packed >> 6, (packed & 0x3f) + 1),
            packed,
        )
    }

    /// Takes a packed position and a header off the reader. `None`: a field we do not know.
    pub(super) fn decode(reader: &mut Reader) -> Result<Option<Subfield>, DecodeError> {
        let packed = reader.u16()?;
        let field = Field::decode_header(reader)?;
        field
            .map(|field| Subfield::unpack(field, packed))
            .transpose()
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.packed()?.to_be_bytes());
        self.field.encode_header(Dialect::Nicira, out);
        Ok(())
    }
}

/// The error for a part that its field does not have.
pub(super) fn check(part: Option<Subfield>, position: u16) -> Result<Subfield, DecodeError> {
    part.ok_or(DecodeError::BadValue {
        what: "the position of a part of a field",
        value: position.into(),
    })
}
