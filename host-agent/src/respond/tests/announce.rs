//! What is told of a port that came here.

use etherparse::{Icmpv6Slice, NetSlice, TransportSlice};

use super::*;

#[test]
fn each_address_is_announced_from_the_ports_own_ethernet_address() {
    let addresses = ["10.0.0.5", "fd00::5"].map(|it| it.parse().unwrap());
    let [arp, advert] = announce(mac(), &addresses, Form::Request)
        .try_into()
        .unwrap();
    assert_eq!(arp[..6], [0xff; 6]);
    assert_eq!(arp[6..12], mac().octets());
    let own = [&mac().octets()[..], &[10, 0, 0, 5]].concat();
    let head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1];
    assert_eq!(arp[12..32], [&head[..], &own].concat());
    assert_eq!(arp[38..], [10, 0, 0, 5], "it asks about itself");
    assert_eq!(advert[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(advert[6..12], mac().octets());
    let packet = SlicedPacket::from_ethernet(&advert).unwrap();
    let Some(NetSlice::Ipv6(ip)) = packet.net else {
        panic!("{advert:02x?}");
    };
    assert_eq!(ip.header().hop_limit(), 255, "of this link");
    let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else {
        panic!("{advert:02x?}");
    };
    let ends = [ip.header().source(), ip.header().destination()];
    let valid = |it: &Icmpv6Slice<'_>| it.is_checksum_valid(ends[0], ends[1]);
    assert!(valid(&icmp));
    let target: Ipv6Addr = "fd00::5".parse().unwrap();
    let expected = [&target.octets()[..], &[2, 1], &mac().octets()].concat();
    assert_eq!(
        icmp.slice()[0..5],
        [136, 0, icmp.slice()[2], icmp.slice()[3], 0x20]
    );
    assert_eq!(icmp.slice()[8..], expected);
}

#[test]
fn a_port_without_addresses_is_announced_by_reverse_arp() {
    for form in [Form::Request, Form::Reply, Form::Reverse] {
        let [frame] = announce(mac(), &[], form).try_into().unwrap();
        assert_eq!(frame[12..14], [0x80, 0x35]);
        assert_eq!(frame[20..22], [0, 3]);
        assert_eq!(frame[22..28], mac().octets());
        assert_eq!(frame[32..38], mac().octets());
    }
}

#[test]
fn a_reply_to_everybody_names_its_sender_as_the_one_who_asked() {
    let addresses = ["10.0.0.5".parse().unwrap()];
    let [frame] = announce(mac(), &addresses, Form::Reply).try_into().unwrap();
    assert_eq!(frame[..6], [0xff; 6]);
    assert_eq!(frame[20..22], [0, 2]);
    assert_eq!(frame[22..32], frame[32..42]);
    assert_eq!(frame[32..], [&mac().octets()[..], &[10, 0, 0, 5]].concat());
}
