//! The whole path of a datagram on one core: decode, attribute, tally.
#![expect(clippy::unwrap_used, reason = "a broken corpus fails the bench")]

#[path = "../../sflow/tests/support/pcap.rs"]
mod pcap;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use flow_collector::attribute::Attribution;
use flow_collector::tally::{Resume, Tally};
use model::{
    HostId, Inventory, InventoryHost, InventoryVif, NetworkId, PortId, TenantId, Timestamp,
};
use sflow::Datagram;

fn main() {
    divan::main();
}

/// The large mixed corpus where it is at hand, else the captures of the decoder's tests.
fn corpus() -> Vec<pcap::Captured> {
    let large = pcap::sibling_captures().join("ovs-3.1/20-mixed-bench.pcap.xz");
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sflow/tests/data");
    let files = if large.exists() {
        vec![large]
    } else {
        pcap::files(&small)
    };
    files.iter().flat_map(|file| pcap::read(file)).collect()
}

/// Every host of the corpus, with a VIF at each of its first interfaces.
fn inventory(corpus: &[pcap::Captured]) -> Inventory {
    let sources: BTreeMap<IpAddr, ()> = corpus.iter().map(|it| (it.source, ())).collect();
    let hosts = sources.into_keys().map(|address| InventoryHost {
        id: HostId::generate(),
        address,
        vifs: (1..64).map(vif).collect(),
    });
    Inventory {
        revision: 1,
        hosts: hosts.collect(),
        networks: Vec::new(),
    }
}

fn vif(ifindex: u32) -> InventoryVif {
    InventoryVif {
        interface: format!("vif{ifindex}"),
        ifindex,
        port_id: PortId::generate(),
        network_id: NetworkId::generate(),
        tenant_id: TenantId::generate(),
        since: Timestamp::now(),
    }
}

/// Gives the number of flow samples that were taken.
fn collect(attribution: &Attribution, corpus: &[pcap::Captured]) -> u64 {
    let mut tally = Tally::resume(Resume::default());
    let mut samples = 0;
    for captured in corpus {
        let sender = attribution.sender(captured.source).unwrap();
        let datagram = Datagram::decode(&captured.payload).unwrap();
        let taken = tally.take(sender, &datagram, captured.unix_milliseconds);
        samples += u64::from(taken.flow_samples);
    }
    samples
}

#[divan::bench]
fn samples(bencher: Bencher<'_, '_>) {
    let corpus = corpus();
    let attribution = Attribution::from(&inventory(&corpus));
    bencher
        .counter(ItemsCount::new(collect(&attribution, &corpus)))
        .bench_local(|| collect(&attribution, black_box(&corpus)));
}

#[divan::bench]
fn datagrams(bencher: Bencher<'_, '_>) {
    let corpus = corpus();
    let attribution = Attribution::from(&inventory(&corpus));
    bencher
        .counter(ItemsCount::new(corpus.len()))
        .bench_local(|| collect(&attribution, black_box(&corpus)));
}
