//! Where a VIF would work: what a scheduler asks before it chooses a host. Pure.
//!
//! A host fits when its agent is connected, what carries the network is plugged in there, the newest check of
//! the fabric that tried the network's way found nothing wrong with the host on it, and what ports on the same
//! NICs are limited to leaves room. Ports without limits are promised nothing, and take no room.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, FieldError, Problem};
use api::request::Placement;

use model::{
    BitRate, FabricCheck, FabricState, FindingKind, Host, Network, PhysicalNetwork, ProbePath,
    Segment, Uplink,
};

use super::layout::uplink_on;
use crate::fleet::{Observed, SeenHost};
use crate::intent::Intent;

/// The hosts that fit, by id.
pub(super) fn fitting<'a>(
    intent: &'a Intent,
    observed: &Observed,
    checks: &[Arc<FabricCheck>],
    placement: Placement,
) -> Outcome<Vec<&'a Host>> {
    let network = intent.networks.get(&placement.network_id);
    let network = network.ok_or_else(|| unknown(placement))?;
    let carrier = intent
        .physical_networks
        .get(&network.segment.physical_network_id());
    let Some(carrier) = carrier else {
        return Ok(Vec::new());
    };
    // Where there is one host, there is nothing to be checked.
    let is_alone = intent.hosts.len() < 2;
    let hosts = intent.hosts.values().map(|host| &**host);
    let fits = |host: &&Host| {
        let seen = observed.host(host.id);
        let seen = seen.filter(|seen| seen.status.connected);
        seen.is_some_and(|seen| {
            let uplink = uplink_on(host, carrier);
            carries(host, network, seen, uplink)
                && (is_alone || has_passed(host, (carrier, network), checks))
                && has_room(intent, host, (seen, uplink), placement.bandwidth)
        })
    };
    Ok(hosts.filter(fits).collect())
}

/// Whether a host carries a network: its VIFs would work there.
pub(super) fn reaches(intent: &Intent, host: &Host, network: &Network, seen: &SeenHost) -> bool {
    let carrier = network.segment.physical_network_id();
    let carrier = intent.physical_networks.get(&carrier);
    carrier.is_some_and(|carrier| carries(host, network, seen, uplink_on(host, carrier)))
}

fn unknown(placement: Placement) -> Problem {
    let message = format!(
        "there is no network {}; expected the id of one there is",
        placement.network_id
    );
    let error = FieldError::new("fits", FieldCode::UnknownReference, message);
    Problem {
        status: Code::InvalidParameter.status(),
        code: Code::InvalidParameter,
        ..Problem::invalid(vec![error])
    }
}

/// A NIC that carries the network is there, with something at the other end of its cable; an overlay has an
/// endpoint besides.
fn carries(host: &Host, network: &Network, seen: &SeenHost, uplink: &Uplink) -> bool {
    let is_reached = network.segment.tunnel().is_none() || host.endpoint.is_some();
    let mut nics = seen.nics.iter();
    is_reached && nics.any(|nic| nic.carrier && uplink.nics().contains(&nic.name))
}

fn has_passed(
    host: &Host,
    (carrier, network): (&PhysicalNetwork, &Network),
    checks: &[Arc<FabricCheck>],
) -> bool {
    let path = match network.segment {
        Segment::Flat { .. } => ProbePath::Untagged,
        Segment::Vlan { vlan, .. } => ProbePath::Vlan { vlan },
        _ => match network.segment.tunnel() {
            Some((encapsulation, _)) => ProbePath::Tunnel { encapsulation },
            None => return false,
        },
    };
    let tried = |check: &&Arc<FabricCheck>| {
        let concerns = check.scope.host_id.is_none_or(|it| it == host.id);
        let mut paths = check.paths.iter();
        check.state == FabricState::Done
            && check.created_at >= host.created_at
            && concerns
            && paths.any(|it| it.physical_network_id == carrier.id && it.path == path)
    };
    let newest = checks.iter().rev().find(tried);
    newest.is_some_and(|check| {
        let mut named = check.findings.iter();
        let named = named.any(|it| it.host_ids.contains(&host.id));
        let absent = |kind| matches!(kind, FindingKind::NotConnected | FindingKind::CannotProbe);
        let mut findings = check.findings.iter();
        let is_absent = findings.any(|it| absent(it.kind) && it.host_ids.contains(&host.id));
        let mut losses = check.losses.iter();
        let has_lost = losses.any(|it| {
            let concerns = it.from == host.id || it.to == host.id;
            concerns && it.physical_network_id == carrier.id && it.path == path
        });
        // Others lose what is for a host that is cut off; the words name the one that is at fault.
        let at_fault = named && has_lost;
        !is_absent && !at_fault
    })
}

/// What is promised on the same NICs already, and this besides, is no more than they carry. Where nobody
/// knows their speed, nobody can say that it is.
fn has_room(
    intent: &Intent,
    host: &Host,
    (seen, uplink): (&SeenHost, &Uplink),
    bandwidth: Option<BitRate>,
) -> bool {
    let Some(bandwidth) = bandwidth else {
        return true;
    };
    let nics = seen.nics.iter();
    let own = nics.filter(|it| it.carrier && uplink.nics().contains(&it.name));
    let speeds: Option<Vec<u64>> = own.map(|it| it.speed_mbps.map(u64::from)).collect();
    let Some(speeds) = speeds else {
        return true;
    };
    let carried = speeds.iter().sum::<u64>().saturating_mul(1_000_000);
    let (mut sent, mut received) = (0_u64, 0_u64);
    for port in intent.ports_on(host.id) {
        let Some(network) = intent.networks.get(&port.network_id) else {
            continue;
        };
        let beside = intent
            .physical_networks
            .get(&network.segment.physical_network_id());
        let shares = beside.is_some_and(|it| {
            let mut others = uplink_on(host, it).nics().iter();
            others.any(|nic| uplink.nics().contains(nic))
        });
        if shares {
            let limits = port.limits.or(network.limits);
            sent = sent.saturating_add(limits.rate_out.map_or(0, BitRate::bits));
            received = received.saturating_add(limits.rate_in.map_or(0, BitRate::bits));
        }
    }
    sent.max(received).saturating_add(bandwidth.bits()) <= carried
}
