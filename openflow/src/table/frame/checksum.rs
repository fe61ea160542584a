//! Checksums mended as their packets change (RFC 1624, equation 3), so that one that was wrong
//! stays wrong.

use super::{Frame, IpVersion};
use crate::protocol::{IP_ICMP, IP_ICMPV6, IP_TCP, IP_UDP};

impl Frame {
    /// Overwrites bytes of a header and mends the checksums that count them.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        // Headers begin at even places, so words count from the frame's beginning.
        let words = at & !1..(at + bytes.len()).next_multiple_of(2);
        let before = self.bytes[words.clone()].to_vec();
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let after = self.bytes[words].to_vec();
        if before == after {
            return;
        }
        if let Some(sum) = self.header_sum(at) {
            self.mend(sum, &before, &after);
        }
        if let Some(sum) = self.transport_sum(at) {
            let is_udp = self.protocol() == IP_UDP;
            // In UDP zero means that there is no checksum.
            if is_udp && self.bytes[sum..sum + 2] == [0, 0] {
                return;
            }
            self.mend(sum, &before, &after);
            if is_udp && self.bytes[sum..sum + 2] == [0, 0] {
                self.bytes[sum..sum + 2].fill(0xff);
            }
        }
    }

    /// Where the checksum of the IPv4 header that the byte at `at` is in stands.
    fn header_sum(&self, at: usize) -> Option<usize> {
        let ip = self.ip.filter(|ip| ip.version == IpVersion::V4)?;
        let in_header = (self.network..self.network + 20).contains(&at);
        in_header
            .then_some(self.network + 10)
            .filter(|_| ip.is_whole)
    }

    /// Where the checksum of the transport header stands, if it counts the byte at `at`: all
    /// count their own header, and all but that of ICMP in IPv4 count the IP addresses.
    fn transport_sum(&self, at: usize) -> Option<usize> {
        let (transport, ip) = (self.transport?, self.ip?);
        let addresses = match ip.version {
            IpVersion::V4 => self.network + 12..self.network + 20,
            IpVersion::V6 => self.network + 8..self.network + 40,
        };
        let counts_addresses = match ip.protocol {
            IP_ICMPV6 => ip.version == IpVersion::V6,
            protocol => protocol != IP_ICMP,
        };
        if at < transport && !(counts_addresses && addresses.contains(&at)) {
            return None;
        }
        match ip.protocol {
            IP_TCP => Some(transport + 16),
            IP_UDP => Some(transport + 6),
            IP_ICMP | IP_ICMPV6 => Some(transport + 2),
            _ => None,
        }
    }

    fn mend(&mut self, sum: usize, before: &[u8], after: &[u8]) {
        let word = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
        let mut complement = !word(&self.bytes[sum..sum + 2]);
        for (old, new) in before.chunks_exact(2).zip(after.chunks_exact(2)) {
            complement = add(add(complement, !word(old)), word(new));
        }
        self.bytes[sum..sum + 2].copy_from_slice(&(!complement).to_be_bytes());
    }
}

/// Addition in ones' complement.
fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u16::from(carry)
}
