//! Addresses of ports that are gone, while whoever had one may still use it.
//!
//! A port is gone from the intent at once, and from its host's switch when the host has carried that out. Until
//! it says so its instance goes on as it was, for as long as the host is out of reach. Its addresses are kept
//! until then, and as long as the host sees its interface: in the store, so that a restart forgets none.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, Problem};
use model::plan::Generation;
use model::{AddressRange, Id, NetworkId, Port, Quarantine, Reservation, ReservationId, Timestamp};

use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

/// Keeps these addresses, which the port is to have no more.
pub(super) fn of(intent: &Intent, port: &Port, addresses: &[IpAddr]) -> Vec<Write> {
    let Some(host_id) = port.host_id else {
        return Vec::new();
    };
    let quarantine = Quarantine {
        port_id: port.id,
        host_id,
        after: Generation(intent.revision),
    };
    let kept = addresses.iter().map(|address| {
        Write::Put(Object::Reservation(Arc::new(Reservation {
            id: Id::generate(),
            tenant_id: port.tenant_id,
            network_id: port.network_id,
            name: None,
            addresses: AddressRange::of_prefix((*address).into()),
            quarantine: Some(quarantine),
            created_at: Timestamp::now(),
        })))
    });
    kept.collect()
}

/// Why an address in quarantine is not to be had.
pub(super) fn message(intent: &Intent, address: IpAddr, quarantine: &Quarantine) -> String {
    let host = host_name(intent, quarantine);
    format!(
        "{address} was the port {}'s, which is gone; {host} has not said yet that nobody uses it there; \
         choose another, or wait",
        quarantine.port_id
    )
}

/// Refuses that a network goes while a host is out of reach that may still have a port on it: its VLAN or VNI
/// would be another's.
pub(super) fn require_none_out_of_reach(
    intent: &Intent,
    observed: &Observed,
    network: NetworkId,
) -> Outcome<()> {
    let of_network = intent.reservations_in(network);
    let kept = of_network.filter_map(|id| intent.reservations.get(&id)?.quarantine);
    let mut hosts: Vec<String> = kept
        .filter(|it| {
            let seen = observed.host(it.host_id);
            !seen.is_some_and(|seen| seen.status.connected)
        })
        .map(|it| host_name(intent, &it))
        .collect();
    hosts.sort();
    hosts.dedup();
    let Some((first, others)) = hosts.split_first() else {
        return Ok(());
    };
    let mut names = first.clone();
    for name in others {
        // Writing to a text cannot fail.
        let _ = write!(names, ", {name}");
    }
    let detail = format!(
        "{names} cannot be reached and may still run what was on network {network}; wait, or delete its \
         reservations if you know that nothing of it runs there"
    );
    Err(Problem::new(Code::InUse, detail))
}

fn host_name(intent: &Intent, quarantine: &Quarantine) -> String {
    let host = intent.hosts.get(&quarantine.host_id);
    host.map_or_else(|| quarantine.host_id.to_string(), |it| it.name.to_string())
}

/// The quarantines that are over.
pub(super) fn over(intent: &Intent, observed: &Observed) -> Vec<ReservationId> {
    let quarantines = intent.quarantines();
    let over = quarantines.filter(|it| it.quarantine.is_some_and(|it| is_over(observed, &it)));
    over.map(|it| it.id).collect()
}

fn is_over(observed: &Observed, quarantine: &Quarantine) -> bool {
    let seen = observed.host(quarantine.host_id);
    let has_carried_out = seen.is_some_and(|seen| {
        let realized = seen.status.realized;
        seen.status.connected && realized.is_some_and(|it| it > quarantine.after)
    });
    let mut sightings = observed.sightings(quarantine.port_id);
    has_carried_out && !sightings.any(|it| it.host == quarantine.host_id && it.live)
}

/// Ends those that are over.
pub(super) fn lift(intent: &Intent, observed: &Observed) -> Outcome<Draft<()>> {
    let over = over(intent, observed);
    let writes = over
        .into_iter()
        .map(|id| Write::Delete(Key::Reservation(id)));
    Ok(Draft {
        writes: writes.collect(),
        answer: (),
    })
}
