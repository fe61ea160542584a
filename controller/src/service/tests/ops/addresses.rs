//! The same, of addresses.

use api::backend::Outcome;
use api::request::{AddressesUpdate, AllowedUpdate, PortUpdate, ReservationCreate, SubnetUpdate};
use model::MacAddr;

use super::{Op, id};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Noun, Write};
use crate::service::{port, reservation, subnet};

pub(super) fn decide(intent: &Intent, op: Op) -> Outcome<Vec<Write>> {
    let address = |last: u8| std::net::IpAddr::from([10, 0, 0, last]);
    match op {
        Op::SubnetUpdate {
            subnet,
            gateway,
            last,
        } => {
            let request = SubnetUpdate {
                gateway: gateway.map(address),
                pools: last
                    .map(|last| vec![format!("10.0.0.1-10.0.0.{}", last + 1).parse().unwrap()]),
                ..SubnetUpdate::default()
            };
            let subnet = id(intent, Noun::Subnet, subnet);
            subnet::update(intent, subnet, request).map(|draft| draft.writes)
        }
        Op::Reservation {
            network,
            first,
            count,
        } => {
            let range = format!("10.0.0.{first}-10.0.0.{}", first + count);
            let request = ReservationCreate {
                network_id: id(intent, Noun::Network, network),
                name: None,
                addresses: range.parse().unwrap(),
            };
            reservation::create(intent, request).map(|draft| draft.writes)
        }
        Op::PortUpdate {
            port,
            last,
            allowed,
            mac,
            group,
        } => {
            let pair = |(last, length)| model::AddressPair {
                prefix: ipnet::IpNet::new(address(last), length).unwrap().trunc(),
                mac: mac.map(|it| MacAddr::local(it.into())),
            };
            let request = PortUpdate {
                addresses: AddressesUpdate {
                    whole: last.map(|last| vec![address(last)]),
                    ..AddressesUpdate::default()
                },
                allowed: AllowedUpdate {
                    whole: Some(allowed.into_iter().map(pair).collect()),
                    ..AllowedUpdate::default()
                },
                spoof_guard: None,
                limits: api::request::LimitsUpdate::default(),
                security_group_ids: group.map(|it| vec![id(intent, Noun::SecurityGroup, it)]),
            };
            let port = id(intent, Noun::Port, port);
            port::update(intent, port, request, &Observed::default()).map(|draft| draft.writes)
        }
        _ => Ok(Vec::new()),
    }
}
