//! Reservations.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::ReservationCreate;
use ipnet::IpNet;
use model::{AddressRange, Id, Network, Reservation, ReservationId, Subnet, Timestamp};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(intent: &Intent, request: ReservationCreate) -> Outcome<Draft<Reservation>> {
    let mut faults = Faults::default();
    let network = intent.networks.get(&request.network_id);
    let network = faults.known("network_id", request.network_id, network);
    if let Some(network) = network {
        if let Some(name) = &request.name {
            faults.unique_name(intent, Some(network.tenant_id), Noun::Reservation, name);
        }
        if let Err((code, message)) = check(intent, network, request.addresses) {
            faults.add("addresses", code, message);
        }
    }
    let network = faults.require(network)?;
    let reservation = Reservation {
        id: Id::generate(),
        tenant_id: network.tenant_id,
        network_id: network.id,
        name: request.name,
        addresses: request.addresses,
        quarantine: None,
        created_at: Timestamp::now(),
    };
    let object = Object::Reservation(Arc::new(reservation.clone()));
    Ok(Draft {
        writes: vec![Write::Put(object)],
        answer: reservation,
    })
}

fn check(
    intent: &Intent,
    network: &Network,
    range: AddressRange,
) -> Result<(), (FieldCode, String)> {
    let Some(subnet) = intent.subnet_with(network.id, range.first) else {
        let message = format!(
            "{range} is in no subnet of network {}; make one that holds it first",
            network.id
        );
        return Err((FieldCode::Inconsistent, message));
    };
    if !subnet.cidr.contains(&range.last) {
        let message = format!("{range} goes beyond the subnet {}", subnet.cidr);
        return Err((FieldCode::Inconsistent, message));
    }
    if let Some(id) = intent.reservation_of(network.id, range) {
        let message = format!("{range} overlaps the reservation {id}; choose others");
        return Err((FieldCode::Duplicate, message));
    }
    if let Some((address, borrower)) = intent.lent_in(network.id, range).next() {
        let message = format!("{borrower} has {address}; choose others");
        return Err((FieldCode::Duplicate, message));
    }
    if let Some((address, port)) = intent.addresses_in(network.id, range).next() {
        let message = format!("{address} is in use by the port {port}; choose others");
        return Err((FieldCode::Duplicate, message));
    }
    Ok(())
}

pub(super) fn delete(intent: &Intent, id: ReservationId) -> Outcome<Draft<()>> {
    if !intent.reservations.contains_key(&id) {
        return Err(Problem::not_found("reservation", id));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::Reservation(id))],
        answer: (),
    })
}

/// What goes with a subnet.
pub(super) fn deletions(intent: &Intent, subnet: &Subnet) -> Vec<Write> {
    let of_subnet = |id: &ReservationId| {
        let held = intent.reservations.get(id);
        held.is_some_and(|it| IpNet::contains(&subnet.cidr, &it.addresses.first))
    };
    let ids = intent.reservations_in(subnet.network_id).filter(of_subnet);
    ids.map(|id| Write::Delete(Key::Reservation(id))).collect()
}
