//! Whether a topology can be: each physical network for itself, any two of them on the NICs they
//! share, and all of them with the NICs that hosts really have.
//!
//! What was there before a change may be wrong by now (a NIC was pulled); faults are looked for only
//! in what is changed.

mod nics;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use api::problem::FieldCode;
use model::{Encapsulation, Host, PhysicalNetwork, PhysicalNetworkId, Role, Uplink};

use crate::fleet::Observed;

/// The MTU of a physical network may be from IPv6's least (RFC 8200 §5) to common jumbo frames.
pub(super) const MTUS: RangeInclusive<u16> = 1280..=9216;

/// What is wrong with a field of a physical network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) network: PhysicalNetworkId,
    pub(super) field: &'static str,
    pub(super) code: FieldCode,
    pub(super) message: String,
}

/// A topology as it would be after a change.
pub(super) struct Layout<'a> {
    /// Every physical network.
    pub(super) networks: Vec<&'a PhysicalNetwork>,
    /// The hosts that the change concerns.
    pub(super) hosts: Vec<&'a Host>,
    /// The physical networks that carry a tenants' network without a tag.
    pub(super) flat: &'a BTreeSet<PhysicalNetworkId>,
    /// The physical networks that the change concerns.
    pub(super) changed: BTreeSet<PhysicalNetworkId>,
    /// What hosts have said of themselves.
    pub(super) observed: &'a Observed,
}

/// A physical network and what carries it, on one host or in the pool.
type Carried<'a> = (&'a PhysicalNetwork, &'a Uplink);

impl<'a> Layout<'a> {
    /// What is wrong with what hosts have that do not differ.
    pub(super) fn faults_of_pool(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for network in self.changed() {
            check_itself(network, &mut faults);
            self.check_role(network, &mut faults);
        }
        self.check_sharing(None, &mut faults);
        faults
    }

    /// What is wrong with it on single hosts: where they differ, and with the NICs they have.
    pub(super) fn faults_of_hosts(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for host in &self.hosts {
            self.check_sharing(Some(host), &mut faults);
        }
        nics::check(self, &mut faults);
        faults
    }

    /// What is wrong with sharing NICs, in the pool and on every host.
    pub(super) fn faults_of_sharing(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.check_sharing(None, &mut faults);
        for host in &self.hosts {
            self.check_sharing(Some(host), &mut faults);
        }
        faults
    }

    /// The physical networks that are looked at.
    fn changed(&self) -> impl Iterator<Item = &'a PhysicalNetwork> {
        let all = self.networks.iter().copied();
        all.filter(|network| self.changed.contains(&network.id))
    }

    /// A host has one way to its controller, and one to its disks.
    fn check_role(&self, network: &PhysicalNetwork, faults: &mut Vec<Fault>) {
        if !matches!(network.role, Role::Management | Role::Storage) {
            return;
        }
        let mut others = self.networks.iter();
        if let Some(other) = others.find(|it| it.role == network.role && it.id != network.id) {
            let message = format!(
                "the physical network {} is for {} already; a pool has one for that",
                other.name, other.role
            );
            faults.push(fault(network, "role", FieldCode::Duplicate, message));
        }
    }

    /// Whether frames without a tag belong to it: those of the hosts themselves, of the outside, or of
    /// a tenants' network. Where only tenants' VLANs are, they are somebody else's.
    fn speaks_untagged(&self, network: &PhysicalNetwork) -> bool {
        let by_itself = network.role != Role::Private || network.endpoints.is_some();
        by_itself || self.flat.contains(&network.id)
    }

    /// Any two physical networks on one NIC, in the pool, or where a host differs from it.
    fn check_sharing(&self, host: Option<&Host>, faults: &mut Vec<Fault>) {
        let carried = |it: &'a PhysicalNetwork| match host {
            None => (it, it.uplink.clone()),
            Some(host) => (it, uplink_on(host, it).clone()),
        };
        for (network, uplink) in self.changed().map(carried) {
            if let Some(host) = host.filter(|_| uplink != network.uplink) {
                check_own_vlan((network, &uplink), host, faults);
            }
            for (other, others) in self.networks.iter().copied().map(carried) {
                let as_in_pool = uplink == network.uplink && others == other.uplink;
                if other.id == network.id || (host.is_some() && as_in_pool) {
                    continue;
                }
                let untagged = self.speaks_untagged(network) && self.speaks_untagged(other);
                let found = untagged
                    .then(|| both_untagged((network, &uplink), (other, &others)))
                    .flatten()
                    .or_else(|| conflict((network, &uplink), (other, &others)));
                if let Some((code, what)) = found {
                    let message = match host {
                        None => format!("got {uplink}; {what}"),
                        Some(host) => format!("got {uplink}; on {}, {what}", host.name),
                    };
                    faults.push(fault(network, "uplink", code, message));
                }
            }
        }
    }
}

/// Whether the VLAN by which a host differs is one that the physical network uses otherwise.
fn check_own_vlan(carried: Carried<'_>, host: &Host, faults: &mut Vec<Fault>) {
    let network = carried.0;
    if let Some(what) = of_tenants(carried, network).or_else(|| native(carried, network)) {
        let message = format!("got {}; on {}, {what}", carried.1, host.name);
        faults.push(fault(network, "uplink", FieldCode::Inconsistent, message));
    }
}

/// What carries the physical network on the host.
pub(super) fn uplink_on<'a>(host: &'a Host, network: &'a PhysicalNetwork) -> &'a Uplink {
    let mut exceptions = host.uplinks.iter();
    let own = exceptions.find(|it| it.physical_network_id == network.id);
    own.and_then(|it| it.uplink.as_ref())
        .unwrap_or(&network.uplink)
}

