//! Faults of a fabric on paper, and what is said of them.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use model::{
    Encapsulation, HostId, PhysicalNetworkId, ProbeArrival, ProbeLane, ProbeNic, ProbePath,
    SMALL_PROBE_BYTES, VlanId,
};
use uuid::Uuid;

use super::super::lanes::{Lane, Weight};
use super::super::trial::{HostNumber, Pair, Trial};
use super::*;

const MTU: u16 = 1_600;

/// A fabric between hosts h1, h2, … on the physical network `private`.
#[derive(Clone, Debug, Default)]
struct Fabric {
    hosts: HostNumber,
    vlans: Vec<u16>,
    overlay: bool,
    /// Hosts whose cable is cut.
    cut: BTreeSet<HostNumber>,
    /// VLANs that the port of a host lacks.
    lacks: BTreeSet<(HostNumber, u16)>,
    /// What the port of a host carries at most.
    narrow: BTreeMap<HostNumber, u16>,
    /// What a pair carries at most.
    short: BTreeMap<Pair, u16>,
    /// Pairs, one direction, between which nothing passes.
    lost: BTreeSet<Pair>,
    /// What the kernel of a host lets through its NIC.
    nic_mtu: BTreeMap<HostNumber, u32>,
    /// Hosts that filter the tunnels' port.
    filtered: BTreeSet<HostNumber>,
}

fn network() -> PhysicalNetworkId {
    Uuid::from_u128(1).into()
}

fn id(number: HostNumber) -> HostId {
    Uuid::from_u128(100 + u128::from(number)).into()
}

fn vlan(id: u16) -> VlanId {
    id.try_into().unwrap()
}

impl Fabric {
    fn of(hosts: HostNumber, vlans: &[u16]) -> Self {
        Self {
            hosts,
            vlans: vlans.to_vec(),
            overlay: true,
            ..Self::default()
        }
    }

    fn cast(&self) -> Cast {
        let player = |number: HostNumber| {
            let mtu = self.nic_mtu.get(&number).copied();
            let nic = ProbeNic {
                physical_network_id: network(),
                nic: "eth1".to_owned(),
                mtu: mtu.or(Some(MTU.into())),
            };
            Player {
                id: id(number),
                name: format!("h{}", number + 1).parse().unwrap(),
                nics: [(network(), nic)].into(),
            }
        };
        Cast {
            hosts: (0..self.hosts).map(player).collect(),
            networks: [(network(), "private".parse().unwrap())].into(),
        }
    }

    fn lanes(&self) -> Vec<Lane> {
        let tagged = self
            .vlans
            .iter()
            .map(|id| ProbePath::Vlan { vlan: vlan(*id) });
        let vxlan = ProbePath::Tunnel {
            encapsulation: Encapsulation::Vxlan,
        };
        let tunnels = self.overlay.then_some(vxlan);
        let paths = tagged.chain([ProbePath::Untagged]).chain(tunnels);
        let lane = |(number, path)| Lane {
            lane: ProbeLane {
                number,
                physical_network_id: network(),
                path,
            },
            full_bytes: match path {
                ProbePath::Tunnel { .. } => MTU - 50,
                _ => MTU,
            },
            weight: match path {
                ProbePath::Untagged if !self.overlay => Weight::Clue,
                _ => Weight::Needed,
            },
        };
        (0..).zip(paths).map(lane).collect()
    }

    /// The largest packet that passes; none if nothing does.
    fn carries(&self, lane: &Lane, (from, to): Pair) -> Option<u16> {
        let ends = [from, to];
        let lacks = |host: &HostNumber| match lane.lane.path {
            ProbePath::Vlan { vlan } => self.lacks.contains(&(*host, vlan.get())),
            ProbePath::Untagged => false,
            ProbePath::Tunnel { .. } => self.filtered.contains(host),
        };
        let cut = ends
            .iter()
            .any(|host| self.cut.contains(host) || lacks(host));
        if cut || self.lost.contains(&(from, to)) {
            return None;
        }
        let headers = MTU - lane.full_bytes;
        let limits = ends.iter().filter_map(|host| self.narrow.get(host));
        let nics = ends.iter().filter_map(|host| self.nic_mtu.get(host));
        let nics = nics.filter_map(|mtu| u16::try_from(*mtu).ok());
        let pair = self.short.get(&(from, to)).copied();
        let all = limits.copied().chain(nics).chain(pair);
        Some(all.min().unwrap_or(MTU).min(MTU) - headers)
    }

