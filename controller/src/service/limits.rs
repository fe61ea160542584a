//! What is asked of limits beyond what each of them may be.

use std::collections::BTreeMap;

use api::problem::FieldCode;
use model::{BitRate, HostId, Limits, Nic, NicUse};

use super::faults::Faults;
use crate::fleet::Observed;
use crate::intent::Intent;

/// Limits that are asked for, and what there is beside them.
pub(super) struct Limited {
    asked: Limits,
    before: Limits,
    default: Limits,
}

impl Limited {
    /// Of something new.
    pub(super) fn new(asked: Limits) -> Self {
        Self {
            asked,
            before: Limits::default(),
            default: Limits::default(),
        }
    }

    /// These were there before, and were right then.
    pub(super) fn before(self, before: Limits) -> Self {
        Self { before, ..self }
    }

    /// Where nothing is asked, these hold.
    pub(super) fn over(self, default: Limits) -> Self {
        Self { default, ..self }
    }
}

/// A burst without a rate says nothing, and a rate beyond every link is none: both were meant otherwise.
pub(super) fn check(intent: &Intent, limited: &Limited, observed: &Observed, faults: &mut Faults) {
    let Limited {
        asked,
        before,
        default,
    } = limited;
    if asked.burst_milliseconds.is_some() && !asked.or(*default).has_rates() {
        let message = "there is no rate that could be exceeded; limit one with it, or leave it out";
        faults.add("burst_milliseconds", FieldCode::Inconsistent, message);
    }
    let rates = [
        ("rate_out", asked.rate_out, before.rate_out),
        ("rate_in", asked.rate_in, before.rate_in),
    ];
    let asked = rates.into_iter().filter(|(_, rate, before)| rate != before);
    let mut asked = asked
        .filter_map(|(field, rate, _)| Some((field, rate?)))
        .peekable();
    // Of all hosts, so only when it is asked for.
    let fastest = asked.peek().and_then(|_| fastest(observed));
    for (field, rate) in asked {
        let beyond = fastest
            .as_ref()
            .filter(|it| it.megabits * 1_000_000 < rate.bits());
        if let Some(fastest) = beyond {
            faults.add(field, FieldCode::OutOfRange, fastest.message(intent, rate));
        }
    }
}

/// The uplink that carries most of all in the pool.
struct Fastest {
    megabits: u64,
    host: HostId,
    name: String,
}

impl Fastest {
    fn message(&self, intent: &Intent, got: BitRate) -> String {
        let Self { megabits, name, .. } = self;
        let host = intent.hosts.get(&self.host);
        let host = host.map_or_else(|| self.host.to_string(), |it| it.name.to_string());
        format!(
            "got {got}; expected at most {megabits}M, which is what the fastest uplink of the pool \
             carries, {name} of {host}"
        )
    }
}

/// Nothing is known as long as there is an uplink whose speed nobody knows.
fn fastest(observed: &Observed) -> Option<Fastest> {
    let mut fastest: Option<Fastest> = None;
    for (host, seen) in observed.hosts() {
        for (name, megabits) in uplinks(&seen.nics)? {
            if fastest.as_ref().is_none_or(|it| it.megabits < megabits) {
                let (host, name) = (*host, name.to_owned());
                fastest = Some(Fastest {
                    megabits,
                    host,
                    name,
                });
            }
        }
    }
    fastest
}

/// What each uplink of a host carries, in Mbit/s: a bond as much as its NICs together. One that has
/// nothing at its other end does not count.
fn uplinks(nics: &[Nic]) -> Option<BTreeMap<&str, u64>> {
    let mut uplinks = BTreeMap::new();
    for nic in nics.iter().filter(|it| it.carrier) {
        let Some(NicUse::PhysicalNetworks { bond, .. }) = &nic.used_by else {
            continue;
        };
        let name = bond.as_deref().unwrap_or(nic.name.as_str());
        *uplinks.entry(name).or_default() += u64::from(nic.speed_mbps?);
    }
    Some(uplinks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nic(name: &str, speed_mbps: Option<u32>, bond: Option<&str>) -> Nic {
        Nic {
            name: name.parse().unwrap(),
            mac: model::MacAddr::local(1),
            carrier: true,
            speed_mbps,
            mtu: 1500,
            driver: None,
            addresses: Vec::new(),
            default_route: false,
            used_by: Some(NicUse::PhysicalNetworks {
                names: Vec::new(),
                bond: bond.map(str::to_owned),
            }),
        }
    }

    #[test]
    fn a_bond_carries_what_its_nics_do_and_an_unknown_speed_is_no_bound() {
        let mut nics = vec![
            nic("eth0", Some(1_000), None),
            nic("eth1", Some(10_000), Some("bond0")),
            nic("eth2", Some(10_000), Some("bond0")),
            Nic {
                used_by: None,
                ..nic("eth3", Some(100_000), None)
            },
            Nic {
                carrier: false,
                ..nic("eth4", None, None)
            },
        ];
        let known = uplinks(&nics);
        assert_eq!(known, Some([("bond0", 20_000), ("eth0", 1_000)].into()));
        nics.push(nic("eth5", None, None));
        assert_eq!(uplinks(&nics), None);
    }
}
