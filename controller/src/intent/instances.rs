//! Instances: where they are, and what they use.

use std::sync::Arc;

use model::{HostId, InstanceId, PortId};

use super::{Intent, within};
use crate::object::PluggedInstance;

/// Everything that can be looked up without a search.
impl Intent {
    /// The instances that a host has to do with, by id: those that run there, and those on their way there.
    pub fn instances_on(&self, host: HostId) -> impl Iterator<Item = &Arc<PluggedInstance>> {
        let pairs = self.instances_by_host.range(within(host));
        pairs.filter_map(|(_, id)| self.instances.get(id))
    }

    /// The instance that uses a port.
    #[must_use]
    pub fn instance_with(&self, port: PortId) -> Option<&Arc<PluggedInstance>> {
        self.instances.get(self.instances_by_port.get(&port)?)
    }

    /// The instances that migrate, by id.
    pub fn leaving(&self) -> impl Iterator<Item = &Arc<PluggedInstance>> {
        let ids = self.leaving.iter();
        ids.filter_map(|id: &InstanceId| self.instances.get(id))
    }
}

/// How it changes.
impl Intent {
    pub(super) fn put_instance(&mut self, it: Arc<PluggedInstance>) {
        let id = it.instance.id;
        self.instances_by_tenant.insert((it.instance.tenant_id, id));
        for host in it.instance.hosts() {
            self.instances_by_host.insert((host, id));
        }
        for port in &it.port_ids {
            self.instances_by_port.insert(*port, id);
        }
        if it.instance.migration.is_some() {
            self.leaving.insert(id);
        }
        self.instances.insert(id, it);
    }

    pub(super) fn delete_instance(&mut self, it: &PluggedInstance) {
        let id = it.instance.id;
        self.instances_by_tenant
            .remove(&(it.instance.tenant_id, id));
        for host in it.instance.hosts() {
            self.instances_by_host.remove(&(host, id));
        }
        for port in &it.port_ids {
            self.instances_by_port.remove(port);
        }
        self.leaving.remove(&id);
        self.instances.remove(&id);
    }
}
