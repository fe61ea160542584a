//! What of a TCP stream is in a sampled frame, so that pieces of one super-frame are known: a kernel
//! decides once for all of them, and cuts it afterwards.
//!
//! Such pieces continue each other to the byte. Of frames that were sampled one by one, one in hundreds
//! happens to be the next of the one before.

/// A piece of a TCP connection's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Addresses as IPv6 has them, and ports.
    connection: ([u8; 16], [u8; 16], [u8; 4]),
    sequence: u32,
    length: u32,
}

impl Segment {
    /// Of the first bytes of an Ethernet frame, if they are of TCP (RFC 9293).
    #[must_use]
    pub fn of(frame: &[u8]) -> Option<Self> {
        let (kind, packet) = match frame.get(12..14)? {
            [0x81, 0x00] => (frame.get(16..18)?, frame.get(18..)?),
            kind => (kind, frame.get(14..)?),
        };
        let (addresses, length, segment) = match kind {
            [0x08, 0x00] => v4(packet)?,
            [0x86, 0xdd] => v6(packet)?,
            _ => return None,
        };
        let word = |at: usize| {
            Some(u32::from_be_bytes(
                segment.get(at..at + 4)?.try_into().ok()?,
            ))
        };
        let header = u32::from(segment.get(12)? >> 4) * 4;
        Some(Self {
            connection: (addresses.0, addresses.1, word(0)?.to_be_bytes()),
            sequence: word(4)?,
            length: length.checked_sub(header)?,
        })
    }

    /// Whether this begins where that ends.
    #[must_use]
    pub fn continues(self, before: Self) -> bool {
        before.connection == self.connection
            && before.length > 0
            && before.sequence.wrapping_add(before.length) == self.sequence
    }
}

/// Source and destination, how long the TCP segment is, and its first bytes.
type Packet<'p> = (([u8; 16], [u8; 16]), u32, &'p [u8]);

const TCP: u8 = 6;

fn v4(packet: &[u8]) -> Option<Packet<'_>> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?);
    if *packet.get(9)? != TCP {
        return None;
    }
    let address = |at: usize| {
        let mut wide = [0; 16];
        wide[12..].copy_from_slice(packet.get(at..at + 4)?);
        Some(wide)
    };
    let length = u32::from(total).checked_sub(u32::try_from(header).ok()?)?;
    Some(((address(12)?, address(16)?), length, packet.get(header..)?))
}

fn v6(packet: &[u8]) -> Option<Packet<'_>> {
    let length = u16::from_be_bytes(packet.get(4..6)?.try_into().ok()?);
    if *packet.get(6)? != TCP {
        return None;
    }
    let address = |at: usize| packet.get(at..at + 16)?.try_into().ok();
    let addresses = (address(8)?, address(24)?);
    Some((addresses, length.into(), packet.get(40..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a connection: so many bytes from this sequence number on, of which the headers were
    /// sampled.
    fn frame(port: u8, sequence: u32, length: u16) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([0x08, 0x00, 0x45, 0]);
        frame.extend((40 + length).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0, port, 0, 80]);
        frame.extend(sequence.to_be_bytes());
        frame.extend([0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
        frame
    }

    #[test]
    fn only_what_continues_the_one_before_to_the_byte_belongs_to_it() {
        let segment = |port, sequence, length| Segment::of(&frame(port, sequence, length)).unwrap();
        let first = segment(1, u32::MAX - 99, 1448);
        assert!(segment(1, 1348, 1448).continues(first));
        assert!(!segment(1, 1349, 1448).continues(first));
        assert!(!segment(2, 1348, 1448).continues(first));
        assert!(!segment(1, 7, 100).continues(segment(1, 7, 0)));
    }

    #[test]
    fn whatever_bytes_come_nothing_fails() {
        let whole = frame(1, 7, 1448);
        for end in 0..whole.len() {
            let _nothing_or_something = Segment::of(&whole[..end]);
        }
        for at in 12..whole.len() {
            let mut odd = whole.clone();
            odd[at] ^= 0xff;
            let _nothing_or_something = Segment::of(&odd);
        }
        assert_eq!(Segment::of(&[0xff; 200]), None);
    }
}
