//! What carries the networks of a pool: NICs of their own, one for all, bonds; and management that
//! moves from one to the other, or comes back when it must not.

mod layouts;
mod moves;
mod unreachable;

use std::time::Duration;

use lab::Nics;
use serde_json::{Value, json};
use tests::{Instance, Pool, PoolSpec};

/// A pool of two hosts with these NICs, and nothing told of its networks yet.
fn pool(nics: Nics) -> Pool {
    Pool::up(&PoolSpec {
        nics,
        ..PoolSpec::real(2)
    })
}

/// A tenant's two instances, on different hosts.
fn pair(pool: &Pool, tenant: &str) -> [Instance; 2] {
    pool.must(&format!("tenant-create {tenant}"));
    pool.must(&format!(
        "vlan-create web tenant={tenant} subnet=10.0.0.0/24"
    ));
    ["h1", "h2"].map(|host| pool.vm_start(&format!("{tenant}-{host}"), tenant, "web", host))
}

/// The private network alone, on this.
fn private(uplink: &str) -> Value {
    json!({ "private": { "uplink": uplink, "vlans": "100-199" } })
}

/// All three roles.
fn all(management: &str, private: &str, public: &str) -> Value {
    json!({
        "management": { "uplink": management },
        "private": { "uplink": private, "vlans": "100-199" },
        "public": { "uplink": public },
        "confirm_within_seconds": 30,
    })
}

/// The namespace of the controller.
fn controller(pool: &Pool) -> String {
    format!("{}-ctl", pool.lab().prefix())
}

/// The most that may be lost while Open vSwitch moves a NIC between bridges, on a busy machine.
const SHORT: Duration = Duration::from_secs(2);
