//! Hosts: known from the first time that their certificate is seen.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, Problem};
use model::{Host, HostId, Name, PortId, Timestamp};

use super::{endpoint, port};
use crate::intent::Intent;
use crate::object::{Noun, Object, ScopedName, Write};
use crate::writer::Draft;

/// A host that was never here before.
pub(super) fn register(intent: &Intent, id: HostId, name: Name) -> Outcome<Draft<()>> {
    let mut writes = Vec::new();
    let scoped = ScopedName {
        tenant: None,
        noun: Noun::Host,
        name,
    };
    let known = intent.hosts.get(&id);
    if known.is_some_and(|host| host.name != scoped.name) {
        let detail = format!("the host {id} has another name than {}", scoped.name);
        return Err(Problem::new(Code::Forbidden, detail));
    }
    if let Some(owner) = intent.named(&scoped).filter(|owner| *owner != id.uuid()) {
        let detail = format!("the name {} belongs to the host {owner}", scoped.name);
        return Err(Problem::new(Code::Forbidden, detail));
    }
    match known {
        None => writes.push(Write::Put(Object::Host(Arc::new(Host {
            id,
            name: scoped.name,
            endpoint: endpoint::lowest_free(intent),
            uplinks: Vec::new(),
            created_at: Timestamp::now(),
        })))),
        // None was left when it came first; perhaps one is now.
        Some(host) if host.endpoint.is_none() => {
            let free = endpoint::lowest_free(intent);
            writes.extend(free.map(|free| endpoint::with(host, Some(free))));
        }
        Some(_) => {}
    }
    Ok(Draft { writes, answer: () })
}

/// Binds ports to the host where their interfaces appeared. What is gone meanwhile is left out.
pub(super) fn bind(intent: &Intent, host: HostId, ports: &[PortId]) -> Outcome<Draft<()>> {
    let ports = ports.iter().filter_map(|id| intent.ports.get(id));
    let with_sub_ports = ports.flat_map(|port| port::bound(intent, port, Some(host)));
    Ok(Draft {
        writes: with_sub_ports.collect(),
        answer: (),
    })
}
