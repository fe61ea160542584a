//! From what was lost to what is wrong, in words that name the host, its NIC, the VLAN and the size.
//! Pure.
//!
//! What explains more comes first: a host that nothing reaches is not blamed on each of its VLANs, nor
//! a tunnel on what carries it.

mod sizes;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use model::{Encapsulation, Finding, FindingKind, PhysicalNetworkId, ProbePath, VlanId};

use super::lanes::Weight;
use super::trial::{HostNumber, Pair, Verdict};
pub(super) use words::{Cast, Player};
use words::{listed, pairs_text, vlans_text};

/// What is wrong, given what each way that was tried says.
pub(super) fn diagnose(cast: &Cast, verdicts: &[Verdict]) -> Vec<Finding> {
    let mut by_network = BTreeMap::<PhysicalNetworkId, Vec<&Verdict>>::new();
    for verdict in verdicts.iter().filter(|it| it.present.len() > 1) {
        let network = verdict.lane.lane.physical_network_id;
        by_network.entry(network).or_default().push(verdict);
    }
    let mut findings = Vec::new();
    for (network, verdicts) in by_network {
        let mut case = Case {
            cast,
            network,
            verdicts,
            cut: BTreeSet::new(),
            findings: Vec::new(),
        };
        case.work_out();
        findings.append(&mut case.findings);
    }
    findings.sort();
    findings.dedup();
    findings
}

/// One physical network.
struct Case<'a> {
    cast: &'a Cast,
    network: PhysicalNetworkId,
    verdicts: Vec<&'a Verdict>,
    /// Hosts that nothing of it reaches.
    cut: BTreeSet<HostNumber>,
    findings: Vec<Finding>,
}

impl<'a> Case<'a> {
    fn work_out(&mut self) {
        self.cut_off();
        if self.verdicts.iter().all(|it| it.is_dead_but_for(&self.cut)) {
            self.dead();
        } else {
            self.vlans();
            self.untagged();
            self.tunnels();
        }
        sizes::judge(self);
        self.mixed();
    }

    fn find(&mut self, kind: FindingKind, hosts: &[HostNumber], message: String) {
        self.findings.push(Finding {
            kind,
            message,
            host_ids: hosts.iter().map(|host| self.cast.id(*host)).collect(),
        });
    }

