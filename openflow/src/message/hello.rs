//! Hello, and agreeing on a version (OpenFlow 1.5.1 sections 6.3.2 and 7.5.1).

use bytes::BufMut;

use super::property;
use crate::wire::{DecodeError, Reader, Version};

/// The one hello element there is: a bitmap of versions.
const VERSION_BITMAP: u16 = 1;

/// The versions one side speaks, as a bitmap: bit `n` is wire version `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Versions 0 to 31; nobody speaks a later one.
    pub versions: u32,
}

impl Hello {
    /// A hello that offers these versions.
    #[must_use]
    pub fn offering(versions: &[Version]) -> Hello {
        let bit = |version: &Version| 1 << version.wire();
        Hello {
            versions: versions.iter().map(bit).fold(0, |all, bit| all | bit),
        }
    }

    /// The highest version that both sides speak, out of those this crate knows.
    #[must_use]
    pub fn highest_common(self, other: Hello) -> Option<Version> {
        let both = self.versions & other.versions;
        [Version::V1_5, Version::V1_4]
            .into_iter()
            .find(|version| both & (1 << version.wire()) != 0)
    }

    /// Decodes the part after the header; `header_version` is what a peer that sends no bitmap
    /// speaks: that version and, by the specification, all earlier ones.
    ///
    /// # Errors
    /// When an element is cut short or its length is wrong.
    pub fn decode(header_version: u8, body: &[u8]) -> Result<Hello, DecodeError> {
        let mut reader = Reader::new("hello", body);
        let mut bitmap = None;
        while reader.rest().len() >= 4 {
            let (kind, mut content) = property::take(&mut reader)?;
            if kind == VERSION_BITMAP {
                bitmap = Some(content.u32()?);
            }
        }
        let up_to = |version: u8| u32::MAX >> (31 - u32::from(version.min(31)));
        Ok(Hello {
            versions: bitmap.unwrap_or_else(|| up_to(header_version)),
        })
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.put_u16(VERSION_BITMAP);
        out.put_u16(8);
        out.put_u32(self.versions);
    }
}
