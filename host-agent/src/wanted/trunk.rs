//! Which sub-ports each trunk carries.

use std::collections::{BTreeMap, BTreeSet};

use model::plan::PlanKey;
use model::report::ItemFailure;
use model::{NetworkId, OnTrunk, PortId, VlanId};

use super::{Wanted, WantedPort};

/// What the sub-ports of trunks hold so far, and no other of the same trunk may.
#[derive(Default)]
struct Taken {
    tags: BTreeSet<(PortId, VlanId)>,
    networks: BTreeSet<(PortId, NetworkId)>,
}

impl Wanted {
    /// Sorts the sub-ports by trunk. One that its trunk cannot carry is not carried out.
    pub(super) fn put_sub_ports_on_trunks(&mut self) {
        let mut taken = Taken::default();
        let mut refused = Vec::new();
        for (id, port) in &self.ports {
            let Some(on_trunk) = port.on_trunk else {
                continue;
            };
            match taken.fault(&self.ports, port) {
                None => self
                    .sub_ports
                    .entry(on_trunk.trunk_id)
                    .or_default()
                    .push(*id),
                Some(reason) => refused.push((*id, reason)),
            }
        }
        for (id, reason) in refused {
            self.ports.remove(&id);
            let key = PlanKey::Port(id);
            self.failures.push(ItemFailure { key, reason });
        }
    }
}

impl Taken {
    /// Why a sub-port cannot be carried, if it cannot.
    fn fault(&mut self, ports: &BTreeMap<PortId, WantedPort>, port: &WantedPort) -> Option<String> {
        let OnTrunk { trunk_id: id, vlan } = port.on_trunk?;
        let Some(trunk) = ports.get(&id) else {
            return Some(format!("its trunk {id} is not carried out here"));
        };
        if trunk.on_trunk.is_some() {
            return Some(format!("its trunk {id} is a sub-port itself"));
        }
        // A trunk's ports have one number in the switch: the network tells them apart.
        let first_on_network = self.networks.insert((id, port.network));
        if trunk.network == port.network || !first_on_network {
            return Some(format!("its trunk {id} has another port on its network"));
        }
        let first_with_tag = self.tags.insert((id, vlan));
        let reason = || format!("its VLAN {vlan} is that of another on its trunk");
        (!first_with_tag).then(reason)
    }
}
