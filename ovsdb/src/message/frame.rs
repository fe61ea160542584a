//! Cutting a stream of bytes into messages. OVSDB puts nothing between them: a message ends
//! where its outermost brace closes, so that is what is looked for, once per byte and
//! resuming where the last read ended.

use bytes::{Buf, Bytes, BytesMut};

/// What a peer may send before it is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message in bytes.
    pub frame_bytes: usize,
    /// The deepest nesting of objects and arrays, the message itself counted as one.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 64 << 20,
            depth: 64,
        }
    }
}

/// Why a stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message goes on beyond [`Limits::frame_bytes`].
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// A message nests beyond [`Limits::depth`].
    #[error("a message nests deeper than {0} levels")]
    TooDeep(usize),
    /// Something other than an object where a message should begin.
    #[error("byte {0:#04x} where a message should begin")]
    NotAnObject(u8),
}

/// Collects bytes and gives out whole messages, however they were split or joined.
#[derive(Debug)]
pub struct FrameReader {
    limits: Limits,
    buffer: BytesMut,
    /// How much of `buffer` has been looked at; it always begins at a message.
    scanned: usize,
    depth: usize,
    place: Place,
}

/// Where in the JSON text the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Structure,
    String,
    AfterBackslash,
}

impl FrameReader {
    /// Reads messages up to these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: BytesMut::new(),
            scanned: 0,
            depth: 0,
            place: Place::Structure,
        }
    }

    /// Where to append what was read. Only append: what is there is already accounted for.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole message, or `None` until more bytes are appended.
    ///
    /// # Errors
    /// When the peer breaks a limit or the protocol. The stream is then unusable.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.scanned == 0 {
            self.find_start()?;
        }
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            self.step(byte)?;
            if self.depth == 0 {
                let frame = self.buffer.split_to(self.scanned).freeze();
                self.scanned = 0;
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn find_start(&mut self) -> Result<(), FrameError> {
        let blank = self.buffer.iter().take_while(|b| b.is_ascii_whitespace());
        self.buffer.advance(blank.count());
        match self.buffer.first() {
            None | Some(b'{') => Ok(()),
            Some(&other) => Err(FrameError::NotAnObject(other)),
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), FrameError> {
        if self.scanned > self.limits.frame_bytes {
            return Err(FrameError::TooLong(self.limits.frame_bytes));
        }
        match (self.place, byte) {
            (Place::AfterBackslash, _) | (Place::Structure, b'"') => self.place = Place::String,
            (Place::String, b'"') => self.place = Place::Structure,
            (Place::String, b'\\') => self.place = Place::AfterBackslash,
            (Place::Structure, b'{' | b'[') => self.depth += 1,
            // Whether the kinds of brackets match is for the JSON parser to say.
            (Place::Structure, b'}' | b']') => self.depth -= 1,
            _ => {}
        }
        match self.depth > self.limits.depth {
            true => Err(FrameError::TooDeep(self.limits.depth)),
            false => Ok(()),
        }
    }
}
