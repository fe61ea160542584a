//! The part of DNS messages that a resolver behind a gateway needs (RFC 1035 §4.1).
//!
//! ```text
//!   number 16 | flags 16 | questions 16 | answers 16 | authorities 16 | additions 16
//!   question: name, type 16, class 16      addition: EDNS (RFC 6891) and nothing else
//! ```

/// Refuses a query (RFC 1035 §4.1.1).
pub(super) const REFUSED: u8 = 5;
/// Could not find out.
pub(super) const SERVER_FAILURE: u8 = 2;
const NOT_IMPLEMENTED: u8 = 4;

const HEADER: usize = 12;
/// The longest name, its length bytes included.
const NAME_MAX: usize = 255;
/// The least that everybody takes.
const UDP_MIN: u16 = 512;

const EDNS: u16 = 41;
const ROOT: u8 = 0;

/// In the first byte of the flags: it is an answer; which operation; it is authoritative; truncated;
/// whether others shall be asked.
const ANSWER: u8 = 0x80;
const OPERATION: u8 = 0x78;
const AUTHORITATIVE: u8 = 0x04;
const TRUNCATED: u8 = 0x02;
const RECURSION: u8 = 0x01;
/// In the second: others are asked, data was checked, checking is not wanted.
const RECURSION_AVAILABLE: u8 = 0x80;
const CHECKING: u8 = 0x30;

/// The class of the internet.
pub(super) const INTERNET: u16 = 1;

/// One question, checked.
pub(super) struct Query<'a> {
    header: &'a [u8; HEADER],
    question: &'a [u8],
    labels: Vec<&'a [u8]>,
    kind: u16,
    class: u16,
    edns: Option<Edns>,
    whole: &'a [u8],
}

/// What the asker says of itself.
#[derive(Clone, Copy)]
struct Edns {
    udp_bytes: u16,
    /// Whether it wants signatures, and bits that nobody uses.
    flags: [u8; 2],
}

