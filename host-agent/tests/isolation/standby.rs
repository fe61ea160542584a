//! A port that migrates and is not lit here: nothing that it sends goes anywhere, and nothing comes to it.

use host_agent::pipeline::{Gate, NetworkView, RemotePort, gate};
use model::plan::Generation;
use openflow::table::{Connections, Packet};
use proptest::prelude::*;

use crate::anything::any_frame;
use crate::frame::BROADCAST;
use crate::routing::{self, evaluate};
use crate::world::PATCHES;

/// The networks of a host, of which the first has its second port on standby: it is lit on another host.
fn networks() -> (Vec<NetworkView>, Gate) {
    let mut networks = routing::networks(0);
    let waiting = networks[0].locals.remove(1);
    let gate = Gate {
        id: waiting.id,
        port: waiting.port,
        mac: waiting.mac,
        since: Generation(7),
    };
    let remote = RemotePort {
        mac: waiting.mac,
        addresses: waiting.addresses,
        virtual_macs: Default::default(),
        spoof_guard: model::SpoofGuard::On,
        endpoint: None,
    };
    networks[0].gates.push(gate.clone());
    networks[0].remotes = networks[0]
        .remotes
        .iter()
        .cloned()
        .chain([remote])
        .collect();
    (networks, gate)
}

proptest! {
    #[test]
    fn whatever_is_sent_from_behind_a_port_on_standby_goes_nowhere(frame in any_frame()) {
        let (networks, gate) = networks();
        let tables = routing::tables(&networks);
        let packet = Packet::new(gate.port, frame.bytes());
        let outcome = tables.evaluate(packet, &mut Connections::default());
        prop_assert_eq!(&outcome.outputs, &[]);
        let heard = outcome.controllers.iter().filter_map(|it| gate::heard(&it.userdata));
        let expected = (frame.source == gate.mac.octets()).then_some(gate.since);
        prop_assert!(heard.eq(expected));
    }
}

#[test]
fn what_is_for_a_port_on_standby_goes_to_the_host_that_it_is_lit_on() {
    let (networks, gate) = networks();
    let tables = routing::tables(&networks);
    let sender = networks[0].locals[0].port;
    for destination in [gate.mac.octets(), BROADCAST] {
        let mut frame = routing::datagram(routing::address(1, 2), 9);
        frame.destination = destination;
        let outcome = evaluate(&tables, sender, frame.bytes());
        let ports: Vec<_> = outcome.outputs.iter().map(|it| it.port).collect();
        assert_eq!(ports, [PATCHES[0]]);
    }
}
