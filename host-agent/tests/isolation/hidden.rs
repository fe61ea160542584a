//! What hides behind fragments and headers is not let through unseen.

use crate::frame::{BROADCAST, Frame, Payload, ipv6 as packet, udp};
use crate::world::{Delivered, World, deliver, ipv4, ipv6, mac};

const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const DESTINATION_OPTIONS: u8 = 60;

/// What comes out when member 1 sends this to everybody.
fn sent(eth_type: u16, bytes: Vec<u8>) -> Delivered {
    let world = World::new(&[(2, 1, Some(0))]);
    let frame = Frame::new(mac(1), BROADCAST, Payload::Bytes { eth_type, bytes });
    deliver(&world.tables(), world.networks[0].locals[0].port, &frame)
}

fn sent6(next_header: u8, body: &[u8]) -> Delivered {
    sent(0x86dd, packet(next_header, ipv6(1), ipv6(2), body))
}

fn fragment(next_header: u8, offset: u16, more: u16, body: &[u8]) -> Vec<u8> {
    let place = (offset << 3 | more).to_be_bytes();
    [&[next_header, 0, place[0], place[1], 0, 0, 0, 7], body].concat()
}

fn solicitation(target: u8, options: &[u8]) -> Vec<u8> {
    let target = ipv6(target).octets();
    [&[135, 0, 0, 0, 0, 0, 0, 0], &target[..], options].concat()
}

#[test]
fn a_first_fragment_whose_ports_are_not_shown_goes_nowhere() {
    let addresses = [ipv4(1).octets(), ipv4(2).octets()].concat();
    let head = [0x45, 0, 0, 28, 0, 0, 0x20, 0, 64, UDP, 0, 0];
    let first = [&head, &addresses[..], &udp((67, 68))].concat();
    assert_eq!(sent(0x0800, first), Delivered::new());
    let first = fragment(UDP, 0, 1, &udp((547, 546)));
    assert_eq!(sent6(FRAGMENT, &first), Delivered::new());
}

#[test]
fn later_fragments_pass_of_both_families() {
    let addresses = [ipv4(1).octets(), ipv4(2).octets()].concat();
    let head = [0x45, 0, 0, 28, 0, 0, 0, 4, 64, UDP, 0, 0];
    let later = [&head, &addresses[..], &[0; 8]].concat();
    assert_ne!(sent(0x0800, later), Delivered::new());
    let later = fragment(UDP, 4, 0, &[0; 8]);
    assert_ne!(sent6(FRAGMENT, &later), Delivered::new());
}

#[test]
fn an_icmpv6_header_cannot_be_carried_out_of_sight() {
    let advert = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let options = [ICMPV6, 0, 1, 4, 0, 0, 0, 0];
    let long_options = [ICMPV6, 9, 1, 4, 0, 0, 0, 0];
    let hidden: [(u8, Vec<u8>); 7] = [
        (DESTINATION_OPTIONS, [&options[..], &advert].concat()),
        (DESTINATION_OPTIONS, long_options.into()),
        (FRAGMENT, fragment(ICMPV6, 0, 1, &advert)),
        (FRAGMENT, fragment(DESTINATION_OPTIONS, 0, 1, &long_options)),
        (FRAGMENT, fragment(DESTINATION_OPTIONS, 0, 1, &options)),
        (
            FRAGMENT,
            fragment(FRAGMENT, 0, 1, &fragment(ICMPV6, 0, 1, &[])),
        ),
        (FRAGMENT, fragment(ICMPV6, 0, 1, &solicitation(2, &[]))),
    ];
    for (next_header, body) in hidden {
        assert_eq!(sent6(next_header, &body), Delivered::new(), "{body:02x?}");
    }
}

#[test]
fn a_solicitation_with_two_senders_goes_nowhere() {
    let option = |member| [&[1, 1], &mac(member)[..]].concat();
    let good = solicitation(2, &option(1));
    assert_ne!(sent6(ICMPV6, &good), Delivered::new());
    let bad = solicitation(2, &[option(2), option(1)].concat());
    assert_eq!(sent6(ICMPV6, &bad), Delivered::new());
}