    fn carrier(&self) -> &'a str {
        self.cast.network(self.network)
    }

    fn host(&self, number: HostNumber) -> String {
        self.cast.host_with_nic(number, self.network)
    }

    /// Ways without a tunnel that do pass between some hosts, if any do.
    fn plain(&self) -> impl Iterator<Item = &'a Verdict> {
        let verdicts = self.verdicts.iter().copied();
        verdicts.filter(|it| !matches!(it.lane.lane.path, ProbePath::Tunnel { .. }))
    }

    /// Whoever is silent in every way that others speak in. One way alone does not tell a lost VLAN
    /// from a lost host.
    fn cut_off(&mut self) {
        let none = BTreeSet::new();
        let alive: Vec<_> = self
            .plain()
            .filter(|it| !it.is_dead_but_for(&none))
            .collect();
        if alive.len() < 2 {
            return;
        }
        let hosts: BTreeSet<HostNumber> =
            alive.iter().flat_map(|it| &it.present).copied().collect();
        let cut = |host: &HostNumber| {
            let mut ways = alive.iter().filter(|it| it.present.contains(host));
            ways.all(|it| it.silent.contains(host))
        };
        self.cut = hosts.into_iter().filter(cut).collect();
        for host in self.cut.clone() {
            let (carrier, host_text) = (self.carrier(), self.host(host));
            let message = format!(
                "{host_text} is cut off on physical network {carrier}: no VLAN, no size passes"
            );
            self.find(FindingKind::CutOff, &[host], message);
        }
    }

    /// Nothing passes between any of those that are left.
    fn dead(&mut self) {
        let needed = self
            .verdicts
            .iter()
            .filter(|it| it.lane.weight == Weight::Needed);
        let present = needed.flat_map(|it| &it.present).copied();
        let left: BTreeSet<HostNumber> = present.filter(|it| !self.cut.contains(it)).collect();
        let left: Vec<HostNumber> = left.into_iter().collect();
        if left.len() < 2 {
            return;
        }
        let carrier = self.carrier();
        let message = match left[..] {
            [a, b] => format!(
                "{} and {} do not reach each other on physical network {carrier}: no VLAN, no size \
                 passes",
                self.host(a),
                self.host(b)
            ),
            _ => format!("no host reaches another on physical network {carrier}: no VLAN, no size"),
        };
        self.find(FindingKind::CutOff, &left, message);
    }

    /// VLANs with the same complaint are told of together.
    fn vlans(&mut self) {
        let mut complaints = BTreeMap::<Complaint, Vec<VlanId>>::new();
        for verdict in self.plain() {
            let ProbePath::Vlan { vlan } = verdict.lane.lane.path else {
                continue;
            };
            for complaint in complaints_of(verdict, &self.cut) {
                complaints.entry(complaint).or_default().push(vlan);
            }
        }
        for (complaint, vlans) in complaints {
            let what = vlans_text(&vlans);
            let (hosts, message) = self.vlan_message(&complaint, &what, vlans.len());
            self.find(FindingKind::Vlan, &hosts, message);
        }
    }

    fn vlan_message(
        &self,
        complaint: &Complaint,
        what: &str,
        count: usize,
    ) -> (Vec<HostNumber>, String) {
        let (does, passes, it) = match count {
            1 => ("does", "passes", "it"),
            _ => ("do", "pass", "them"),
        };
        let carrier = self.carrier();
        match complaint {
            Complaint::Dead(hosts) => {
                let between = match hosts[..] {
                    [a, b] => format!(
                        "{what} {does} not pass between {} and {}",
                        self.host(a),
                        self.host(b)
                    ),
                    _ => format!("{what} {passes} between no hosts"),
                };
                let message =
                    format!("{between} on physical network {carrier}: the switches lack {it}");
                (hosts.clone(), message)
            }
            Complaint::Silent(host) => {
                let host_text = self.host(*host);
                let message =
                    format!("{what} {does} not reach {host_text}: the switch port lacks {it}");
                (vec![*host], message)
            }
            Complaint::Mute(host) => {
                let host_text = self.host(*host);
                (
                    vec![*host],
                    format!("what {host_text} sends in {what} arrives nowhere"),
                )
            }
            Complaint::Deaf(host) => {
                let host_text = self.host(*host);
                (
                    vec![*host],
                    format!("nothing that is sent in {what} arrives at {host_text}"),
                )
            }
            Complaint::Lost(pairs) => {
                let message = format!("{what} {does} not pass {}", pairs_text(self.cast, pairs));
                (
                    ends(pairs),
                    format!("{message} on physical network {carrier}"),
                )
            }
        }
    }

    fn untagged(&mut self) {
        let untagged = self.plain().find(|it| {
            it.lane.lane.path == ProbePath::Untagged && it.lane.weight == Weight::Needed
        });
        let Some(untagged) = untagged else {
            return;
        };
        let carrier = self.carrier();
        for complaint in complaints_of(untagged, &self.cut) {
            let (hosts, how) = self.how(&complaint);
            let message = format!(
                "packets without a tag {how} on physical network {carrier}: tunnels and flat networks \
                 need them"
            );
            self.find(FindingKind::Untagged, &hosts, message);
        }
    }

    /// Only what the way below does not explain.
    fn tunnels(&mut self) {
        let below = self
            .plain()
            .find(|it| it.lane.lane.path == ProbePath::Untagged);
        let verdicts = self.verdicts.clone();
        for verdict in verdicts {
            let ProbePath::Tunnel { encapsulation } = verdict.lane.lane.path else {
                continue;
            };
            let explained = below.map_or_else(BTreeSet::new, |below| {
                let ways = [&below.silent, &below.mute, &below.deaf];
                ways.into_iter().flatten().copied().collect()
            });
            let explained: BTreeSet<_> = explained.union(&self.cut).copied().collect();
            if below.is_some_and(|below| below.is_dead_but_for(&self.cut)) {
                continue;
            }
            for complaint in complaints_of(verdict, &explained) {
                let (hosts, how) = self.how(&complaint);
                let port = udp_port(encapsulation);
                let message = format!(
                    "{encapsulation} packets {how}, though packets without a tunnel do: is UDP port \
                     {port} filtered?"
                );
                self.find(FindingKind::Tunnel, &hosts, message);
            }
        }
    }

    /// What does not come about, for packets.
    fn how(&self, complaint: &Complaint) -> (Vec<HostNumber>, String) {
        match complaint {
            Complaint::Dead(hosts) => match hosts[..] {
                [a, b] => {
                    let text = format!("do not pass between {} and {}", self.host(a), self.host(b));
                    (hosts.clone(), text)
                }
                _ => (hosts.clone(), "pass between no hosts".to_owned()),
            },
            Complaint::Silent(host) => (vec![*host], format!("do not reach {}", self.host(*host))),
            Complaint::Mute(host) => {
                let text = format!("that {} sends do not arrive anywhere", self.host(*host));
                (vec![*host], text)
            }
            Complaint::Deaf(host) => (
                vec![*host],
                format!("do not arrive at {}", self.host(*host)),
            ),
            Complaint::Lost(pairs) => {
                let text = format!("do not pass {}", pairs_text(self.cast, pairs));
                (ends(pairs), text)
            }
        }
    }

    fn mixed(&mut self) {
        let verdicts = self.verdicts.clone();
        for verdict in verdicts {
            for ((from, to), vlan) in &verdict.mixed {
                let (sent, carrier) = (verdict.lane.lane.path, self.carrier());
                let [from_text, to_text] = [*from, *to].map(|it| self.cast.name(it).to_owned());
                let sent = match sent {
                    ProbePath::Untagged => "without a tag".to_owned(),
                    other => format!("in {other}"),
                };
                let message = format!(
                    "what {from_text} sends {sent} arrives at {to_text} in VLAN {vlan} on physical \
                     network {carrier}"
                );
                self.find(FindingKind::Mixed, &[*from, *to], message);
            }
        }
    }
}