fn fault(
    network: &PhysicalNetwork,
    field: &'static str,
    code: FieldCode,
    message: impl Into<String>,
) -> Fault {
    Fault {
        network: network.id,
        field,
        code,
        message: message.into(),
    }
}

fn check_itself(network: &PhysicalNetwork, faults: &mut Vec<Fault>) {
    check_vlans(network, faults);
    check_mtu(network, faults);
    if network.endpoints.is_some() && network.role != Role::Private {
        let message = "expected none: only a private physical network carries overlays";
        faults.push(fault(
            network,
            "endpoints",
            FieldCode::Inconsistent,
            message,
        ));
    }
    let carried = (network, &network.uplink);
    if let Some(what) = of_tenants(carried, network).or_else(|| native(carried, network)) {
        let message = format!("got {}; {what}", network.uplink);
        faults.push(fault(network, "uplink", FieldCode::Inconsistent, message));
    }
}

fn check_vlans(network: &PhysicalNetwork, faults: &mut Vec<Fault>) {
    let mut add = |code, message: String| faults.push(fault(network, "vlans", code, message));
    match (network.role, &network.vlans) {
        (Role::Management | Role::Storage, Some(vlans)) => {
            let role = network.role;
            let message = format!("got {vlans}; expected none: {role} carries no tenant network");
            add(FieldCode::Inconsistent, message);
        }
        (Role::Private, None) if network.endpoints.is_none() => {
            let message = "is missing; expected VLAN ids for tenant networks, such as 100-199,300, \
                           or endpoints for overlays";
            add(FieldCode::Required, message.to_owned());
        }
        _ => {}
    }
}

fn check_mtu(network: &PhysicalNetwork, faults: &mut Vec<Fault>) {
    let headers = network.endpoints.map_or(0, |endpoints| {
        let kinds = Encapsulation::ALL.iter();
        let each = kinds.map(|(kind, _)| kind.overhead_bytes(endpoints.addr()));
        each.max().unwrap_or(0)
    });
    let (least, most) = (MTUS.start() + headers, *MTUS.end());
    if !(least..=most).contains(&network.mtu) {
        let why = match headers {
            0 => String::new(),
            _ => format!(": overlays take {headers} of them for their headers"),
        };
        let message = format!("got {}; expected {least} to {most}{why}", network.mtu);
        faults.push(fault(network, "mtu", FieldCode::OutOfRange, message));
    }
}

/// Why the two, of which each speaks without a tag, cannot be on the same NIC.
fn both_untagged(
    (_, uplink): Carried<'_>,
    (other, others): Carried<'_>,
) -> Option<(FieldCode, String)> {
    let carrier = uplink.carrier();
    let both = uplink.vlan().is_none() && others.vlan().is_none();
    (both && carrier == others.carrier()).then(|| {
        let message = format!(
            "{carrier} carries {} untagged; expected another NIC, or a VLAN such as \
             {carrier}/vlan20 for one of them",
            other.name
        );
        (FieldCode::Duplicate, message)
    })
}

/// Why the first cannot be carried as it is beside the second.
fn conflict(
    (network, uplink): Carried<'_>,
    (other, others): Carried<'_>,
) -> Option<(FieldCode, String)> {
    let mut nics = uplink.nics().iter();
    let nic = nics.find(|nic| others.nics().contains(nic))?;
    let carrier = uplink.carrier();
    if carrier != others.carrier() {
        let message = format!(
            "{nic} carries {} as {}; expected the same NICs for both, apart by VLANs",
            other.name,
            others.carrier()
        );
        return Some((FieldCode::Inconsistent, message));
    }
    if let Some(vlan) = uplink.vlan().filter(|vlan| others.vlan() == Some(*vlan)) {
        let message = format!("VLAN {vlan} of {carrier} carries {}", other.name);
        return Some((FieldCode::Duplicate, message));
    }
    let message = of_tenants((network, uplink), other)
        .or_else(|| of_tenants((other, others), network))
        .or_else(|| of_both(network, other))
        .or_else(|| native((network, uplink), other))?;
    Some((FieldCode::Inconsistent, message))
}

/// Why the VLAN of the first is one that tenant networks of the second could have.
fn of_tenants((network, uplink): Carried<'_>, other: &PhysicalNetwork) -> Option<String> {
    let (vlan, ranges) = (uplink.vlan()?, other.vlans.as_ref()?);
    ranges.contains(vlan).then(|| {
        format!(
            "VLAN {vlan} of {} is for {}, and among the {ranges} that {} has for tenant networks",
            uplink.carrier(),
            network.name,
            other.name
        )
    })
}

/// Why tenant networks of the two would be one on the same NIC.
fn of_both(network: &PhysicalNetwork, other: &PhysicalNetwork) -> Option<String> {
    let (ranges, others) = (network.vlans.as_ref()?, other.vlans.as_ref()?);
    let vlan = ranges.iter().find(|vlan| others.contains(*vlan))?;
    Some(format!(
        "on one NIC with {}, VLAN {vlan} would be for tenant networks of both; expected VLANs apart",
        other.name
    ))
}

/// Why the VLAN of the first is where untagged frames of the second go.
fn native((network, uplink): Carried<'_>, other: &PhysicalNetwork) -> Option<String> {
    let vlan = uplink.vlan().filter(|vlan| *vlan == other.native_vlan)?;
    Some(format!(
        "VLAN {vlan} of {} is for {}, and what the switches take untagged frames of {} to be in",
        uplink.carrier(),
        network.name,
        other.name
    ))
}
