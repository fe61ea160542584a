//! One way tried between all pairs of hosts: what passed, and what that says of single hosts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use model::{ProbeArrival, ProbePath, SMALL_PROBE_BYTES, VlanId};

use super::lanes::Lane;

/// A host, by its number in the check.
pub(super) type HostNumber = u16;

/// From one host to another.
pub(super) type Pair = (HostNumber, HostNumber);

/// How many sizes between the largest that passed and the smallest that was lost are tried at once.
const SIZES_AT_ONCE: u16 = 7;

/// What is known of one way.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) lane: Lane,
    /// The hosts that take part.
    pub(super) present: BTreeSet<HostNumber>,
    /// The largest size that passed; nothing of pairs between which nothing did.
    passed: BTreeMap<Pair, u16>,
    /// The smallest size that is known to be lost, of pairs that carry small packets.
    lost: BTreeMap<Pair, u16>,
    mixed: BTreeSet<(Pair, VlanId)>,
}

impl Trial {
    pub(super) fn new(lane: Lane, present: BTreeSet<HostNumber>) -> Self {
        Self {
            lane,
            present,
            passed: BTreeMap::new(),
            lost: BTreeMap::new(),
            mixed: BTreeSet::new(),
        }
    }

    /// Every pair, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        let hosts = self.present.iter();
        hosts.flat_map(|from| {
            let others = self.present.iter().filter(move |to| *to != from);
            others.map(move |to| (*from, *to))
        })
    }

    /// A probe arrived at a host.
    pub(super) fn arrived(&mut self, arrival: ProbeArrival, to: HostNumber) {
        let pair = (arrival.from, to);
        let both = [arrival.from, to]
            .iter()
            .all(|it| self.present.contains(it));
        if !both || arrival.from == to {
            return;
        }
        let expected = match self.lane.lane.path {
            ProbePath::Vlan { vlan } => Some(vlan),
            ProbePath::Untagged | ProbePath::Tunnel { .. } => None,
        };
        match arrival.vlan {
            vlan if vlan == expected => {
                let passed = self.passed.entry(pair).or_default();
                *passed = arrival.bytes.max(*passed);
            }
            // Without a tag it may have come by an access port, which is as wrong as any.
            vlan => _ = vlan.map(|vlan| self.mixed.insert((pair, vlan))),
        }
    }

    /// The largest size that passed.
    pub(super) fn passed(&self, pair: Pair) -> Option<u16> {
        self.passed.get(&pair).copied()
    }

    pub(super) fn full(&self, pair: Pair) -> bool {
        self.passed(pair) >= Some(self.lane.full_bytes)
    }

    /// What a host has still to send: sizes that did not arrive everywhere.
    pub(super) fn missing(&self, from: HostNumber) -> Vec<u16> {
        let to = self.present.iter().filter(|to| **to != from);
        let of_host: Vec<Pair> = to.map(|to| (from, *to)).collect();
        if !self.present.contains(&from) {
            return Vec::new();
        }
        let mut sizes = Vec::new();
        if of_host.iter().any(|pair| self.passed(*pair).is_none()) {
            sizes.push(SMALL_PROBE_BYTES);
        }
        if of_host.iter().any(|pair| !self.full(*pair)) {
            sizes.push(self.lane.full_bytes);
        }
        sizes
    }

    /// The sizes that would tell more of how large packets from a host may be.
    pub(super) fn between(&self, from: HostNumber) -> BTreeSet<u16> {
        let pairs = self.pairs().filter(|(it, _)| *it == from);
        pairs.flat_map(|pair| self.sizes(pair)).collect()
    }

    /// Sizes spread over what is not known yet.
    fn sizes(&self, pair: Pair) -> Vec<u16> {
        let Some(passed) = self.passed(pair).filter(|_| !self.full(pair)) else {
            return Vec::new();
        };
        let lost = self.lost.get(&pair).copied();
        let open = lost.unwrap_or(self.lane.full_bytes).saturating_sub(passed);
        let steps = u32::from(SIZES_AT_ONCE) + 1;
        let size = |step: u32| passed + u16::try_from(u32::from(open) * step / steps).unwrap_or(0);
        let mut sizes: Vec<u16> = (1..steps).map(size).filter(|size| *size > passed).collect();
        sizes.dedup();
        sizes
    }

    /// These sizes were sent, and whatever arrived is noted: what did not is lost.
    pub(super) fn sent(&mut self, sizes: &BTreeMap<HostNumber, BTreeSet<u16>>) {
        let pairs: Vec<Pair> = self.pairs().collect();
        for pair in pairs {
            let Some(passed) = self.passed(pair).filter(|_| !self.full(pair)) else {
                continue;
            };
            let sent = sizes.get(&pair.0).into_iter().flatten();
            let least = sent.copied().filter(|size| *size > passed).min();
            let lost = self.lost.entry(pair).or_insert(self.lane.full_bytes);
            *lost = least.unwrap_or(*lost).min(*lost);
        }
    }

    /// What it says of hosts.
    pub(super) fn judge(&self) -> Verdict {
        let alive: BTreeSet<Pair> = self.passed.keys().copied().collect();
        let sends = |host: &HostNumber| alive.iter().any(|(from, _)| from == host);
        let hears = |host: &HostNumber| alive.iter().any(|(_, to)| to == host);
        let hosts = || self.present.iter().copied();
        let silent: BTreeSet<_> = hosts().filter(|it| !sends(it) && !hears(it)).collect();
        let mute: BTreeSet<_> = hosts().filter(|it| !sends(it) && hears(it)).collect();
        let deaf: BTreeSet<_> = hosts().filter(|it| sends(it) && !hears(it)).collect();
        let explained = |(from, to): &Pair| {
            let silent = silent.contains(from) || silent.contains(to);
            silent || mute.contains(from) || deaf.contains(to)
        };
        let lost = self
            .pairs()
            .filter(|pair| !alive.contains(pair) && !explained(pair));
        let lost = lost.collect();
        let (narrow, short) = self.narrow(&alive);
        Verdict {
            lane: self.lane,
            present: self.present.clone(),
            silent,
            mute,
            deaf,
            lost,
            narrow,
            short,
            mixed: self.mixed.clone(),
        }
    }

    /// Hosts none of whose pairs carries full packets, though others do; and other pairs.
    fn narrow(&self, alive: &BTreeSet<Pair>) -> (BTreeMap<HostNumber, u16>, BTreeMap<Pair, u16>) {
        let short: BTreeMap<Pair, u16> = alive
            .iter()
            .filter(|pair| !self.full(**pair))
            .filter_map(|pair| Some((*pair, self.passed(*pair)?)))
            .collect();
        let of = |host: HostNumber| {
            let pairs = alive.iter();
            pairs.filter(move |(from, to)| *from == host || *to == host)
        };
        let all_short = |host: &HostNumber| {
            let mut pairs = of(*host).peekable();
            pairs.peek().is_some() && pairs.all(|pair| short.contains_key(pair))
        };
        let narrow: BTreeSet<HostNumber> = self.present.iter().copied().filter(all_short).collect();
        let largest = |host: HostNumber| {
            let sizes = of(host).filter_map(|pair| short.get(pair));
            sizes.copied().max().unwrap_or(0)
        };
        // The host whose best pair is the worst is the cause; what is left without its pairs is
        // somebody else's.
        let elsewhere = |(from, to): &Pair| !narrow.contains(from) && !narrow.contains(to);
        let rest = short.iter().filter(|(pair, _)| elsewhere(pair));
        let rest = rest.map(|(pair, size)| (*pair, *size)).collect();
        (
            narrow.iter().map(|host| (*host, largest(*host))).collect(),
            rest,
        )
    }
}

