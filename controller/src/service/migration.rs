//! Migrations of ports from host to host: asked for, called off, and taken further by what the hosts say.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::MigrationCreate;
use model::plan::Generation;
use model::{HostId, Migration, MigrationStage, Port, PortId, PortMigration, Timestamp};

use super::faults::Faults;
use crate::fleet::Observed;
use crate::fleet::migrating::Step;
use crate::intent::Intent;
use crate::object::{Object, Write};
use crate::writer::Draft;

/// What the API shows of a port, if it migrates by itself and not with its trunk.
pub(super) fn view(port: &Port, observed: &Observed) -> Option<PortMigration> {
    let migration = port.migration.filter(|_| port.on_trunk.is_none())?;
    let elsewhere = observed.place(port.id, migration.elsewhere(), Timestamp::now());
    Some(PortMigration {
        id: port.id,
        tenant_id: port.tenant_id,
        network_id: port.network_id,
        name: port.name.clone(),
        migration,
        ready: elsewhere.is_ready(migration.since),
    })
}

/// Prepares a port on another host: from now on it follows its instance there.
pub(super) fn create(intent: &Intent, request: &MigrationCreate) -> Outcome<Draft<PortId>> {
    let mut faults = Faults::default();
    let (id, to) = (request.port_id, request.host_id);
    let port = faults.known("port_id", id, intent.ports.get(&id));
    let host = faults.known("host_id", to, intent.hosts.get(&to));
    let mut from = None;
    if let Some(port) = port {
        from = check(intent, port, to, &mut faults);
    }
    let (port, from) = faults.require(
        port.zip(host)
            .zip(from)
            .map(|((port, _), from)| (port, from)),
    )?;
    Ok(Draft {
        writes: begin(intent, port, (from, to)),
        answer: id,
    })
}

/// The first step.
pub(super) fn begin(intent: &Intent, port: &Port, (from, to): (HostId, HostId)) -> Vec<Write> {
    let migration = Migration {
        from,
        to,
        stage: MigrationStage::Prepared,
        since: next_generation(intent),
        began_at: Timestamp::now(),
    };
    with_sub_ports(intent, port, |port| Port {
        migration: Some(migration),
        ..port.clone()
    })
}

/// Where the port is now, if it can migrate from there.
fn check(intent: &Intent, port: &Port, to: HostId, faults: &mut Faults) -> Option<HostId> {
    let id = port.id;
    let mut refuse = |field, message: String| faults.add(field, FieldCode::Inconsistent, message);
    if let Some(on_trunk) = port.on_trunk {
        let trunk = on_trunk.trunk_id;
        refuse(
            "port_id",
            format!("{id} is a sub-port of {trunk} and goes with it; expected the trunk"),
        );
    }
    if let Some(user) = intent.instance_with(id) {
        let instance = user.instance.id;
        let message = format!(
            "{id} is used by the instance {instance} and goes with it; give that another host_id"
        );
        refuse("port_id", message);
    }
    if let Some(migration) = port.migration {
        let to = migration.to;
        refuse(
            "port_id",
            format!("{id} is on its way to the host {to} already; call that off first"),
        );
    }
    match port.host_id {
        None => refuse(
            "port_id",
            format!("{id} is on no host; expected one with an interface"),
        ),
        Some(from) if from == to => refuse(
            "host_id",
            format!("{id} is on {to} already; choose another host"),
        ),
        Some(_) => {}
    }
    port.host_id
}

/// Ends a migration: the port is where it was, as soon as the other host is known to be dark.
pub(super) fn call_off(intent: &Intent, id: PortId) -> Outcome<Draft<()>> {
    let found = intent.ports.get(&id).filter(|it| it.on_trunk.is_none());
    let migration = found.and_then(|port| port.migration);
    let migration = migration.ok_or_else(|| Problem::not_found("migration", id))?;
    let step = match migration.stage {
        // The other host is not lit, and will not be.
        MigrationStage::Prepared | MigrationStage::Switching => Step::Over(migration.from),
        MigrationStage::Switched | MigrationStage::Returning => {
            Step::To(MigrationStage::CallingOff)
        }
        MigrationStage::CallingOff => {
            return Ok(Draft {
                writes: Vec::new(),
                answer: (),
            });
        }
    };
    advance(intent, &[(id, step)])
}

/// Takes migrations further. What is gone meanwhile is left out.
pub(super) fn advance(intent: &Intent, steps: &[(PortId, Step)]) -> Outcome<Draft<()>> {
    let since = next_generation(intent);
    let mut writes = Vec::new();
    for (id, step) in steps {
        let Some(port) = intent.ports.get(id) else {
            continue;
        };
        writes.extend(with_sub_ports(intent, port, |port| {
            after(port, *step, since)
        }));
    }
    Ok(Draft { writes, answer: () })
}

fn after(port: &Port, step: Step, since: Generation) -> Port {
    let migration = match step {
        Step::To(stage) => port.migration.map(|it| Migration { stage, since, ..it }),
        Step::Over(_) => None,
    };
    let host_id = match (step, migration) {
        (Step::Over(home), _) => Some(home),
        (_, Some(migration)) => Some(migration.home()),
        (_, None) => port.host_id,
    };
    Port {
        host_id,
        migration,
        ..port.clone()
    }
}

/// A step, in words.
pub(super) const fn told(step: Step) -> &'static str {
    match step {
        Step::To(MigrationStage::Prepared) => "it is back where it was, and may migrate again",
        Step::To(MigrationStage::Switching) => {
            "its instance is on its new host; the old one goes dark"
        }
        Step::To(MigrationStage::Switched) => "it is lit on its new host",
        Step::To(MigrationStage::Returning) => {
            "its instance did not stay on its new host; that one goes dark"
        }
        Step::To(MigrationStage::CallingOff) => {
            "its migration is called off; the new host goes dark"
        }
        Step::Over(_) => "its migration is over",
    }
}

/// Plans made after this change have this generation or a later one.
const fn next_generation(intent: &Intent) -> Generation {
    Generation(intent.revision + 1)
}

/// What is to become of the port, and of its sub-ports with it.
fn with_sub_ports(intent: &Intent, port: &Port, change: impl Fn(&Port) -> Port) -> Vec<Write> {
    let sub_ports = intent.sub_ports_of(port.id).map(|it| &**it);
    let ports = std::iter::once(port).chain(sub_ports);
    ports
        .map(|port| Write::Put(Object::Port(Arc::new(change(port)))))
        .collect()
}
