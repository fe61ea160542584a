//! Our collector as a process of its own, so that it can be measured as the others are.

use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use flow_collector::{Collector, Config, Upkeep};
use model::{
    HostId, Inventory, InventoryHost, InventoryNetwork, InventoryVif, MacAddr, NetworkId, PortId,
    TenantId, Timestamp, TrafficClass,
};
use tokio::sync::watch;

use crate::pool;

/// The argument that makes this program a collector; where to listen and the ledger follow.
pub(crate) const VERB: &str = "collect";

/// Collects until its input ends.
pub(crate) fn run(arguments: &[String]) {
    let [listen, ledger] = arguments else {
        panic!("where to listen, and the ledger");
    };
    let config = Config {
        listen: listen.parse().unwrap(),
        ledger: Path::new(ledger).to_owned(),
        interval_seconds: Config::DEFAULT_INTERVAL_SECONDS,
        upkeep: Upkeep::default(),
        way: model::SampleWay::Datagrams,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_keep, inventory) = watch::channel(Arc::new(inventory()));
        let collector = Collector::start(config, inventory).await.unwrap();
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        ended.await.unwrap().unwrap();
        println!("{:?}", collector.statistics());
        collector.stop().await.unwrap();
    });
}

/// The hosts of the pool, each with the VIFs that the host of the capture had whose words it sends.
fn inventory() -> Inventory {
    let hosts = (0..pool::HOSTS).map(|number| {
        let names = match number % 2 {
            0 => [(6, "vif11"), (8, "vif13"), (11, "vif12")],
            _ => [(6, "vif21"), (7, "vif22"), (8, "vif23")],
        };
        InventoryHost {
            id: HostId::generate(),
            address: IpAddr::V4(pool::address(number)),
            vifs: names.map(vif).into(),
        }
    });
    let hosts: Vec<_> = hosts.collect();
    let vifs = hosts.iter().flat_map(|host| &host.vifs);
    Inventory {
        revision: 1,
        networks: vifs.map(network).collect(),
        hosts,
    }
}

/// What is known of a VIF's network, so that what it sends is split.
fn network(vif: &InventoryVif) -> InventoryNetwork {
    InventoryNetwork {
        id: vif.network_id,
        class: TrafficClass::Public,
        gateway: MacAddr::try_from([0x0a, 0xbd, 0, 0, 0, 1]).unwrap(),
        leads_out: true,
        joined: Vec::new(),
        pool: Vec::new(),
        ports: Vec::new(),
    }
}

fn vif((ifindex, name): (u32, &str)) -> InventoryVif {
    InventoryVif {
        interface: name.to_owned(),
        ifindex,
        port_id: PortId::generate(),
        network_id: NetworkId::generate(),
        tenant_id: TenantId::generate(),
        since: Timestamp::now(),
    }
}
