//! Operations on routers.

use api::backend::Outcome;
use api::request::{NetworksUpdate, RouterCreate, RouterUpdate, RoutesUpdate};

use super::{Op, id, name};
use crate::intent::Intent;
use crate::object::{Noun, Write};
use crate::service::router;

pub(super) fn decide(intent: &Intent, op: Op) -> Outcome<Vec<Write>> {
    let network = |it: &u8| id(intent, Noun::Network, *it);
    match op {
        Op::Router {
            tenant,
            name: it,
            networks,
        } => {
            let request = RouterCreate {
                tenant_id: id(intent, Noun::Tenant, tenant),
                name: name("r", it),
                network_ids: networks.iter().map(network).collect(),
            };
            router::create(intent, request).map(|draft| draft.writes)
        }
        Op::RouterUpdate {
            router,
            join,
            leave,
            via,
        } => {
            let route = |it: u8| format!("10.{it}.0.0/16 via 10.0.0.{it}").parse().unwrap();
            let request = RouterUpdate {
                networks: NetworksUpdate {
                    whole: None,
                    add: join.iter().map(network).collect(),
                    remove: leave.iter().map(network).collect(),
                },
                routes: RoutesUpdate {
                    add: via.into_iter().map(route).collect(),
                    ..RoutesUpdate::default()
                },
            };
            let router = id(intent, Noun::Router, router);
            router::update(intent, router, request).map(|draft| draft.writes)
        }
        _ => Ok(Vec::new()),
    }
}
