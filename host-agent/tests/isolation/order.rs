//! Order: what comes of a frame depends neither on the order in which flows were written nor on the
//! flows of other networks.

use openflow::table::{Connections, Packet, Tables};
use openflow::{Match, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::Frame;
use crate::world::{World, deliver};

/// Whether a packet can match both: no bit that both ask for has to be 0 and 1.
fn overlap(one: &Match, other: &Match) -> bool {
    let contradicts = |it: &openflow::matching::FieldMatch| {
        let theirs = other.get(it.field);
        theirs.is_some_and(|theirs| (it.value ^ theirs.value) & it.mask & theirs.mask != 0)
    };
    !one.fields().iter().any(contradicts)
}

/// A world, one of its ports, and a frame.
fn any_case() -> impl Strategy<Value = (World, PortNo, Frame)> {
    World::any_with_overlays().prop_flat_map(|world| {
        let ports = world.ports();
        (Just(world), select(ports), any_frame())
    })
}

proptest! {
    #[test]
    fn no_two_flows_of_one_priority_say_different_things_of_one_frame(
        world in World::any_with_overlays()
    ) {
        let flows = world.flows();
        for (index, one) in flows.iter().enumerate() {
            let rivals = flows[index + 1..].iter().filter(|other| {
                (one.table, one.priority) == (other.table, other.priority)
                    && one.instructions != other.instructions
            });
            for other in rivals {
                let both = overlap(&one.matching, &other.matching);
                prop_assert!(!both, "which of these counts?\n{}\n{}", one, other);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn flows_written_in_another_order_do_the_same(
        (world, port, frame) in any_case(), seed in any::<u64>()
    ) {
        let mut shuffled = world.flows();
        // Any order will do that the seed alone decides.
        shuffled.sort_by_key(|flow| {
            let text = format!("{seed}{flow}");
            text.bytes().fold(seed, |sum, byte| sum.rotate_left(7) ^ u64::from(byte))
        });
        let evaluate = |tables: &Tables| {
            let packet = Packet::new(port, frame.bytes());
            let outcome = tables.evaluate(packet, &mut Connections::default());
            (outcome.outputs, outcome.controllers)
        };
        prop_assert_eq!(evaluate(&Tables::new(shuffled)), evaluate(&world.tables()));
    }

    #[test]
    fn another_network_opens_nothing_in_those_there_are((world, port, frame) in any_case()) {
        let mut fewer = world.clone();
        fewer.networks.pop();
        if fewer.network_of(port).is_none() {
            return Ok(());
        }
        let alone = deliver(&fewer.tables(), port, &frame);
        prop_assert_eq!(deliver(&world.tables(), port, &frame), alone);
    }
}
