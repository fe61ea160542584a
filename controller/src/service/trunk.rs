//! Trunks: ports that carry others, each under a tag of the instance's own.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::SubPortCreate;
use api::resource::SubPort;
use model::{OnTrunk, Port, PortId};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Object, Write};
use crate::writer::Draft;

/// What the API shows of a port, if it is a sub-port.
pub(super) fn view(port: &Port) -> Option<SubPort> {
    let OnTrunk { trunk_id, vlan } = port.on_trunk?;
    Some(SubPort {
        id: port.id,
        tenant_id: port.tenant_id,
        network_id: port.network_id,
        name: port.name.clone(),
        trunk_id,
        vlan,
    })
}

/// Puts a port on a trunk: from now on it is wherever its trunk is.
pub(super) fn add(intent: &Intent, request: SubPortCreate) -> Outcome<Draft<SubPort>> {
    let mut faults = Faults::default();
    let SubPortCreate {
        trunk_id,
        port_id,
        vlan,
    } = request;
    let trunk = faults.known("trunk_id", trunk_id, intent.ports.get(&trunk_id));
    let port = faults.known("port_id", port_id, intent.ports.get(&port_id));
    if let Some(trunk) = trunk.and_then(|trunk| trunk.on_trunk) {
        let message = format!(
            "{trunk_id} is itself a sub-port of {}; expected a port with an interface of its own",
            trunk.trunk_id
        );
        faults.add("trunk_id", FieldCode::Inconsistent, message);
    }
    if let Some(other) = intent
        .sub_ports_of(trunk_id)
        .find(|it| vlan_of(it) == Some(vlan))
    {
        let message = format!(
            "VLAN {vlan} is the sub-port {} of this trunk; choose another",
            other.id
        );
        faults.add("vlan", FieldCode::Duplicate, message);
    }
    if let Some(port) = port {
        check_free(intent, port, &mut faults);
    }
    if let Some((trunk, port)) = trunk.zip(port) {
        check_pair(intent, trunk, port, &mut faults);
    }
    let (trunk, port) = faults.require(trunk.zip(port))?;
    let on_trunk = Port {
        on_trunk: Some(OnTrunk { trunk_id, vlan }),
        host_id: trunk.host_id,
        migration: trunk.migration,
        ..Port::clone(port)
    };
    let answer = view(&on_trunk).ok_or_else(|| Problem::not_found("sub-port", port_id))?;
    let writes = vec![Write::Put(Object::Port(Arc::new(on_trunk)))];
    Ok(Draft { writes, answer })
}

fn vlan_of(port: &Port) -> Option<model::VlanId> {
    port.on_trunk.map(|it| it.vlan)
}

/// Whether a port is nothing else yet: no sub-port, no trunk, no instance's.
fn check_free(intent: &Intent, port: &Port, faults: &mut Faults) {
    let id = port.id;
    if let Some(on_trunk) = port.on_trunk {
        let trunk = on_trunk.trunk_id;
        let message = format!("{id} is a sub-port of {trunk} already; remove it there first");
        faults.add("port_id", FieldCode::Duplicate, message);
    }
    if let Some(sub_port) = intent.sub_ports_of(id).next() {
        let message = format!(
            "{id} is a trunk, of {} for one; expected a port without sub-ports",
            sub_port.id
        );
        faults.add("port_id", FieldCode::Inconsistent, message);
    }
    if let Some(user) = intent.instance_with(id) {
        let message = format!(
            "{id} is used by the instance {}; expected a port that none uses",
            user.instance.id
        );
        faults.add("port_id", FieldCode::Inconsistent, message);
    }
}

/// Whether a port may be on this trunk: of the same tenant, and alone on its network there, since
/// the ports of a trunk are told apart by their networks.
fn check_pair(intent: &Intent, trunk: &Port, port: &Port, faults: &mut Faults) {
    let id = port.id;
    if id == trunk.id {
        let message = format!("{id} is the trunk itself; choose another");
        faults.add("port_id", FieldCode::Inconsistent, message);
        return;
    }
    if port.tenant_id != trunk.tenant_id {
        let message = format!(
            "{id} belongs to the tenant {}; expected one of the trunk's tenant, {}",
            port.tenant_id, trunk.tenant_id
        );
        faults.add("port_id", FieldCode::Inconsistent, message);
    }
    let mut others = std::iter::once(trunk).chain(intent.sub_ports_of(trunk.id).map(|it| &**it));
    let same = others.find(|it| it.network_id == port.network_id && it.id != id);
    if let Some(other) = same {
        let message = format!(
            "{id} is on the network of {}, another port of this trunk; choose one of another network",
            other.id
        );
        faults.add("port_id", FieldCode::Inconsistent, message);
    }
}

/// Takes a port off its trunk: it has no interface from now on.
pub(super) fn remove(intent: &Intent, id: PortId) -> Outcome<Draft<()>> {
    let port = intent.ports.get(&id).filter(|port| port.on_trunk.is_some());
    let port = port.ok_or_else(|| Problem::not_found("sub-port", id))?;
    let off_trunk = Port {
        on_trunk: None,
        host_id: None,
        migration: None,
        ..Port::clone(port)
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::Port(Arc::new(off_trunk)))],
        answer: (),
    })
}
