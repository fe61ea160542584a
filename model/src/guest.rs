//! Guests: machines that a hypervisor runs by its own means, seen from the host.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The machine behind an interface, as the driver that watches it sees it. Bulkhead neither started it nor
/// stops it; what it does start is an [`Instance`](crate::Instance).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// The driver that sees it, such as `libvirt`.
    pub driver: String,
    /// What its hypervisor calls it.
    pub name: String,
    /// Its identifier there.
    pub uuid: Uuid,
    /// What it does.
    pub state: GuestState,
}

/// What a guest does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestState {
    /// It is held until its VIFs are active.
    Starting,
    /// Its processors run.
    Running,
    /// It is paused.
    Paused,
    /// Something else: it is shutting down, it crashed, it sleeps.
    Other,
}

/// A driver that an agent found on its host, or lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverFound {
    /// `netns` or `libvirt`.
    pub name: String,
    /// The hypervisor's version, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many guests it runs, or ran when it was last asked.
    #[serde(default)]
    pub guests: usize,
    /// Why it does not answer, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
