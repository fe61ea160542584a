//! Instances that go to another host: one that runs migrates there with its ports, one that does not is there
//! at once.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use model::{Driver, HostId, Instance, InstanceId, InstanceMigration, Port, Power, Timestamp};

use crate::fleet::Observed;
use crate::fleet::leaving::End;
use crate::intent::Intent;
use crate::object::{Object, PluggedInstance, Write};
use crate::service::faults::Faults;
use crate::service::{migration, placement, port};
use crate::writer::Draft;

/// Refuses what cannot be done to an instance on its way.
pub(in crate::service) fn require_rest(instance: &Instance) -> Outcome<()> {
    let Some(migration) = instance.migration else {
        return Ok(());
    };
    let detail = format!(
        "instance {} is on its way to the host {}; wait until it is there, or stays where it is",
        instance.id, migration.to
    );
    Err(Problem::new(Code::InUse, detail))
}

/// What else changes when an instance is to be on this host; changes the instance itself.
pub(in crate::service) fn go(
    intent: &Intent,
    plugged: &mut PluggedInstance,
    to: HostId,
    observed: &Observed,
) -> Outcome<Vec<Write>> {
    let instance = &mut plugged.instance;
    if instance.migration.is_some_and(|it| it.to == to) {
        return Ok(Vec::new());
    }
    require_rest(instance)?;
    if instance.host_id == to {
        return Ok(Vec::new());
    }
    let ports = plugged.port_ids.iter();
    let ports: Vec<&Arc<Port>> = ports.filter_map(|id| intent.ports.get(id)).collect();
    if instance.power == Power::Off {
        let mut faults = Faults::default();
        faults.known("host_id", to, intent.hosts.get(&to));
        faults.check()?;
        instance.host_id = to;
        let bound = ports
            .iter()
            .flat_map(|it| port::bound(intent, it, Some(to)));
        return Ok(bound.collect());
    }
    let address = check(intent, instance, (&ports, to), observed)?;
    instance.stayed = None;
    instance.migration = Some(InstanceMigration {
        to,
        address,
        began_at: Timestamp::now(),
    });
    let ends = (instance.host_id, to);
    let begun = { ports.iter() }.flat_map(|port| migration::begin(intent, port, ends));
    Ok(begun.collect())
}

/// Where the other host is reached, if the instance can migrate there.
fn check(
    intent: &Intent,
    instance: &Instance,
    (ports, to): (&[&Arc<Port>], HostId),
    observed: &Observed,
) -> Outcome<std::net::IpAddr> {
    let mut faults = Faults::default();
    let host = faults.known("host_id", to, intent.hosts.get(&to));
    let mut refuse = |message: String| faults.add("host_id", FieldCode::Inconsistent, message);
    if instance.driver != Driver::Libvirt {
        refuse(
            "a namespace runs, and cannot be moved; stop it, and start another there".to_owned(),
        );
    }
    if instance.boot.as_ref().is_some_and(|it| it.disk.is_some()) {
        refuse(
            "its disk is on its host, and cannot be moved while it runs; stop it first".to_owned(),
        );
    }
    let mut address = None;
    if let Some(host) = host {
        let name = &host.name;
        let seen = observed.host(to).filter(|seen| seen.status.connected);
        match seen {
            None => refuse(format!("the agent of {name} is not connected")),
            Some(seen) => {
                address = seen.status.address;
                let networks = ports
                    .iter()
                    .filter_map(|it| intent.networks.get(&it.network_id));
                for network in networks.filter(|it| !placement::reaches(intent, host, it, seen)) {
                    refuse(format!(
                        "{name} does not carry the network {}",
                        network.name
                    ));
                }
            }
        }
    }
    for port in ports {
        if port.migration.is_some() {
            refuse(format!(
                "its port {} is on its way to a host already",
                port.id
            ));
        } else if port.host_id != Some(instance.host_id) {
            refuse(format!("its port {} is not on its host", port.id));
        }
    }
    faults.require(address)
}

/// How the migration of an instance ended. What was not on its way any more is left as it is.
pub(in crate::service) fn over(intent: &Intent, ends: &[(InstanceId, End)]) -> Outcome<Draft<()>> {
    let mut writes = Vec::new();
    for (id, end) in ends {
        let Some(plugged) = intent.instances.get(id) else {
            continue;
        };
        let Some(migration) = plugged.instance.migration else {
            continue;
        };
        let mut after = PluggedInstance::clone(plugged);
        after.instance.migration = None;
        match end {
            // Its ports follow by what their hosts say.
            End::There => after.instance.host_id = migration.to,
            End::Stayed(reason) => {
                after.instance.stayed = Some(reason.clone());
                writes.extend(calls_off(intent, plugged)?);
            }
        }
        writes.push(Write::Put(Object::Instance(Arc::new(after))));
    }
    Ok(Draft { writes, answer: () })
}

fn calls_off(intent: &Intent, plugged: &PluggedInstance) -> Outcome<Vec<Write>> {
    let ports = plugged.port_ids.iter();
    let ports = ports.filter_map(|id| intent.ports.get(id));
    let mut writes = Vec::new();
    for port in ports.filter(|port| port.migration.is_some()) {
        writes.extend(migration::call_off(intent, port.id)?.writes);
    }
    Ok(writes)
}
