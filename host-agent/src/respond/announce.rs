//! Tells everybody on a segment which Ethernet address an IPv4 address has now (RFC 5227 §3).

use std::net::Ipv4Addr;

use model::MacAddr;

use super::frame::BROADCAST;

/// The shortest Ethernet frame without its checksum, in bytes (IEEE 802.3 §4.2.3.3).
const SHORTEST: usize = 60;

/// Ethernet, IPv4, and how long their addresses are.
const FOR_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: [u8; 2] = [0, 1];
const ARP: [u8; 2] = [8, 6];

/// An ARP announcement.
#[must_use]
pub fn announcement(mac: MacAddr, address: Ipv4Addr) -> Vec<u8> {
    let (mac, address) = (mac.octets(), address.octets());
    let mut frame = [&BROADCAST[..], &mac, &ARP].concat();
    frame.extend([&FOR_IPV4[..], &REQUEST].concat());
    frame.extend([&mac[..], &address, &[0; 6], &address].concat());
    frame.resize(SHORTEST, 0);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_asks_for_the_address_that_it_has() {
        let address = Ipv4Addr::new(203, 0, 113, 7);
        let frame = announcement(MacAddr::public(address), address);
        let mac = [0x0a, 0xbf, 203, 0, 113, 7];
        assert_eq!(frame[..14], [&[0xff; 6][..], &mac, &[8, 6]].concat());
        assert_eq!(frame[14..22], [0, 1, 8, 0, 6, 4, 0, 1]);
        assert_eq!(frame[22..32], [&mac[..], &address.octets()].concat());
        assert_eq!(frame[32..42], [&[0; 6][..], &address.octets()].concat());
        assert_eq!(frame.len(), 60);
    }
}
