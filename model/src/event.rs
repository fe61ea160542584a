//! Events: what happened that an operator may want to know.

use serde::{Deserialize, Serialize};

use uuid::Uuid;

use crate::{HostId, TenantId, Timestamp};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Increases with every event, over restarts of the controller too; a number may be left out.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: EventKind,
    /// Where, if on one host.
    pub host_id: Option<HostId>,
    /// Whose, if of one tenant.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The kind of object that it is about, such as `port`, if it is about one.
    #[serde(default)]
    pub noun: Option<String>,
    /// The object that it is about.
    #[serde(default)]
    pub object_id: Option<Uuid>,
    /// The change of the intent that it tells of, or the plan.
    #[serde(default)]
    pub revision: Option<u64>,
    /// What happened, as a sentence.
    pub message: String,
}

/// The kinds of events; their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A host's session opened.
    HostConnected,
    /// A host's session ended.
    HostLost,
    /// An interface names a port that does not exist, or has no valid `iface-id`; it stays dark.
    UnknownVif,
    /// An interface names a port that is active on another host; it stays dark.
    PortConflict,
    /// A port's interface appeared on a host, and the port was bound to it.
    PortBound,
    /// The migration of a port to another host began, or is a step further.
    PortMigration,
    /// The migration of an instance to another host began, or ended.
    InstanceMigration,
    /// A host could not carry out an item of its plan.
    ItemFailed,
    /// A host tries a change of the way to its controller; it takes it back unless it reaches the
    /// controller in time.
    TopologyOnTrial,
    /// A host reached its controller over the new way, and keeps it.
    TopologyApplied,
    /// A host took a change of the way to its controller back.
    TopologyReverted,
    /// A host no longer hears the host at the other end of a tunnel, or is no longer heard there.
    TunnelDown,
    /// The two ends of a tunnel hear each other again.
    TunnelUp,
    /// A check of the fabric found that something is wrong between hosts.
    FabricFault,
    /// A check of the whole fabric found nothing wrong any more.
    FabricWell,
    /// A host said something an operator should know.
    Remark,
    /// An administrator switched a port's spoof guard off or on.
    SpoofGuard,
    /// The meters of usage disagree by more than sampling explains, or one fell silent.
    MetersDisagree,
    /// A share of a cap was moved that operators wanted to hear of.
    CapWarned,
    /// A cap is reached: what it says of that holds from now on.
    CapReached,
    /// A cap that was reached bounds nothing any more.
    CapLifted,
    /// Caps may have been enforced later than they should have been.
    CapLate,
    /// A tenant was suspended: all of its ports go dark.
    TenantSuspended,
    /// A tenant that was suspended is so no more.
    TenantResumed,
    /// The controller started: how hosts and ports stand is to be read anew.
    ControllerStarted,
    /// An object of the intent was made.
    ObjectCreated,
    /// An object of the intent was changed.
    ObjectChanged,
    /// An object of the intent was deleted.
    ObjectDeleted,
    /// The frames of a port flow.
    PortActive,
    /// The frames of a port that flowed do so no more.
    PortDark,
    /// A host has realized a plan.
    PlanRealized,
}

impl EventKind {
    /// Whether it is what goes on all day, which is for watchers and not for the list of what an
    /// operator should know.
    #[must_use]
    pub const fn is_routine(self) -> bool {
        matches!(
            self,
            Self::ObjectCreated
                | Self::ObjectChanged
                | Self::ObjectDeleted
                | Self::PortActive
                | Self::PortDark
                | Self::PlanRealized
        )
    }
}