    /// As a check finds out: small and full first, then sizes in between.
    fn tried(&self, lane: Lane) -> Trial {
        let mut trial = Trial::new(lane, (0..self.hosts).collect());
        let pairs: Vec<Pair> = trial.pairs().collect();
        let send = |trial: &mut Trial, from: HostNumber, bytes: u16| {
            for pair in pairs.iter().filter(|pair| pair.0 == from) {
                if self.carries(&lane, *pair) >= Some(bytes) {
                    let arrival = ProbeArrival {
                        from,
                        lane: lane.lane.number,
                        bytes,
                        vlan: match lane.lane.path {
                            ProbePath::Vlan { vlan } => Some(vlan),
                            _ => None,
                        },
                    };
                    trial.arrived(arrival, pair.1);
                }
            }
        };
        for host in 0..self.hosts {
            for bytes in trial.missing(host) {
                send(&mut trial, host, bytes);
            }
        }
        for _ in 0..8 {
            let sizes: BTreeMap<_, _> = (0..self.hosts)
                .map(|host| (host, trial.between(host)))
                .collect();
            for (host, sizes) in &sizes {
                sizes
                    .iter()
                    .for_each(|bytes| send(&mut trial, *host, *bytes));
            }
            trial.sent(&sizes);
        }
        assert!(
            (0..self.hosts).all(|host| trial.between(host).is_empty()),
            "a size is still open"
        );
        for pair in pairs {
            assert_eq!(trial.passed(pair), self.carries(&lane, pair), "{pair:?}");
        }
        trial
    }

    fn findings(&self) -> Vec<Finding> {
        let lanes = self.lanes().into_iter();
        let verdicts: Vec<Verdict> = lanes.map(|lane| self.tried(lane).judge()).collect();
        diagnose(&self.cast(), &verdicts)
    }

    fn says(&self) -> Vec<String> {
        let findings = self.findings().into_iter();
        findings.map(|finding| finding.message).collect()
    }
}

#[test]
fn a_fabric_that_carries_everything_has_no_complaint() {
    assert_eq!(Fabric::of(3, &[101, 103]).says(), Vec::<String>::new());
}

#[test]
fn a_port_that_lacks_vlans_is_named_once_with_all_of_them() {
    let mut fabric = Fabric::of(3, &[101, 103, 104, 105]);
    fabric.lacks = [(1, 103)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        ["VLAN 103 does not reach host h2 (NIC eth1): the switch port lacks it"]
    );
    fabric.lacks.extend([(1, 104), (1, 101)]);
    let says = fabric.says();
    assert_eq!(
        says,
        ["VLANs 101,103-104 do not reach host h2 (NIC eth1): the switch port lacks them"]
    );
}

#[test]
fn one_vlan_alone_that_does_not_pass_is_not_taken_for_a_host_that_is_cut_off() {
    let mut fabric = Fabric::of(3, &[103]);
    fabric.overlay = false;
    fabric.lacks = [(2, 103)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        ["VLAN 103 does not reach host h3 (NIC eth1): the switch port lacks it"]
    );
}

#[test]
fn a_vlan_that_no_switch_carries_is_nobodys_port() {
    let mut fabric = Fabric::of(3, &[101, 103]);
    fabric.lacks = [(0, 103), (1, 103), (2, 103)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        ["VLAN 103 passes between no hosts on physical network private: the switches lack it"]
    );
    // Of two hosts nobody can tell whose port it is.
    let mut fabric = Fabric::of(2, &[101, 103]);
    fabric.lacks = [(0, 103)].into();
    let says = fabric.says();
    let expected = "VLAN 103 does not pass between host h1 (NIC eth1) and host h2 (NIC eth1) on \
                    physical network private: the switches lack it";
    assert_eq!(says, [expected]);
}

#[test]
fn a_host_that_is_cut_off_is_not_blamed_on_its_vlans_or_tunnels() {
    let mut fabric = Fabric::of(3, &[101, 103]);
    fabric.cut = [1].into();
    // The others have a fault of their own.
    fabric.lacks = [(2, 103), (0, 103)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        [
            "host h2 (NIC eth1) is cut off on physical network private: no VLAN, no size passes",
            "VLAN 103 does not pass between host h1 (NIC eth1) and host h3 (NIC eth1) on physical \
             network private: the switches lack it",
        ]
    );
    let mut fabric = Fabric::of(3, &[101]);
    fabric.cut = [0, 1, 2].into();
    assert_eq!(
        fabric.says(),
        ["no host reaches another on physical network private: no VLAN, no size"]
    );
}

#[test]
fn what_is_lost_in_one_direction_alone_is_said_so() {
    let mut fabric = Fabric::of(3, &[101]);
    fabric.overlay = false;
    fabric.lost = [(1, 0), (1, 2)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        ["what host h2 (NIC eth1) sends in VLAN 101 arrives nowhere"]
    );
    fabric.lost = [(0, 1), (2, 1)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        ["nothing that is sent in VLAN 101 arrives at host h2 (NIC eth1)"]
    );
    fabric.hosts = 4;
    fabric.lost = [(0, 2), (2, 0), (0, 1)].into();
    let says = fabric.says();
    assert_eq!(
        says,
        ["VLAN 101 does not pass from h1 to h2 and between h1 and h3 on physical network private"]
    );
}

