use api::session::{ControllerCodec, FromController};
use bytes::BytesMut;
use model::plan::{PlannedInstance, PlannedInterface, PlannedPhysicalNetwork, PlannedPort};
use model::{Driver, HostAddress, Id, MacAddr, Role};
use proptest::prelude::*;
use tokio_util::codec::Encoder;

use super::*;
use crate::object::Key;
use crate::service::tests::{ops, run};

/// The largest instance and the largest port that the checks let through.
fn largest() -> [PlanItem; 2] {
    let address: std::net::IpAddr = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
    let pair = model::AddressPair {
        prefix: address.into(),
        mac: Some(MacAddr::local(u64::MAX)),
    };
    let interface = PlannedInterface {
        port_id: Id::generate(),
        mac: MacAddr::local(u64::MAX),
        addresses: vec![ipnet::IpNet::new(address, 128).unwrap(); 8],
        gateways: vec![address; 2],
        mtu: u16::MAX,
    };
    let instance = PlannedInstance {
        id: Id::generate(),
        name: "\"".repeat(64).parse().unwrap(),
        driver: Driver::Netns,
        boot: None,
        motion: None,
        interfaces: vec![interface; 16],
    };
    let port = PlannedPort {
        id: Id::generate(),
        network_id: Id::generate(),
        mac: MacAddr::local(u64::MAX),
        addresses: vec![address; 8],
        allowed: vec![pair; model::Port::ALLOWED_MAX],
        spoof_guard: model::SpoofGuard::Off,
        limits: model::Limits::default(),
        hostname: Some("a".repeat(63).parse().unwrap()),
        security_group_ids: Vec::new(),
        on_trunk: None,
        standby: None,
    };
    [PlanItem::Instance(instance), PlanItem::Port(port)]
}

fn frames(parts: Vec<PlanChange>) -> Vec<usize> {
    let mut codec = ControllerCodec::default();
    let encoded = parts.into_iter().map(|part| {
        let mut frame = BytesMut::new();
        let message = FromController::Plan(part);
        codec
            .encode(message, &mut frame)
            .expect("a frame of a size that may be");
        frame.len()
    });
    encoded.collect()
}

#[test]
fn every_part_of_the_largest_plan_fits_a_frame() {
    let items: Vec<PlanItem> = (0..4_000).flat_map(|_| largest()).collect();
    let parts = parts(Generation(1), None, items, Vec::new());
    assert!(parts.len() > 8);
    let (last, others) = parts.split_last().unwrap();
    assert!(!last.more && others.iter().all(|part| part.more));
    let sent: usize = parts.iter().map(|part| part.upsert.len()).sum();
    assert_eq!(sent, 8_000);
    assert!(
        frames(parts)
            .into_iter()
            .all(|bytes| bytes <= MAX_FRAME_BYTES / 2)
    );
}

#[test]
fn no_item_is_larger_than_estimated() {
    let [instance, port] = largest();
    let every_second = (1..2_000).map(|number| (2 * number).to_string());
    let vlans = every_second.collect::<Vec<_>>().join(",");
    let nics: Vec<String> = (0..8)
        .map(|number| format!("xxxxxxxxxxxxx{number:02}"))
        .collect();
    let uplink = format!("{}/active-backup/vlan4094", nics.join("+"));
    let scattered = PlanItem::PhysicalNetwork(PlannedPhysicalNetwork {
        id: Id::generate(),
        name: "x".repeat(12).parse().unwrap(),
        role: Role::Management,
        uplink: uplink.parse().unwrap(),
        address: Some(HostAddress {
            address: "fd00:1234:5678:9abc:def0:1234:5678:9abc/120"
                .parse()
                .unwrap(),
            gateway: "fd00:1234:5678:9abc:def0:1234:5678:9a01".parse().ok(),
        }),
        vlans: Some(vlans.parse().unwrap()),
        mtu: u16::MAX,
        endpoint: None,
    });
    let subnet = model::plan::PlannedSubnet {
        cidr: "2001:db8:ffff:ffff::/64".parse().unwrap(),
        gateway: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap(),
        handout: model::Handout {
            dns: vec!["2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap(); 8],
            domain: Some(vec!["a".repeat(62); 4].join(".").parse().unwrap()),
            routes: vec!["255.255.255.255/32 via 255.255.255.255".parse().unwrap(); 16],
            dns_forward: vec!["2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap(); 4],
            ..model::Handout::default()
        },
    };
    let network = PlanItem::Network(model::plan::PlannedNetwork {
        id: Id::generate(),
        tenant_id: Id::generate(),
        number: u32::MAX.try_into().unwrap(),
        segment: model::Segment::Geneve {
            physical_network_id: Id::generate(),
            vni: model::Vni::MAX,
        },
        mtu: u16::MAX,
        sharing: model::Sharing::default(),
        subnets: vec![subnet; 8],
    });
    for item in [instance, port, scattered, network] {
        let bytes = serde_json::to_vec(&item).unwrap().len();
        assert!(
            bytes <= estimated_bytes(&item),
            "{bytes} bytes: {:?}",
            item.key()
        );
    }
}

#[test]
fn removals_travel_in_parts_too() {
    let keys: Vec<PlanKey> = (0..MAX_ITEMS_PER_CHANGE + 1)
        .map(|_| PlanKey::Port(Id::generate()))
        .collect();
    let base = Some(Generation(1));
    let parts = parts(Generation(2), base, Vec::new(), keys.clone());
    assert_eq!(parts.len(), 2);
    assert!(
        parts
            .iter()
            .all(|part| part.base == base && part.generation == Generation(2))
    );
    let removed: Vec<PlanKey> = parts.into_iter().flat_map(|part| part.remove).collect();
    assert_eq!(removed, keys);
}

#[test]
fn too_many_items_are_the_whole_plan() {
    let mut dirty = Dirty::nothing();
    for _ in 0..=DIRTY_MAX {
        dirty.add(PlanKey::Port(Id::generate()));
    }
    assert_eq!(dirty, Dirty::Whole);
    dirty.add(PlanKey::Sampling);
    assert_eq!(dirty, Dirty::Whole);
}

proptest! {
    /// The session's view: changes come in batches of any size, and only touched hosts are asked.
    #[test]
    fn differences_remove_only_what_is_there_and_never_say_what_is_known(
        steps in ops(50),
        batch in 1usize..6,
    ) {
        let mut intent = Intent::default();
        for op in &steps[..10] {
            run(&mut intent, op);
        }
        let hosts: Vec<HostId> = intent.hosts.keys().copied().collect();
        for batch in steps[10..].chunks(batch) {
            let before = intent.clone();
            let written: Vec<Key> = batch.iter().flat_map(|op| run(&mut intent, op)).collect();
            let touched = compile::touched(&before, &intent, &written);
            let sent = Sent {
                generation: Generation(before.revision),
                intent: Arc::new(before),
            };
            for host in &hosts {
                let own = touched.iter().filter(|(it, _)| it == host).map(|(_, key)| *key);
                let old = compile::plan(&sent.intent, *host).items;
                let new = compile::plan(&intent, *host).items;
                let mut held = old.clone();
                for part in difference(&sent, &intent, *host, own.collect()) {
                    for item in part.upsert {
                        prop_assert_ne!(held.insert(item.key(), item.clone()), Some(item));
                    }
                    for key in part.remove {
                        prop_assert!(held.remove(&key).is_some());
                    }
                    prop_assert_ne!(&old, &new, "a host that sees no difference hears nothing");
                }
                prop_assert_eq!(held, new);
            }
        }
    }
}
