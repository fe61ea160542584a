use proptest::prelude::*;

use super::*;
use crate::object::Noun;
use crate::service::tests::{Op, ops, run};

/// The same objects, put into an empty intent.
fn rebuilt(intent: &Intent) -> Intent {
    let mut fresh = Intent {
        revision: intent.revision,
        sampling: intent.sampling.clone(),
        ..Intent::default()
    };
    for (noun, _) in Noun::ALL {
        for object in intent.all(*noun) {
            fresh.put(&object);
        }
    }
    fresh.last_network_number = intent.last_network_number;
    fresh.last_security_group_number = intent.last_security_group_number;
    fresh
}

proptest! {
    #[test]
    fn the_indices_are_those_of_the_objects_whatever_happened(steps in ops(60)) {
        let mut intent = Intent::default();
        for op in &steps {
            run(&mut intent, op);
        }
        prop_assert_eq!(rebuilt(&intent), intent);
    }

    #[test]
    fn deleting_everything_leaves_nothing(steps in ops(40)) {
        let mut intent = Intent::default();
        for op in &steps {
            run(&mut intent, op);
        }
        // In the order in which nothing is in use any more.
        let sub_ports: Vec<_> = intent.sub_ports().map(|it| it.id).collect();
        for id in sub_ports {
            let off = crate::service::tests::off_trunk(&intent, id);
            intent.apply(intent.revision, &off.unwrap().writes);
        }
        let order = [
            Noun::Instance, Noun::PortForwarding, Noun::FloatingIp, Noun::Gateway, Noun::Router, Noun::Port,
            Noun::Reservation, Noun::Subnet, Noun::Network, Noun::PhysicalNetwork, Noun::Tenant,
        ];
        for noun in order {
            for object in intent.all(noun) {
                run(&mut intent, &Op::Delete { noun, index: 0 });
                let _ = object;
            }
        }
        let mut bare = Intent {
            revision: intent.revision,
            last_network_number: intent.last_network_number,
            last_security_group_number: intent.last_security_group_number,
            ..Intent::default()
        };
        for host in intent.all(Noun::Host) {
            bare.put(&host);
        }
        prop_assert_eq!(intent, bare);
    }
}
