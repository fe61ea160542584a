//! Any bytes, as what a VIF asks the agent: whole frames, and the messages of good frames.
#![no_main]

use std::net::IpAddr;

use host_agent::respond::{NamedPort, PortConfig, Question, Reply, respond};
use libfuzzer_sys::fuzz_target;
use model::plan::PlannedSubnet;
use model::{Handout, MacAddr};

/// Ethernet, IPv4 and UDP from port 68 to 67.
const IPV4: [u8; 42] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0, 0, 0, 0, 5, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64,
    17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 68, 0, 67, 0, 0, 0, 0,
];

fuzz_target!(|bytes: &[u8]| {
    let addresses: [IpAddr; 2] = ["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()];
    let subnets = [("10.0.0.0/24", "10.0.0.1"), ("fd00::/64", "fd00::1")];
    let subnets = subnets.map(|(cidr, gateway)| PlannedSubnet {
        cidr: cidr.parse().unwrap(),
        gateway: gateway.parse().unwrap(),
        handout: Handout {
            dns: addresses.to_vec(),
            domain: "web.example".parse().ok(),
            dns_names: true,
            dns_forward: vec!["9.9.9.9".parse().unwrap()],
            ..Handout::default()
        },
    });
    let names = [NamedPort {
        name: "web1".parse().unwrap(),
        addresses: addresses.into(),
    }];
    let port = PortConfig {
        routing: None,
        mac: MacAddr::local(5),
        gateway_mac: MacAddr::local(1),
        mtu: 1500,
        hostname: None,
        addresses: &addresses,
        subnets: &subnets,
        names: &names,
    };
    for question in Question::ALL {
        let _ = respond(question, bytes, &port);
    }
    let _ = respond(Question::Dhcpv4, &dhcpv4(bytes), &port);
    let _ = respond(Question::Dhcpv6, &dhcpv6(bytes), &port);
    if let Some(Reply::Ask(pending)) = respond(Question::Dns, &dns(bytes), &port) {
        // What a resolver says of it is any bytes, too.
        let _ = pending.question(7);
        let _ = pending.is_answered_by(bytes, 7);
        let _ = pending.reply(Some(bytes));
    }
});

fn be(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// A DHCPv4 message of the port's own with these options.
fn dhcpv4(options: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[28..34].copy_from_slice(&MacAddr::local(5).octets());
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    message.extend(options);
    let mut frame = IPV4.to_vec();
    frame[16..18].copy_from_slice(&be(28 + message.len()));
    frame[38..40].copy_from_slice(&be(8 + message.len()));
    frame.extend(message);
    frame
}

/// A message of these bytes to the gateway as a resolver.
fn dns(message: &[u8]) -> Vec<u8> {
    let mut frame = IPV4.to_vec();
    frame[16..18].copy_from_slice(&be(28 + message.len()));
    frame[30..34].copy_from_slice(&[10, 0, 0, 1]);
    frame[36..38].copy_from_slice(&[0, 53]);
    frame[38..40].copy_from_slice(&be(8 + message.len()));
    frame.extend(message);
    frame
}

/// A DHCPv6 message of these bytes.
fn dhcpv6(message: &[u8]) -> Vec<u8> {
    let length = be(8 + message.len());
    let mut frame = [&[0x33; 6][..], &MacAddr::local(5).octets(), &[0x86, 0xdd]].concat();
    frame.extend([0x60, 0, 0, 0, length[0], length[1], 17, 64]);
    frame.extend([0xfe; 32]);
    frame.extend([2, 34, 2, 35, length[0], length[1], 0, 0]);
    frame.extend(message);
    frame
}
