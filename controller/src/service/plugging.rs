//! Plugging ports into guests that hypervisors run, and out of them.
//!
//! ```text
//!   attach: bind the port to the guest's host, saved -> the agent has it plugged in; if not, bind it back
//!   detach: the agent has it plugged out -> bind the port to no host, saved
//! ```
//!
//! What a guest has is kept by its hypervisor, not by us; so this is done once, and not again and again.

use std::sync::Arc;

use api::backend::{Caller, Outcome};
use api::problem::{Code, FieldCode, Problem};
use api::request::PortAttach;
use model::{GuestName, HostId, PlugChange, PlugOutcome, PlugRequest, Port, PortId};
use uuid::Uuid;

use super::faults::Faults;
use super::{Service, port};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::writer::Draft;

impl Service {
    /// Plugs a port's VIF into a guest; gives the port.
    pub(super) async fn attach(
        &self,
        caller: Caller,
        id: PortId,
        request: PortAttach,
    ) -> Outcome<Port> {
        let observed = self.fleet.observed();
        let mut before = None;
        let decide = |intent: &Intent| {
            before = intent.ports.get(&id).and_then(|port| port.host_id);
            attach(intent, id, &request, &observed)
        };
        let again = caller.clone();
        let port: Port = self.writer.change(caller, "port_attach", decide).await?;
        let network = self.intent().networks.get(&port.network_id).cloned();
        let mtu = network.map_or(1_500, |network| network.mtu);
        let change = PlugChange::Attach { mtu };
        let plugged = self.plug(request.host_id, &port, (request.guest, change));
        match plugged.await {
            Ok(()) => Ok(port),
            Err(problem) => {
                let decide = |intent: &Intent| rebind(intent, id, before);
                let _port: Port = self.writer.change(again, "port_attach", decide).await?;
                Err(problem)
            }
        }
    }

    /// Plugs a port's VIF out of the guest that has it; gives the port.
    pub(super) async fn detach(&self, caller: Caller, id: PortId) -> Outcome<Port> {
        let intent = self.intent();
        let (port, host, guest) = guest_of(&intent, id, &self.fleet.observed())?;
        self.plug(host, &port, (guest, PlugChange::Detach)).await?;
        let decide = |intent: &Intent| rebind(intent, id, None);
        self.writer.change(caller, "port_detach", decide).await
    }

    async fn plug(
        &self,
        host: HostId,
        port: &Port,
        (guest, change): (GuestName, PlugChange),
    ) -> Outcome<()> {
        let request = PlugRequest {
            id: Uuid::new_v4(),
            guest,
            port_id: port.id,
            mac: port.mac,
            change,
        };
        match self.fleet.plug(host, request).await {
            Some(PlugOutcome::Done) => Ok(()),
            Some(PlugOutcome::Refused { reason }) => {
                let detail = format!("{} says: {reason}", name_of(&self.intent(), host));
                Err(Problem::new(Code::HostRefused, detail))
            }
            None => {
                let host = name_of(&self.intent(), host);
                let detail = format!("the agent of {host} does not answer; try again in a moment");
                Err(Problem::new(Code::Busy, detail))
            }
        }
    }
}

fn name_of(intent: &Intent, host: HostId) -> String {
    let host = intent.hosts.get(&host).map(|host| host.name.to_string());
    host.unwrap_or_else(|| "a host that is gone".to_owned())
}

/// Binds a port to the host of the guest that is to have it.
pub(super) fn attach(
    intent: &Intent,
    id: PortId,
    request: &PortAttach,
    observed: &Observed,
) -> Outcome<Draft<Port>> {
    let port = free_port(intent, id)?;
    check_elsewhere(intent, port, request, observed)?;
    let mut faults = Faults::default();
    let host = intent.hosts.get(&request.host_id);
    if let Some(host) = faults.known("host_id", request.host_id, host)
        && !observed.connected().contains(&host.id)
    {
        let message = format!("the agent of {} is not connected", host.name);
        faults.add("host_id", FieldCode::Inconsistent, message);
    }
    faults.check()?;
    let bound = Port {
        host_id: Some(request.host_id),
        ..Port::clone(port)
    };
    Ok(Draft {
        writes: port::bound(intent, port, bound.host_id),
        answer: bound,
    })
}

/// A port that nothing of ours plugs in.
fn free_port(intent: &Intent, id: PortId) -> Outcome<&Arc<Port>> {
    let port = intent.ports.get(&id);
    let port = port.ok_or_else(|| Problem::not_found("port", id))?;
    let in_use = match (intent.instance_with(id), port.on_trunk) {
        (Some(user), _) => {
            let user = user.instance.id;
            format!("port {id} is used by instance {user}, which has it as long as it exists")
        }
        (None, Some(on_trunk)) => {
            let trunk = on_trunk.trunk_id;
            format!("port {id} is a sub-port, which comes and goes with its trunk {trunk}")
        }
        (None, None) => return Ok(port),
    };
    Err(Problem::new(Code::InUse, in_use))
}

/// Refuses a port that something else than the guest has already.
fn check_elsewhere(
    intent: &Intent,
    port: &Port,
    request: &PortAttach,
    observed: &Observed,
) -> Outcome<()> {
    let live = observed.sightings(port.id).find(|it| it.live);
    let Some(sighting) = live else {
        return Ok(());
    };
    let guest = observed.port_status(port).guest;
    let wanted = request.guest.as_str();
    let is_it = guest
        .as_ref()
        .is_some_and(|guest| guest.name == wanted || wanted.parse() == Ok(guest.uuid));
    if is_it && sighting.host == request.host_id {
        return Ok(());
    }
    let host = name_of(intent, sighting.host);
    let has = match guest {
        Some(guest) => format!("guest {} on {host}", guest.name),
        None => format!("interface {} of {host}", sighting.interface),
    };
    let detail = format!(
        "port {} is attached to {has}; detach it there first",
        port.id
    );
    Err(Problem::new(Code::InUse, detail))
}

/// A port and the guest that has it.
fn guest_of(
    intent: &Intent,
    id: PortId,
    observed: &Observed,
) -> Outcome<(Arc<Port>, HostId, GuestName)> {
    let port = free_port(intent, id)?;
    let guest = observed.port_status(port).guest;
    let name = guest.and_then(|guest| guest.uuid.to_string().parse().ok());
    match port.host_id.zip(name) {
        Some((host, guest)) => Ok((port.clone(), host, guest)),
        None => {
            let detail = format!(
                "port {id} is not attached to a guest that a hypervisor of its host tells of"
            );
            Err(Problem::new(Code::HostRefused, detail))
        }
    }
}

/// The port bound to another host, or to none.
fn rebind(intent: &Intent, id: PortId, host_id: Option<HostId>) -> Outcome<Draft<Port>> {
    let port = intent.ports.get(&id);
    let port = port.ok_or_else(|| Problem::not_found("port", id))?;
    let answer = Port {
        host_id,
        ..Port::clone(port)
    };
    Ok(Draft {
        writes: port::bound(intent, port, host_id),
        answer,
    })
}