/// An answer's records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    /// Whether there is no such name.
    pub(super) is_absent: bool,
    /// What the name stands for: type and data.
    pub(super) found: Vec<(u16, Vec<u8>)>,
    /// The start of authority of the zone: its name and its data.
    pub(super) authority: Option<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Query<'a> {
    /// Nothing but one question, and perhaps EDNS.
    pub(super) fn decode(whole: &'a [u8]) -> Option<Self> {
        let (header, rest) = whole.split_first_chunk::<HEADER>()?;
        let counts = [4, 6, 8, 10].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
        let [1, 0, 0, additions @ 0..=1] = counts else {
            return None;
        };
        if header[2] & ANSWER != 0 {
            return None;
        }
        let (labels, after) = labels(rest)?;
        let ([a, b, c, d], additional) = after.split_first_chunk::<4>()?;
        let question = rest.get(..rest.len() - additional.len())?;
        let edns = match additions {
            0 => None,
            _ => Some(edns(additional)?),
        };
        Some(Self {
            header,
            question,
            labels,
            kind: u16::from_be_bytes([*a, *b]),
            class: u16::from_be_bytes([*c, *d]),
            edns,
            whole,
        })
    }

    /// The query as it came.
    pub(super) fn whole(&self) -> &'a [u8] {
        self.whole
    }

    /// The labels of the name, the most specific first.
    pub(super) fn labels(&self) -> &[&'a [u8]] {
        &self.labels
    }

    /// The type that is asked for.
    pub(super) fn kind(&self) -> u16 {
        self.kind
    }

    /// Whether it is a plain question about the internet.
    pub(super) fn is_plain(&self) -> bool {
        self.header[2] & OPERATION == 0 && self.class == INTERNET
    }

    /// The largest answer that the asker takes.
    pub(super) fn udp_bytes(&self) -> u16 {
        self.edns.map_or(UDP_MIN, |it| it.udp_bytes.max(UDP_MIN))
    }

    /// An answer without records.
    pub(super) fn refusal(&self, code: u8) -> Vec<u8> {
        let code = match self.header[2] & OPERATION {
            0 => code,
            _ => NOT_IMPLEMENTED,
        };
        let mut out = self.begin(0, code, [0, 0]);
        self.put_edns(&mut out);
        out
    }

    /// That there is more than fits.
    pub(super) fn truncated(&self) -> Vec<u8> {
        let mut out = self.begin(TRUNCATED, 0, [0, 0]);
        self.put_edns(&mut out);
        out
    }

    /// An answer of our own, as far as it fits.
    pub(super) fn answer(&self, records: &Records, limit: usize) -> Vec<u8> {
        const NO_SUCH_NAME: u8 = 3;
        const OF_QUESTION: [u8; 2] = [0xc0, 12];
        const SOA: u16 = 6;
        let mut bodies = Vec::new();
        for (kind, data) in &records.found {
            put_record(&mut bodies, &OF_QUESTION, *kind, data);
        }
        let found = u16::try_from(records.found.len()).unwrap_or(u16::MAX);
        let authority = records.authority.as_ref().filter(|_| found == 0);
        if let Some((name, data)) = authority {
            put_record(&mut bodies, name, SOA, data);
        }
        let code = if records.is_absent { NO_SUCH_NAME } else { 0 };
        let counts = [found, u16::from(authority.is_some())];
        let mut out = self.begin(AUTHORITATIVE, code, counts);
        out.extend(bodies);
        self.put_edns(&mut out);
        match out.len() <= limit {
            true => out,
            false => self.truncated(),
        }
    }

    /// The same question under another number, for another resolver. EDNS is asked for where the
    /// asker knows it, so that the answer is one that the asker understands.
    pub(super) fn forwarded(&self, number: u16, udp_bytes: u16) -> Vec<u8> {
        let mut out = number.to_be_bytes().to_vec();
        out.extend([RECURSION, self.header[3] & CHECKING, 0, 1, 0, 0, 0, 0, 0]);
        out.push(u8::from(self.edns.is_some()));
        out.extend(self.question);
        if let Some(edns) = self.edns {
            put_edns(&mut out, udp_bytes, edns.flags);
        }
        out
    }

    /// Whether these bytes answer the question that was sent under this number.
    pub(super) fn is_answered_by(&self, answer: &[u8], number: u16) -> bool {
        let Some((header, rest)) = answer.split_first_chunk::<HEADER>() else {
            return false;
        };
        let echoed = rest.get(..self.question.len());
        header[..2] == number.to_be_bytes()
            && header[2] & (ANSWER | OPERATION) == ANSWER
            && header[4..6] == [0, 1]
            && echoed.is_some_and(|it| it.eq_ignore_ascii_case(self.question))
    }

    /// Somebody's answer under the number that the asker gave.
    pub(super) fn with_own_number(&self, answer: &[u8]) -> Vec<u8> {
        let mut out = answer.to_vec();
        if let (Some(own), Some(place)) = (self.header.first_chunk::<2>(), out.get_mut(..2)) {
            place.copy_from_slice(own);
        }
        out
    }

    fn begin(&self, flags: u8, code: u8, [found, authorities]: [u16; 2]) -> Vec<u8> {
        let kept = self.header[2] & (OPERATION | RECURSION);
        let mut out = self.header[..2].to_vec();
        out.extend([ANSWER | kept | flags, RECURSION_AVAILABLE | code, 0, 1]);
        out.extend(found.to_be_bytes());
        out.extend(authorities.to_be_bytes());
        out.extend([0, u8::from(self.edns.is_some())]);
        out.extend(self.question);
        out
    }

    fn put_edns(&self, out: &mut Vec<u8>) {
        if self.edns.is_some() {
            put_edns(out, super::ANSWER_MAX, [0, 0]);
        }
    }
}

/// The labels of a name that is written out: a query's first name has nothing to point to.
fn labels(bytes: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let mut labels = Vec::new();
    let mut rest = bytes;
    loop {
        let (length, tail) = rest.split_first()?;
        if *length == ROOT {
            return (bytes.len() - tail.len() <= NAME_MAX).then_some((labels, tail));
        }
        if *length > 63 || bytes.len() - tail.len() > NAME_MAX {
            return None;
        }
        let (label, tail) = tail.split_at_checked((*length).into())?;
        labels.push(label);
        rest = tail;
    }
}

/// The one record behind the question.
fn edns(bytes: &[u8]) -> Option<Edns> {
    let (fixed, data) = bytes.split_first_chunk::<11>()?;
    let length = usize::from(u16::from_be_bytes([fixed[9], fixed[10]]));
    let is_edns = fixed[0] == ROOT && fixed[1..3] == EDNS.to_be_bytes() && data.len() == length;
    is_edns.then_some(Edns {
        udp_bytes: u16::from_be_bytes([fixed[3], fixed[4]]),
        flags: [fixed[7], fixed[8]],
    })
}

fn put_edns(out: &mut Vec<u8>, udp_bytes: u16, flags: [u8; 2]) {
    out.push(ROOT);
    out.extend(EDNS.to_be_bytes());
    out.extend(udp_bytes.to_be_bytes());
    out.extend([0, 0, flags[0], flags[1], 0, 0]);
}

/// Ports come and go: what is said of them holds for half a minute.
const TTL_SECONDS: u32 = 30;

fn put_record(out: &mut Vec<u8>, name: &[u8], kind: u16, data: &[u8]) {
    let Ok(length) = u16::try_from(data.len()) else {
        return;
    };
    out.extend(name);
    out.extend(kind.to_be_bytes());
    out.extend(INTERNET.to_be_bytes());
    out.extend(TTL_SECONDS.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend(data);
}
