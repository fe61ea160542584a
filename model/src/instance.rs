//! Instances: what runs on the hosts.

use serde::{Deserialize, Serialize};

use crate::{HostId, Id, Name, TenantId, Timestamp};

/// The identifier of an [`Instance`].
pub type InstanceId = Id<Instance>;

/// A machine that Bulkhead itself starts on a host. Its VIFs are the ports that name it.
///
/// Instances that a hypervisor starts by its own means need no such record: their VIFs are known
/// by `external_ids:iface-id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its identifier.
    pub id: InstanceId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The host it runs on.
    pub host_id: HostId,
    /// What runs it there.
    pub driver: Driver,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What runs an instance on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A network namespace with one veth pair per VIF.
    Netns,
}

/// What a host last said of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Whether it runs.
    pub running: bool,
    /// How to find it on its host: for [`Driver::Netns`] the name of the namespace.
    pub handle: Option<String>,
    /// Why it does not run, when it should.
    pub reason: Option<String>,
}
