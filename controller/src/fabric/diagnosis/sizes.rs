//! Packets that are lost because they are large.

use std::collections::{BTreeMap, BTreeSet};

use model::{FindingKind, ProbePath};

use super::super::trial::{HostNumber, Pair, Verdict};
use super::{Case, ends, listed, pairs_text, vlans_text};

/// Where packets are lost for their size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Everywhere(Vec<HostNumber>),
    Host(HostNumber),
    Pairs(Vec<Pair>),
}

/// Which packets: those larger than the first, though the second must pass.
type Sizes = (u16, u16);

/// A limit on frames lets through so many bytes more of a packet without a tag.
const TAG_BYTES: u16 = 4;

/// Says where packets are lost for their size. What is the same in all ways is told once.
pub(super) fn judge(case: &mut Case) {
    let blamed = nics(case);
    let plain: Vec<&Verdict> = case.plain().collect();
    let complaints = plain.iter().flat_map(|verdict| {
        let places = places_of(verdict, &blamed).into_iter();
        places.map(|(place, largest)| (place, largest, *verdict))
    });
    let mut complaints: Vec<_> = complaints.collect();
    complaints.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let alike = complaints.chunk_by(|a, b| a.0 == b.0 && b.1 - a.1 <= TAG_BYTES);
    for group in alike {
        let (place, largest, first) = &group[0];
        let verdicts: Vec<&Verdict> = group.iter().map(|(_, _, verdict)| *verdict).collect();
        let sizes = (*largest, first.lane.full_bytes);
        tell(case, (place, sizes), &verdicts, plain.len());
    }
    let told: BTreeSet<Place> = complaints.iter().map(|it| it.0.clone()).collect();
    let tunnels: Vec<&Verdict> = case
        .verdicts
        .iter()
        .copied()
        .filter(|it| is_tunnel(it))
        .collect();
    for verdict in tunnels {
        for (place, largest) in places_of(verdict, &blamed) {
            // A tunnel is as narrow as what carries it.
            if !told.contains(&place) {
                let sizes = (largest, verdict.lane.full_bytes);
                tell(case, (&place, sizes), &[verdict], 0);
            }
        }
    }
}

fn is_tunnel(verdict: &Verdict) -> bool {
    matches!(verdict.lane.lane.path, ProbePath::Tunnel { .. })
}

/// NICs whose own limit is too small. Gives their hosts: nothing else need be said of their sizes.
fn nics(case: &mut Case) -> BTreeSet<HostNumber> {
    let Some(needed) = case.plain().map(|it| it.lane.full_bytes).max() else {
        return BTreeSet::new();
    };
    let present = case.plain().flat_map(|it| &it.present).copied();
    let present: BTreeSet<HostNumber> = present.collect();
    let carrier = case.carrier();
    let mut blamed = BTreeSet::new();
    for host in present {
        let Some(nic) = case.cast.nic(host, case.network) else {
            continue;
        };
        let Some(mtu) = nic.mtu.filter(|mtu| *mtu < u32::from(needed)) else {
            continue;
        };
        let message = format!(
            "NIC {} of host {} has an MTU of {mtu} bytes: physical network {carrier} needs {needed}",
            nic.nic,
            case.cast.name(host)
        );
        case.find(FindingKind::NicMtu, &[host], message);
        blamed.insert(host);
    }
    blamed
}

/// Where one way is too narrow, and the largest packet that passes.
fn places_of(verdict: &Verdict, blamed: &BTreeSet<HostNumber>) -> Vec<(Place, u16)> {
    let heard = verdict.present.difference(&verdict.silent).copied();
    let heard: Vec<HostNumber> = heard.collect();
    if heard.len() > 2 && heard.iter().all(|host| verdict.narrow.contains_key(host)) {
        // One NIC that is known to be the cause may be all there is to it.
        let others: Vec<u16> = heard
            .iter()
            .filter_map(|it| verdict.narrow.get(it))
            .copied()
            .collect();
        let largest = others.into_iter().max().unwrap_or(0);
        return match blamed.is_empty() {
            true => vec![(Place::Everywhere(heard), largest)],
            false => Vec::new(),
        };
    }
    if let [a, b] = heard[..] {
        let sizes = [verdict.narrow.get(&a), verdict.narrow.get(&b)];
        let known = blamed.contains(&a) || blamed.contains(&b);
        let largest = sizes
            .into_iter()
            .flatten()
            .copied()
            .max()
            .filter(|_| !known);
        let place = Place::Pairs(vec![(a, b), (b, a)]);
        return largest
            .map(|largest| (place, largest))
            .into_iter()
            .chain(pairs(verdict, blamed))
            .collect();
    }
    let hosts = verdict
        .narrow
        .iter()
        .filter(|(host, _)| !blamed.contains(host));
    let hosts = hosts.map(|(host, largest)| (Place::Host(*host), *largest));
    hosts.chain(pairs(verdict, blamed)).collect()
}

/// Pairs that are too narrow, those of one size together.
fn pairs(verdict: &Verdict, blamed: &BTreeSet<HostNumber>) -> Vec<(Place, u16)> {
    let mut by_size = BTreeMap::<u16, Vec<Pair>>::new();
    for ((from, to), largest) in &verdict.short {
        if !blamed.contains(from) && !blamed.contains(to) {
            by_size.entry(*largest).or_default().push((*from, *to));
        }
    }
    let by_size = by_size.into_iter();
    by_size
        .map(|(largest, pairs)| (Place::Pairs(pairs), largest))
        .collect()
}

fn tell(case: &mut Case, (place, sizes): (&Place, Sizes), verdicts: &[&Verdict], all: usize) {
    let (largest, needed) = sizes;
    let (hosts, whom) = match place {
        Place::Everywhere(hosts) => (hosts.clone(), "between all hosts".to_owned()),
        Place::Host(host) => (vec![*host], format!("at {}", case.host(*host))),
        Place::Pairs(pairs) => (ends(pairs), pairs_text(case.cast, pairs)),
    };
    let ways = match verdicts.len() == all {
        true => String::new(),
        false => format!(" {}", ways_text(verdicts)),
    };
    let carrier = case.carrier();
    let message = format!(
        "packets over {largest} bytes are lost {whom} on physical network {carrier}{ways}: {needed} \
         bytes must pass"
    );
    case.find(FindingKind::Size, &hosts, message);
}

/// `in VLANs 103,105, without a tag and through vxlan`
fn ways_text(verdicts: &[&Verdict]) -> String {
    let paths = || verdicts.iter().map(|it| it.lane.lane.path);
    let vlans = paths().filter_map(|path| match path {
        ProbePath::Vlan { vlan } => Some(vlan),
        _ => None,
    });
    let vlans: Vec<_> = vlans.collect();
    let mut texts = Vec::new();
    if !vlans.is_empty() {
        texts.push(format!("in {}", vlans_text(&vlans)));
    }
    for path in paths() {
        match path {
            ProbePath::Vlan { .. } => {}
            ProbePath::Untagged => texts.push("without a tag".to_owned()),
            ProbePath::Tunnel { encapsulation } => texts.push(format!("through {encapsulation}")),
        }
    }
    listed(&texts)
}
