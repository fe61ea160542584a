//! Text taken apart into keys and values, remembering where everything stood.

use super::ParseError;

/// A piece of the text and where it stands in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Span<'a> {
    pub(super) fn new(text: &'a str) -> Span<'a> {
        Span { text, at: 0 }
    }

    pub(super) fn text(self) -> &'a str {
        self.text
    }

    pub(super) fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// The piece from this byte on, which has to be a boundary of characters.
    fn from(self, start: usize) -> Span<'a> {
        Span {
            text: &self.text[start..],
            at: self.at + start,
        }
    }

    /// The piece up to this byte, which has to be a boundary of characters.
    fn to(self, end: usize) -> Span<'a> {
        Span {
            text: &self.text[..end],
            ..self
        }
    }

    /// What stands before and behind the first of these.
    pub(super) fn split(self, separator: &str) -> Option<(Span<'a>, Span<'a>)> {
        let start = self.text.find(separator)?;
        Some((self.to(start), self.from(start + separator.len())))
    }

    /// The pieces before and from this byte on, which has to be a boundary of characters.
    pub(super) fn split_at(self, at: usize) -> (Span<'a>, Span<'a>) {
        (self.to(at), self.from(at))
    }

    /// What stands behind this, if the piece begins with it.
    pub(super) fn strip(self, prefix: &str) -> Option<Span<'a>> {
        self.text
            .starts_with(prefix)
            .then(|| self.from(prefix.len()))
    }

    /// The pieces between commas, an empty one for an empty text.
    pub(super) fn commas(self) -> impl Iterator<Item = Span<'a>> {
        let mut start = 0;
        self.text.split(',').map(move |text| {
            let at = self.at + start;
            start += text.len() + 1;
            Span { text, at }
        })
    }

    /// What is wrong with this piece.
    pub(super) fn error(self, problem: impl Into<String>) -> ParseError {
        ParseError {
            problem: problem.into(),
            column: self.at + 1,
            near: self.text.chars().take(32).collect(),
        }
    }

    /// A number, decimal or with `0x`.
    pub(super) fn number<T: TryFrom<u128>>(self) -> Result<T, ParseError> {
        let (digits, radix) = match self.text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (self.text, 10),
        };
        // Signs are no digits to us; and what others read as octal is not decimal.
        let octal = radix == 10 && digits.len() > 1 && digits.starts_with('0');
        let plain = !octal && digits.chars().all(|c| c.is_digit(radix));
        let number = Some(digits).filter(|_| plain);
        let number = number.and_then(|digits| u128::from_str_radix(digits, radix).ok());
        let number = number.ok_or_else(|| self.error("this is not a number"))?;
        T::try_from(number).map_err(|_| self.error("this number is too large"))
    }

    /// Bytes in hexadecimal, two digits each; dots between them are ignored.
    pub(super) fn bytes(self) -> Result<Vec<u8>, ParseError> {
        let digits: Option<Vec<u8>> = self
            .text
            .chars()
            .filter(|c| *c != '.')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0);
        let digits = digits.ok_or_else(|| self.error("these are not bytes in hexadecimal"))?;
        Ok(digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect())
    }
}

/// `key`, `key=value`, `key:value`, `key(value)` or `key(value)->rest`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) key: Span<'a>,
    /// What stands behind `=` or `:`, or within the parentheses.
    pub(super) value: Span<'a>,
    /// What stands behind `)->`.
    pub(super) rest: Option<Span<'a>>,
}

impl Pair<'_> {
    /// The key, the value and what is between them.
    pub(super) fn error(&self, problem: impl Into<String>) -> ParseError {
        self.key.error(problem)
    }
}

/// The pairs in a text, between commas and white space.
pub(super) struct Pairs<'a> {
    rest: Span<'a>,
}

const SEPARATORS: [char; 5] = [',', ' ', '\t', '\r', '\n'];

impl<'a> Pairs<'a> {
    pub(super) fn new(text: Span<'a>) -> Pairs<'a> {
        Pairs { rest: text }
    }

    /// Takes what stands before the first separator that is not within parentheses.
    fn take_value(&mut self) -> Result<Span<'a>, ParseError> {
        let mut depth = 0usize;
        for (at, c) in self.rest.text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => {
                    let unopened = || self.rest.from(at).error("this closes nothing");
                    depth = depth.checked_sub(1).ok_or_else(unopened)?;
                }
                _ if depth == 0 && SEPARATORS.contains(&c) => return Ok(self.take(at)),
                _ => {}
            }
        }
        match depth {
            0 => Ok(self.take(self.rest.text.len())),
            _ => Err(self.rest.error("a parenthesis is not closed")),
        }
    }

    /// Takes what stands before the parenthesis that closes the one just taken.
    fn take_enclosed(&mut self) -> Result<Span<'a>, ParseError> {
        let mut depth = 0usize;
        for (at, c) in self.rest.text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => {
                    let value = self.take(at);
                    self.take(1);
                    return Ok(value);
                }
                ')' => depth -= 1,
                _ => {}
            }
        }
        Err(self.rest.error("a parenthesis is not closed"))
    }

    fn take(&mut self, length: usize) -> Span<'a> {
        let taken = self.rest.to(length);
        self.rest = self.rest.from(length);
        taken
    }

    fn take_pair(&mut self) -> Result<Pair<'a>, ParseError> {
        let ends = |c: char| c == ':' || c == '=' || c == '(' || SEPARATORS.contains(&c);
        let length = self.rest.text.find(ends).unwrap_or(self.rest.text.len());
        let key = self.take(length);
        let mut rest = None;
        let value = match self.rest.text.chars().next() {
            Some(':' | '=') => {
                self.take(1);
                self.take_value()?
            }
            Some('(') => {
                self.take(1);
                let value = self.take_enclosed()?;
                if let Some(behind) = self.rest.strip("->") {
                    self.rest = behind;
                    rest = Some(self.take_value()?);
                }
                value
            }
            _ => self.rest.to(0),
        };
        Ok(Pair { key, value, rest })
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.text;
        let start = text.len() - text.trim_start_matches(SEPARATORS).len();
        self.rest = self.rest.from(start);
        if self.rest.is_empty() {
            return None;
        }
        let pair = self.take_pair();
        if pair.is_err() {
            // One error is enough.
            self.rest = self.rest.to(0);
        }
        Some(pair)
    }
}
