//! The ranges that a subnet allocates from.

use api::problem::FieldCode;
use model::{AddressRange, Subnet};

use super::faults::Faults;
use crate::intent::Intent;

/// The ranges in order, with those joined that touch; notes the fault of each that does not fit.
pub(super) fn joined(
    asked: &[AddressRange],
    hosts: &AddressRange,
    faults: &mut Faults,
) -> Vec<AddressRange> {
    for (index, pool) in asked.iter().enumerate() {
        let field = format!("pools[{index}]");
        if !hosts.contains(pool.first) || !hosts.contains(pool.last) {
            let message = format!(
                "got {pool}; expected addresses from {} to {}",
                hosts.first, hosts.last
            );
            faults.add(&field, FieldCode::OutOfRange, message);
        }
        if let Some(other) = asked[..index].iter().find(|it| it.overlaps(pool)) {
            let message = format!("{pool} overlaps {other}; give each address once");
            faults.add(&field, FieldCode::Duplicate, message);
        }
    }
    let mut sorted = asked.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<AddressRange> = Vec::new();
    for pool in sorted {
        match joined.last_mut() {
            Some(last) if last.touches(&pool) => last.last = pool.last,
            _ => joined.push(pool),
        }
    }
    joined
}

/// Notes a fault if an address that was allocated from the pools would lie in none of them.
pub(super) fn check_in_use(
    intent: &Intent,
    subnet: &Subnet,
    pools: &[AddressRange],
    faults: &mut Faults,
) {
    let stays = |address| pools.iter().any(|pool| pool.contains(address));
    let held = subnet.pools.iter();
    let mut held = held.flat_map(|pool| intent.addresses_in(subnet.network_id, *pool));
    if let Some((address, port)) = held.find(|(address, _)| !stays(*address)) {
        let message =
            format!("{address} is in use by the port {port}; expected pools that hold it");
        faults.add("pools", FieldCode::Inconsistent, message);
    }
    let held = subnet.pools.iter();
    let mut lent = held.flat_map(|pool| intent.lent_in(subnet.network_id, *pool));
    if let Some((address, borrower)) = lent.find(|(address, _)| !stays(*address)) {
        let message = format!("{borrower} has {address}; expected pools that hold it");
        faults.add("pools", FieldCode::Inconsistent, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_put_in_order_and_joined_where_they_touch() {
        let range = |text: &str| text.parse::<AddressRange>().unwrap();
        let mut faults = Faults::default();
        let asked = [
            range("10.0.0.20-10.0.0.29"),
            range("10.0.0.40"),
            range("10.0.0.10-10.0.0.19"),
        ];
        let joined = joined(&asked, &range("10.0.0.1-10.0.0.254"), &mut faults);
        assert_eq!(joined, [range("10.0.0.10-10.0.0.29"), range("10.0.0.40")]);
        assert!(faults.check().is_ok());
    }
}
