//! XDR values (RFC 4506), as far as libvirt's protocol uses them: big-endian words of four bytes, and
//! bytes padded to whole words.

use std::str;

/// What is wrong with bytes that should be XDR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XdrError {
    /// They end too early.
    #[error("cut short")]
    CutShort,
    /// A length or a count is over its limit.
    #[error("{length} where at most {most} is allowed")]
    TooLong {
        /// What was claimed.
        length: u32,
        /// The limit.
        most: u32,
    },
    /// A text is not UTF-8.
    #[error("a text that is not UTF-8")]
    NotText,
    /// A yes or no is neither.
    #[error("{0} where 0 or 1 is expected")]
    NotBool(u32),
}

/// Takes values off the front of a message. What is claimed of a length is checked against what is
/// there, so nothing is ever allocated by a claim.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes of a fixed length (section 4.9). `N` must be a multiple of four, as nothing is padded.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], XdrError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(XdrError::CutShort)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An unsigned integer (section 4.2).
    ///
    /// # Errors
    /// When there are no four bytes.
    pub fn u32(&mut self) -> Result<u32, XdrError> {
        self.fixed().map(u32::from_be_bytes)
    }

    /// An integer (section 4.1).
    ///
    /// # Errors
    /// When there are no four bytes.
    pub fn i32(&mut self) -> Result<i32, XdrError> {
        self.fixed().map(i32::from_be_bytes)
    }

    /// An unsigned hyper integer (section 4.5).
    ///
    /// # Errors
    /// When there are no eight bytes.
    pub fn u64(&mut self) -> Result<u64, XdrError> {
        self.fixed().map(u64::from_be_bytes)
    }

    /// A length or a count of at most `most`.
    ///
    /// # Errors
    /// When it is more, or there are no four bytes.
    pub fn count(&mut self, most: u32) -> Result<u32, XdrError> {
        let length = self.u32()?;
        match length <= most {
            true => Ok(length),
            false => Err(XdrError::TooLong { length, most }),
        }
    }

    /// A string (section 4.11) of at most `most` bytes, which must be UTF-8.
    ///
    /// # Errors
    /// When it is not, or is cut short.
    pub fn text(&mut self, most: u32) -> Result<&'a str, XdrError> {
        let length = self.count(most)? as usize;
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(XdrError::CutShort)?;
        self.rest = rest.get(padding(length)..).ok_or(XdrError::CutShort)?;
        str::from_utf8(taken).map_err(|_| XdrError::NotText)
    }

    /// Whether optional data (section 4.19) follows.
    ///
    /// # Errors
    /// When that is not said.
    pub fn is_present(&mut self) -> Result<bool, XdrError> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(XdrError::NotBool(other)),
        }
    }

    /// An optional string of at most `most` bytes.
    ///
    /// # Errors
    /// As [`text`](Self::text) has it.
    pub fn optional_text(&mut self, most: u32) -> Result<Option<&'a str>, XdrError> {
        match self.is_present()? {
            true => self.text(most).map(Some),
            false => Ok(None),
        }
    }
}

/// Puts values at the end of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An unsigned integer.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.fixed(&value.to_be_bytes())
    }

    /// An integer.
    #[must_use]
    pub fn i32(self, value: i32) -> Self {
        self.fixed(&value.to_be_bytes())
    }

    /// Bytes as they are. Their number must be a multiple of four.
    #[must_use]
    pub fn fixed(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A string. One that is longer than 32 bits can say is cut, which a peer refuses.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let padding = &[0; 3][..padding(text.len())];
        self.u32(length).fixed(text.as_bytes()).fixed(padding)
    }

    /// A string that is there, of those that may be absent.
    #[must_use]
    pub fn some_text(self, text: &str) -> Self {
        self.u32(1).text(text)
    }

    /// All of it.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The bytes that fill up the last word.
fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_that_is_not_there_is_an_error_and_allocates_nothing() {
        let claims = [0xff, 0xff, 0xff, 0xff, b'a'];
        let mut reader = Reader::new(&claims);
        assert_eq!(reader.text(u32::MAX), Err(XdrError::CutShort));
        let most = Reader::new(&claims).text(8);
        let length = u32::MAX;
        assert_eq!(most, Err(XdrError::TooLong { length, most: 8 }));
    }

    #[test]
    fn a_text_whose_padding_is_missing_is_cut_short() {
        let bytes = [0, 0, 0, 1, b'a', 0, 0];
        assert_eq!(Reader::new(&bytes).text(8), Err(XdrError::CutShort));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in ".{0,40}", number: i32, after: u32) {
            let bytes = Writer::default().some_text(&text).i32(number).u32(after).finish();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.optional_text(200), Ok(Some(text.as_str())));
            prop_assert_eq!(reader.i32(), Ok(number));
            prop_assert_eq!(reader.u32(), Ok(after));
            prop_assert_eq!(reader.u32(), Err(XdrError::CutShort));
        }
    }
}