/// What does not pass in one way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Complaint {
    Dead(Vec<HostNumber>),
    Silent(HostNumber),
    Mute(HostNumber),
    Deaf(HostNumber),
    Lost(Vec<Pair>),
}

/// What does not pass between hosts other than these.
fn complaints_of(verdict: &Verdict, explained: &BTreeSet<HostNumber>) -> Vec<Complaint> {
    let left = |hosts: &BTreeSet<HostNumber>| -> Vec<HostNumber> {
        hosts.difference(explained).copied().collect()
    };
    let present = left(&verdict.present);
    if verdict.is_dead_but_for(explained) {
        let several = present.len() > 1;
        return several
            .then_some(Complaint::Dead(present))
            .into_iter()
            .collect();
    }
    if let [a, b] = present[..] {
        // Of two hosts, one that is not heard is another that does not hear.
        let ways = [(a, b), (b, a)].into_iter();
        let lost: Vec<Pair> = ways.filter(|pair| verdict.loses(*pair)).collect();
        return (!lost.is_empty())
            .then_some(Complaint::Lost(lost))
            .into_iter()
            .collect();
    }
    let silent = left(&verdict.silent).into_iter().map(Complaint::Silent);
    let mute = left(&verdict.mute).into_iter().map(Complaint::Mute);
    let deaf = left(&verdict.deaf).into_iter().map(Complaint::Deaf);
    let lost = verdict.lost.iter().copied();
    let lost: Vec<Pair> = lost
        .filter(|(from, to)| !explained.contains(from) && !explained.contains(to))
        .collect();
    let lost = (!lost.is_empty()).then_some(Complaint::Lost(lost));
    silent.chain(mute).chain(deaf).chain(lost).collect()
}

fn ends(pairs: &[Pair]) -> Vec<HostNumber> {
    let hosts: BTreeSet<HostNumber> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    hosts.into_iter().collect()
}

const fn udp_port(encapsulation: Encapsulation) -> u16 {
    match encapsulation {
        Encapsulation::Vxlan => 4789,
        Encapsulation::Geneve => 6081,
    }
}

/// The findings about hosts that took no part.
pub(super) fn absent(cast: &Cast, silent: &[(HostNumber, &str)]) -> Vec<Finding> {
    let finding = |(host, reason): &(HostNumber, &str)| Finding {
        kind: FindingKind::NotConnected,
        message: format!("host {} took no part: {reason}", cast.name(*host)),
        host_ids: vec![cast.id(*host)],
    };
    silent.iter().map(finding).collect()
}

/// A host that cannot try a physical network.
pub(super) fn hindered(
    cast: &Cast,
    host: HostNumber,
    network: PhysicalNetworkId,
    reason: &str,
) -> Finding {
    let carrier = cast.network(network);
    Finding {
        kind: FindingKind::CannotProbe,
        message: format!(
            "host {} cannot try physical network {carrier}: {reason}",
            cast.name(host)
        ),
        host_ids: vec![cast.id(host)],
    }
}
