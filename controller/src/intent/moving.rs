//! Ports that go elsewhere: those that migrate, and those that go wherever their trunk goes.

use std::sync::Arc;

use model::{Port, PortId};

use super::{Intent, within};

/// Everything that can be looked up without a search.
impl Intent {
    /// The ports that migrate, by id.
    pub fn migrating(&self) -> impl Iterator<Item = &Arc<Port>> {
        let ids = self.migrating.iter();
        ids.filter_map(|id| self.ports.get(id))
    }

    /// The sub-ports of a trunk, by id.
    pub fn sub_ports_of(&self, trunk: PortId) -> impl Iterator<Item = &Arc<Port>> {
        let pairs = self.sub_ports.range(within(trunk));
        pairs.filter_map(|(_, id)| self.ports.get(id))
    }

    /// Every sub-port, by its trunk's id.
    pub fn sub_ports(&self) -> impl Iterator<Item = &Arc<Port>> {
        let pairs = self.sub_ports.iter();
        pairs.filter_map(|(_, id)| self.ports.get(id))
    }
}
