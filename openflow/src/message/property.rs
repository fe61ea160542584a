//! Properties: the type-length-value items that messages end with since OpenFlow 1.4.

use crate::wire::{DecodeError, EncodeError, Reader};

/// Takes the next property: its type, and its content after the four bytes of type and
/// length. Properties are padded to eight bytes; the last one may lack its padding.
pub(super) fn take<'a>(reader: &mut Reader<'a>) -> Result<(u16, Reader<'a>), DecodeError> {
    let kind = reader.u16()?;
    let length = usize::from(reader.u16()?);
    let content_len = length.checked_sub(4).ok_or(reader.bad_length(length))?;
    let content = reader.part("property", content_len)?;
    let padding = length.next_multiple_of(8) - length;
    reader.skip(padding.min(reader.rest().len()))?;
    Ok((kind, content))
}

/// Fills in, at `at`, the 16-bit length of what was written since `start`.
pub(super) fn put_length(
    out: &mut [u8],
    at: usize,
    start: usize,
    what: &'static str,
) -> Result<(), EncodeError> {
    let length = out.len() - start;
    let field = u16::try_from(length).map_err(|_| EncodeError::TooLong { what, length })?;
    out[at..at + 2].copy_from_slice(&field.to_be_bytes());
    Ok(())
}
