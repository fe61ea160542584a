//! Our collector as a process of its own, so that it can be measured as the others are.

use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use flow_collector::{Collector, Config, Upkeep};
use model::{
    HostId, Inventory, InventoryHost, InventoryVif, NetworkId, PortId, TenantId, Timestamp,
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
    Inventory {
        revision: 1,
        hosts: hosts.collect(),
        networks: Vec::new(),
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
