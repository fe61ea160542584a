use std::num::NonZeroU32;

use model::{InventoryNetwork, InventoryVif, MacAddr, TrafficClass};

use super::*;

#[path = "../../tests/support/agent.rs"]
mod agent;

/// A VIF on each of so many hosts.
const HOSTS: u8 = 200;
const VIFS: u32 = 20;

fn network(vif: &InventoryVif) -> InventoryNetwork {
    InventoryNetwork {
        id: vif.network_id,
        class: TrafficClass::TenantInternal,
        gateway: MacAddr::try_from([0x0a, 0xbd, 0, 0, 0, 1]).unwrap(),
        leads_out: false,
        joined: Vec::new(),
        pool: Vec::new(),
        ports: Vec::new(),
    }
}

/// Meters of a pool, each VIF of which has sent a frame.
fn meters() -> Meters {
    let hosts = (0..HOSTS).map(|number| {
        let vifs = (1..=VIFS).map(|index| agent::vif(index, 0)).collect();
        agent::host(&format!("192.0.2.{number}"), vifs)
    });
    let hosts: Vec<_> = hosts.collect();
    let networks = hosts.iter().flat_map(|host| &host.vifs).map(network);
    let inventory = Inventory {
        revision: 1,
        networks: networks.collect(),
        hosts,
    };
    let (_keep, inventory) = watch::channel(Arc::new(inventory));
    let hour = NonZeroU32::new(3600).unwrap();
    let meters = Meters::resume(Resume::default(), hour, inventory);
    let arp = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x08, 0x06];
    for number in 0..HOSTS {
        let samples = (1..=VIFS).map(|index| agent::framed((index, 64), &arp, 60));
        let bytes = agent::datagram(1, 1000, &samples.collect::<Vec<_>>());
        let source = IpAddr::from([192, 0, 2, number]);
        meters.take(std::iter::once((source, Some(&bytes[..]))));
    }
    meters
}

#[test]
fn what_is_told_comes_in_small_portions_also_when_nothing_but_splits_is_new() {
    let meters = meters();
    let all = usize::from(HOSTS) * usize::try_from(VIFS).unwrap();
    // A tally more than enough: its hosts are in it by chance.
    let most = 2 * PORTION + all / 8;
    let amounts: Vec<Batch> = meters.portions(Detail::Amounts).collect();
    let told: usize = amounts.iter().map(|it| it.entries.len()).sum();
    assert_eq!(told, all);
    assert!(amounts.iter().all(|it| it.entries.len() <= most));

    let splits: Vec<Batch> = meters.portions(Detail::WithSplits).collect();
    let told: usize = splits.iter().map(|it| it.splits.len()).sum();
    assert_eq!(told, all);
    assert!(
        splits.iter().all(|it| it.entries.is_empty()),
        "they were told"
    );
    let largest = splits.iter().map(|it| it.splits.len()).max();
    assert!(largest.is_some_and(|it| it <= most), "{largest:?} of {all}");
}
