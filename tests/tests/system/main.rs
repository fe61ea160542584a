//! Whole-system tests: real controller, agents, ovsdb-server, ovs-vswitchd and packets, in labs of a
//! few hosts. One binary, so that it is linked once; one pool a test, so that each stands alone.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod access;
mod addresses;
mod announcements;
mod bad_input;
mod billing;
mod binding;
mod caps;
mod churn;
mod containers;
mod drift;
mod fabric;
mod gateway_hosts;
mod history;
mod isolation;
mod libvirt;
mod limits;
mod metering;
mod migration;
mod outside;
mod overlays;
mod peers;
mod policy;
mod pool_setup;
mod public;
mod quarantine;
mod quotas;
mod restarts;
mod routing;
mod sampling;
mod suspension;
mod topology;
mod trace;
mod trunks;
mod waiting;
mod watching;
mod xen;

use std::time::Duration;

use tests::tenants::TwoTenants;
use tests::{Pool, PoolSpec};

/// How long anything that should happen at once may take on a busy machine. Nothing waits so long
/// but a test that fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// Two tenants with the same addresses on the first two of `hosts` hosts.
fn two_tenants(hosts: usize) -> TwoTenants {
    TwoTenants::set(Pool::up(&PoolSpec::real(hosts)), |_| {}).admitting_everybody()
}
