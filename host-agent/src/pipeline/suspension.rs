//! What does not pass at all, because a cap was reached.
//!
//! It is dropped where limits are, before any meter is asked: so no meter counts as its own what a
//! suspension dropped, and the flows that count stay as they are, with all that they counted.

use model::Classes;
use openflow::{Flow, Match};

use super::{NetworkView, Table, class};

/// Before every limit.
const SUSPENDED: u16 = 2_000;

/// Drops what is of these classes.
pub(super) fn flows(
    table: &Table,
    network: &NetworkView,
    (matching, suspended): (Match, Classes),
) -> Vec<Flow> {
    if suspended.is_empty() {
        return Vec::new();
    }
    let classes = class::of(network, matching).into_iter();
    let classes = classes.filter(|(_, class)| suspended.contains(*class));
    let dropped = classes.map(|(matching, _)| table.flow(SUSPENDED, matching));
    dropped.collect()
}

#[cfg(test)]
mod tests {
    use model::TrafficClass;

    use super::*;
    use crate::pipeline::registers::{CLASS, CLASS_PUBLIC};
    use crate::pipeline::tests::network;
    use crate::pipeline::{WayOut, limit_received, limit_sent};

    #[test]
    fn where_a_network_leads_out_just_the_classes_that_are_suspended_are_dropped() {
        let public: Classes = [TrafficClass::Public].into_iter().collect();
        let both: Classes = [TrafficClass::Public, TrafficClass::TenantInternal]
            .into_iter()
            .collect();
        let mut network = network(Vec::new(), 0);
        let matching = || Match::new().in_port(openflow::PortNo(1));
        let dropped =
            |network: &_, classes| flows(&limit_sent::TABLE, network, (matching(), classes));
        assert_eq!(dropped(&network, public), [], "it has no public traffic");
        assert_eq!(dropped(&network, both).len(), 1);
        assert_eq!(dropped(&network, both)[0].matching, matching());
        network.outside.way = Some(WayOut {
            network: 9.try_into().unwrap(),
            mac: model::MacAddr::local(9),
            mac_v6: None,
            zone: 0xf001,
            snat: None,
            exit: crate::pipeline::WayExit::default(),
            floating: Vec::new(),
            forwarded: Vec::new(),
            answered: Vec::new(),
            pool: Vec::new(),
        });
        let of_public = CLASS.is(CLASS_PUBLIC, matching());
        let found = dropped(&network, public);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].matching, of_public);
        assert!(
            found[0].instructions.apply.is_empty() && found[0].instructions.goto_table.is_none()
        );
        assert_eq!(dropped(&network, both).len(), 2);
        let received = flows(&limit_received::TABLE, &network, (matching(), public));
        assert_eq!(received[0].table, limit_received::TABLE.id);
        assert_eq!(dropped(&network, Classes::default()), []);
    }
}
