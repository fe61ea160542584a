use std::collections::BTreeSet;

use model::{Id, Timestamp};
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
        pool: AddressRange::of_hosts(cidr),
        handout: model::Handout::default(),
        created_at: Timestamp::now(),
    }
}

proptest! {
    #[test]
    fn the_lowest_free_address_is_that_of_a_plain_set(
        gateway in 1u8..31,
        steps in proptest::collection::vec((any::<bool>(), 0u8..32), 0..80),
    ) {
        let subnet = subnet(&format!("10.0.0.{gateway}"));
        let other = self::subnet("10.0.0.1");
        let mut free = FreeAddresses::default();
        free.add_subnet(&other);
        free.add_subnet(&subnet);
        let mut plain: BTreeSet<IpAddr> = subnet.pool.iter().collect();
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
            prop_assert_eq!(free.lowest(&subnet), plain.first().copied());
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
