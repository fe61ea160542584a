use std::collections::BTreeSet;

use model::{AddressRange, Id, Timestamp};
use proptest::prelude::*;

use super::*;

fn subnet(gateway: &str) -> Subnet {
    let cidr = "10.0.0.0/27".parse().unwrap();
    Subnet {
        id: Id::generate(),
        tenant_id: Id::generate(),
        network_id: Id::generate(),
        name: None,
        cidr,
        gateway: gateway.parse().unwrap(),
        pools: POOLS.iter().map(|it| it.parse().unwrap()).collect(),
        handout: model::Handout::default(),
        created_at: Timestamp::now(),
    }
}

const POOLS: [&str; 3] = ["10.0.0.1-10.0.0.9", "10.0.0.11", "10.0.0.15-10.0.0.30"];

proptest! {
    #[test]
    fn the_next_free_address_is_that_of_a_plain_set(
        gateway in 1u8..31,
        steps in proptest::collection::vec((any::<bool>(), 0u8..32), 0..80),
    ) {
        let subnet = subnet(&format!("10.0.0.{gateway}"));
        let other = self::subnet("10.0.0.1");
        let mut free = FreeAddresses::default();
        free.add_subnet(&other);
        free.add_subnet(&subnet);
        let mut plain: BTreeSet<IpAddr> = subnet.pools.iter().flat_map(AddressRange::iter).collect();
        plain.remove(&subnet.gateway);
        let whole = plain.clone();
        for (take, last) in steps {
            let address: IpAddr = format!("10.0.0.{last}").parse().unwrap();
            if take {
                free.take(&subnet, address);
                plain.remove(&address);
            } else {
                free.give_back(&subnet, address);
                plain.extend(whole.get(&address));
            }
            for from in [subnet.cidr.network(), address] {
                let next = plain.range(from..).next().copied();
                prop_assert_eq!(free.next(subnet.id, from), next);
            }
        }
        for address in whole {
            free.give_back(&subnet, address);
        }
        let mut fresh = FreeAddresses::default();
        fresh.add_subnet(&subnet);
        free.remove_subnet(&other);
        prop_assert_eq!(free, fresh);
    }
}