#[test]
fn the_largest_packet_that_passes_is_named_with_the_host_or_the_pair() {
    let mut fabric = Fabric::of(3, &[101, 103]);
    fabric.narrow = [(1, 1_472)].into();
    assert_eq!(
        fabric.says(),
        [
            "packets over 1472 bytes are lost at host h2 (NIC eth1) on physical network private: 1600 \
          bytes must pass"
        ]
    );
    fabric.narrow.clear();
    fabric.short = [((0, 2), 1_500), ((2, 0), 1_500)].into();
    assert_eq!(
        fabric.says(),
        [
            "packets over 1500 bytes are lost between h1 and h3 on physical network private: 1600 \
          bytes must pass"
        ]
    );
    fabric.short.clear();
    fabric.narrow = [(0, 1_500), (1, 1_500), (2, 1_500)].into();
    assert_eq!(
        fabric.says(),
        [
            "packets over 1500 bytes are lost between all hosts on physical network private: 1600 \
          bytes must pass"
        ]
    );
}

#[test]
fn a_nic_whose_own_limit_is_too_small_is_all_that_is_said_of_its_sizes() {
    let mut fabric = Fabric::of(3, &[101]);
    fabric.nic_mtu = [(1, 1_500)].into();
    assert_eq!(
        fabric.says(),
        ["NIC eth1 of host h2 has an MTU of 1500 bytes: physical network private needs 1600"]
    );
}

#[test]
fn a_tunnel_is_blamed_only_where_what_carries_it_is_well() {
    let mut fabric = Fabric::of(3, &[101]);
    fabric.filtered = [2].into();
    assert_eq!(
        fabric.says(),
        [
            "vxlan packets do not reach host h3 (NIC eth1), though packets without a tunnel do: is UDP \
          port 4789 filtered?"
        ]
    );
}

#[test]
fn what_arrives_in_another_vlan_is_told() {
    let fabric = Fabric::of(2, &[103]);
    let lane = fabric.lanes()[0];
    let mut trial = fabric.tried(lane);
    let stray = ProbeArrival {
        from: 0,
        lane: 0,
        bytes: SMALL_PROBE_BYTES,
        vlan: Some(vlan(104)),
    };
    trial.arrived(stray, 1);
    let findings = diagnose(&fabric.cast(), &[trial.judge()]);
    let expected =
        "what h1 sends in VLAN 103 arrives at h2 in VLAN 104 on physical network private";
    assert_eq!(findings[0].message, expected);
}

fn any_fabric() -> impl Strategy<Value = Fabric> {
    (3..7u16, 2..5u16).prop_flat_map(|(hosts, vlans)| {
        let host = || 0..hosts;
        let vlans: Vec<u16> = (100..100 + vlans).collect();
        let vlan = proptest::sample::select(vlans.clone());
        (
            proptest::collection::btree_set(host(), 0..2),
            proptest::collection::btree_set((host(), vlan), 0..3),
            proptest::collection::btree_map(host(), 200..MTU, 0..2),
        )
            .prop_map(move |(cut, lacks, narrow)| Fabric {
                cut,
                lacks,
                narrow,
                ..Fabric::of(hosts, &vlans)
            })
    })
}

proptest! {
    #[test]
    fn who_has_a_fault_is_named_and_who_has_none_is_not_alone(fabric in any_fabric()) {
        let findings = fabric.findings();
        let faulty: BTreeSet<HostNumber> = fabric.cut.iter().copied()
            .chain(fabric.lacks.iter().map(|(host, _)| *host))
            .chain(fabric.narrow.keys().copied())
            .collect();
        prop_assert_eq!(faulty.is_empty(), findings.is_empty(), "{:?}", findings);
        for host in &faulty {
            let named = findings.iter().any(|it| it.host_ids.contains(&id(*host)));
            prop_assert!(named, "h{} is not named: {:?}", host + 1, findings);
        }
        for finding in &findings {
            let to_blame = finding.host_ids.iter().any(|it| faulty.iter().any(|host| id(*host) == *it));
            prop_assert!(to_blame, "nobody of {:?} has a fault", finding);
        }
        // A host with a cut cable is told of once.
        for host in &fabric.cut {
            let told = findings.iter().filter(|it| it.host_ids == [id(*host)]).count();
            prop_assert_eq!(told, 1, "{:?}", findings);
        }
    }
}
