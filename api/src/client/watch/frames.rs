//! Server-sent events as they arrive, in whatever pieces.
//!
//! ```text
//!   id: 4711\n  event: gap\n  data: {...}\n  \n        a frame ends with an empty line
//!   :\n                                                a comment
//! ```

/// The most bytes that are held of what has arrived.
const BYTES_MAX: usize = 1 << 20;

/// What was said at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The number to resume after, if one was said.
    pub id: Option<u64>,
    /// What kind it is of; empty for an ordinary one.
    pub event: String,
    /// Its lines of data, joined by line feeds.
    pub data: String,
}

/// More has arrived without an end than any frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame is longer than {BYTES_MAX} bytes")]
pub struct TooLong;

/// Takes a stream apart.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// How many of them were looked at.
    read: usize,
    frame: Frame,
}

impl Frames {
    /// Adds what has arrived.
    ///
    /// # Errors
    /// A frame is longer than 1 MiB.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.bytes.drain(..self.read);
        self.read = 0;
        let held = self.bytes.len() + self.frame.data.len() + self.frame.event.len();
        if bytes.len() > BYTES_MAX.saturating_sub(held) {
            return Err(TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole frame, if it has arrived.
    #[expect(
        clippy::should_implement_trait,
        reason = "nothing now does not mean nothing later, as it does for an iterator"
    )]
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            let rest = self.bytes.get(self.read..)?;
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let line = rest.get(..end)?;
            self.read += end + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Some(std::mem::take(&mut self.frame));
            }
            let line = String::from_utf8_lossy(line).into_owned();
            self.frame.take(&line);
        }
    }
}

impl Frame {
    fn take(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.id = value.parse().ok().or(self.id),
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment, or something that a newer server says.
            _ => {}
        }
    }
}
