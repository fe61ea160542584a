//! Hypervisor drivers: what runs on this host, and which VIFs it has.
//!
//! * [`Hypervisor`] is what a driver that *runs* instances does; [`netns`] is the built-in one.
//! * [`container`] plugs in what container runtimes and LXC ask for.
//! * [`libvirt`] watches what libvirt runs, machines and containers, whoever started it; [`xenapi`] what a pool of XenServer or
//!   XCP-ng runs; [`seen`] is what they see.
//! * [`ovsdb`] reads the VIFs that any hypervisor, ours or not, announced in OVSDB.
//!
//! What does not live here: whether a VIF's frames may flow. That is the agent's pipeline; a driver
//! plugs a VIF into a bridge that drops everything it was not told to pass.

pub mod container;
pub mod libvirt;
pub mod netns;
pub mod ovsdb;
mod plug;
pub mod seen;
pub mod xenapi;

use futures::future::BoxFuture;
use model::Driver;
use model::plan::PlannedInstance;
use model::report::InstanceReport;

/// The group (`ip link set … group`) of every VIF's link on the host. The agent drops what such a
/// link would exchange with the host's own protocol stack; a driver that makes links puts them into
/// it from the start.
pub const SHIELDED_GROUP: u32 = 48_077;

/// A driver that runs instances.
pub trait Hypervisor: Send + Sync {
    /// Which driver this is.
    fn driver(&self) -> Driver;

    /// Makes what runs be what is wanted: starts what is missing, stops what is not wanted, repairs
    /// what is incomplete, and leaves alone what is right and whatever is not its own.
    ///
    /// Called with the whole of what is wanted, again after every change and now and then; a failure
    /// of one instance is in its report and does not hold up the others. `settled`, in order of their ids, are
    /// those that ran when they were looked at a moment ago: one that is still wanted just so needs no
    /// second look, so that one more instance costs what one costs.
    fn reconcile<'a>(
        &'a self,
        wanted: &'a [PlannedInstance],
        settled: &'a [PlannedInstance],
    ) -> BoxFuture<'a, Reconciled>;

    /// Waits until something that the driver itself began is over, and it is time to look again.
    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// What a driver found after it made things right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Every instance that is wanted, in the order given.
    pub instances: Vec<InstanceReport>,
    /// What is not wanted and could not be stopped: its handle, and why.
    pub leftovers: Vec<(String, String)>,
}
