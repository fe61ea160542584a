//! Caps: whose they are.

use std::sync::Arc;

use imbl::OrdSet;
use model::{Cap, CapId, Port, PortId, TenantId};

use super::{Intent, within};

/// What is needed to find caps without looking at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capped {
    /// Those of ports included.
    by_tenant: OrdSet<(TenantId, CapId)>,
    /// Those of all that a tenant has.
    of_whole_tenants: OrdSet<(TenantId, CapId)>,
    by_port: OrdSet<(PortId, CapId)>,
}

/// Everything that can be looked up without a search.
impl Intent {
    /// The caps of a tenant and of its ports, by id.
    pub fn caps_of(&self, tenant: TenantId) -> impl Iterator<Item = CapId> + '_ {
        let pairs = self.capped.by_tenant.range(within(tenant));
        pairs.map(|(_, cap)| *cap)
    }

    /// The caps of this one port, by id.
    pub fn caps_of_port(&self, port: PortId) -> impl Iterator<Item = CapId> + '_ {
        let pairs = self.capped.by_port.range(within(port));
        pairs.map(|(_, cap)| *cap)
    }

    /// The caps that a port is under: its own and its tenant's.
    pub fn caps_on(&self, port: &Port) -> impl Iterator<Item = &Arc<Cap>> + '_ {
        let tenants = self.capped.of_whole_tenants.range(within(port.tenant_id));
        let tenants = tenants.map(|(_, cap)| *cap);
        let ids = tenants.chain(self.caps_of_port(port.id));
        ids.filter_map(|id| self.caps.get(&id))
    }
}

/// How it changes.
impl Intent {
    pub(super) fn put_cap(&mut self, it: Arc<Cap>) {
        let capped = &mut self.capped;
        capped.by_tenant.insert((it.tenant_id, it.id));
        match it.port_id {
            Some(port) => _ = capped.by_port.insert((port, it.id)),
            None => _ = capped.of_whole_tenants.insert((it.tenant_id, it.id)),
        }
        self.caps.insert(it.id, it);
    }

    pub(super) fn delete_cap(&mut self, it: &Cap) {
        let capped = &mut self.capped;
        capped.by_tenant.remove(&(it.tenant_id, it.id));
        match it.port_id {
            Some(port) => _ = capped.by_port.remove(&(port, it.id)),
            None => _ = capped.of_whole_tenants.remove(&(it.tenant_id, it.id)),
        }
        self.caps.remove(&it.id);
    }
}