/// What a way that was tried says of hosts.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) lane: Lane,
    pub(super) present: BTreeSet<HostNumber>,
    /// Nothing passes to or from these.
    pub(super) silent: BTreeSet<HostNumber>,
    /// Nothing that these send arrives anywhere.
    pub(super) mute: BTreeSet<HostNumber>,
    /// Nothing arrives at these.
    pub(super) deaf: BTreeSet<HostNumber>,
    /// Pairs that only fail with each other.
    pub(super) lost: BTreeSet<Pair>,
    /// Hosts that no full packet passes to or from, and the largest that does.
    pub(super) narrow: BTreeMap<HostNumber, u16>,
    /// Other pairs that no full packet passes between, and the largest that does.
    pub(super) short: BTreeMap<Pair, u16>,
    /// What arrived in another VLAN than it was sent in.
    pub(super) mixed: BTreeSet<(Pair, VlanId)>,
}

impl Verdict {
    /// Whether nothing passes from the first to the second.
    pub(super) fn loses(&self, pair: Pair) -> bool {
        let (from, to) = pair;
        let ends = [from, to].iter().any(|host| self.silent.contains(host));
        ends || self.mute.contains(&from) || self.deaf.contains(&to) || self.lost.contains(&pair)
    }

    /// Whether nothing passes between any two hosts but these.
    pub(super) fn is_dead_but_for(&self, cut: &BTreeSet<HostNumber>) -> bool {
        self.present
            .difference(cut)
            .all(|host| self.silent.contains(host))
    }
}
