//! Address pairs: what a port may send from besides its own addresses, and never may.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use api::problem::FieldCode;
use ipnet::IpNet;
use model::{AddressPair, AddressRange, MacAddr, Network, Port, PortId};

use super::faults::Faults;
use super::sharing;
use super::subnet::RESERVED;
use crate::intent::Intent;

/// The port that pairs are for, as it is going to be.
pub(super) struct Holder<'a> {
    pub(super) network: &'a Network,
    /// Its id, if it is there already.
    pub(super) id: Option<PortId>,
    /// Its Ethernet address, if it is known.
    pub(super) mac: Option<MacAddr>,
    pub(super) addresses: &'a [IpAddr],
}

/// Notes every fault of a port's pairs, each under the field's name and its place.
pub(super) fn check(
    intent: &Intent,
    holder: &Holder<'_>,
    (field, pairs): (&str, &[AddressPair]),
    faults: &mut Faults,
) {
    if pairs.len() > Port::ALLOWED_MAX {
        let (got, most) = (pairs.len(), Port::ALLOWED_MAX);
        let message = format!("got {got} pairs; expected at most {most}");
        faults.add(field, FieldCode::OutOfRange, message);
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, pair) in pairs.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !seen.insert(pair) {
            let message = format!("{pair} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
            continue;
        }
        let mac = pair
            .mac
            .map_or(Ok(()), |mac| check_mac(intent, holder, mac));
        for (code, message) in [mac, check_prefix(intent, holder, pair)]
            .into_iter()
            .filter_map(Result::err)
        {
            faults.add(&field, code, format!("got {pair}; {message}"));
        }
    }
}

type Fault = (FieldCode, String);

fn check_mac(intent: &Intent, holder: &Holder<'_>, mac: MacAddr) -> Result<(), Fault> {
    if sharing::is_gateway(holder.network, mac) {
        let message = format!("{mac} is kept for the network's gateway; choose another");
        return Err((FieldCode::Inconsistent, message));
    }
    if mac.is_a_routers() || mac.is_public() {
        let message = format!("{mac} is one that hosts route with; choose another");
        return Err((FieldCode::Inconsistent, message));
    }
    if holder.mac == Some(mac) {
        let message = format!("{mac} is the port's own; leave it out of the pair");
        return Err((FieldCode::Inconsistent, message));
    }
    match intent.port_with_mac(holder.network.id, mac) {
        Some(owner) => {
            let message = format!("the port {owner} of this network has {mac}; choose another");
            Err((FieldCode::Duplicate, message))
        }
        None => Ok(()),
    }
}

fn check_prefix(intent: &Intent, holder: &Holder<'_>, pair: &AddressPair) -> Result<(), Fault> {
    let (network, prefix) = (holder.network.id, pair.prefix);
    check_kind(prefix)?;
    let gateways = intent.subnets_of(network).map(|subnet| subnet.gateway);
    if let Some(gateway) = gateways.into_iter().find(|it| prefix.contains(it)) {
        let message = format!(
            "{prefix} holds the gateway's address {gateway}, which no port may send from; \
             choose a prefix without it"
        );
        return Err((FieldCode::Inconsistent, message));
    }
    let mut others = intent.addresses_in(network, AddressRange::of_prefix(prefix));
    if let Some((address, owner)) = others.find(|(_, owner)| Some(*owner) != holder.id) {
        let message = format!(
            "{prefix} holds {address} of the port {owner}, which only that port may send from; \
             choose a prefix without it"
        );
        return Err((FieldCode::Duplicate, message));
    }
    let whole = AddressRange::of_prefix(prefix);
    if let Some((address, borrower)) = intent.lent_in(network, whole).next() {
        let message = format!(
            "{prefix} holds {address} of {borrower}, which no port may send from; choose a prefix \
             without it"
        );
        return Err((FieldCode::Duplicate, message));
    }
    let is_own = |address: &IpAddr| IpNet::from(*address) == prefix;
    if pair.mac.is_none() && holder.addresses.iter().any(is_own) {
        let message = format!("{prefix} is an address of the port itself; leave it out");
        return Err((FieldCode::Inconsistent, message));
    }
    Ok(())
}

/// Addresses that nobody can send from are refused, and so are prefixes that hold any of them.
fn check_kind(prefix: IpNet) -> Result<(), Fault> {
    if is_virtual_link_local(prefix) {
        return Ok(());
    }
    let reserved = RESERVED.iter().find(|(reserved, _)| {
        let reserved: Option<IpNet> = reserved.parse().ok();
        reserved.is_none_or(|it| it.contains(&prefix) || prefix.contains(&it))
    });
    match reserved {
        Some((reserved, why)) => {
            let message = format!(
                "{prefix} overlaps {reserved}, which is {why}; expected unicast addresses, or one \
                 link-local address that follows from no Ethernet address"
            );
            Err((FieldCode::OutOfRange, message))
        }
        None => Ok(()),
    }
}

/// A virtual router has a link-local address (RFC 9568 §8.2.2). One that follows from an Ethernet
/// address (RFC 4291 appendix A) is that of the port which has it.
fn is_virtual_link_local(prefix: IpNet) -> bool {
    let IpNet::V6(prefix) = prefix else {
        return false;
    };
    let octets = Ipv6Addr::octets(&prefix.addr());
    prefix.prefix_len() == 128
        && octets[..8] == [0xfe, 0x80, 0, 0, 0, 0, 0, 0]
        && octets[11..13] != [0xff, 0xfe]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_one_link_local_address_that_is_nobodys_own_may_be_shared() {
        let kind = |text: &str| check_kind(text.parse().unwrap()).is_ok();
        assert!(kind("fe80::50/128"));
        assert!(!kind("fe80::f816:3eff:fe00:1/128"));
        assert!(!kind("fe80::/64"));
        assert!(!kind("fe80:0:0:1::1/128"));
        assert!(kind("10.0.0.50/32"));
        assert!(kind("10.0.0.0/16"));
        assert!(kind("2001:db8::/32"));
        for none in [
            "0.0.0.0/0",
            "::/0",
            "224.0.0.18/32",
            "127.0.0.1/32",
            "ff02::1/128",
        ] {
            assert!(!kind(none), "{none}");
        }
    }
}
