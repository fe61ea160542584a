//! The scene of most tests: two tenants with the same addresses, on the same hosts.
//!
//! ```text
//!            host h1              host h2              host h3
//!   acme     acme-1 10.0.0.2      acme-2 10.0.0.3                    VLAN of acme's network
//!   globex   globex-1 10.0.0.2    globex-2 10.0.0.3                  VLAN of globex's network
//! ```

use crate::{Instance, Pool};

/// A tenant with a network and two instances on different hosts.
pub struct TenantScene {
    /// Its name.
    pub name: &'static str,
    /// The VLAN its network was given, unless that is an overlay.
    pub vlan: Option<u16>,
    /// Its instances, on h1 and h2.
    pub instances: [Instance; 2],
}

/// Two tenants in one pool.
pub struct TwoTenants {
    /// The pool.
    pub pool: Pool,
    /// The tenants.
    pub tenants: [TenantScene; 2],
}

/// The names of the tenants.
pub const NAMES: [&str; 2] = ["acme", "globex"];

/// The prefix that both use.
pub const SUBNET: &str = "10.0.0.0/24";

impl TwoTenants {
    /// Sets the scene in a fresh pool, on VLANs; `say` hears every command before it runs.
    #[must_use]
    pub fn set(pool: Pool, say: impl FnMut(&str)) -> Self {
        Self::set_on(pool, ["vlan"; 2], say)
    }

    /// The same on networks of these kinds: `vlan`, `vxlan`, `geneve`.
    #[must_use]
    pub fn set_on(pool: Pool, kinds: [&str; 2], say: impl FnMut(&str)) -> Self {
        let endpoints = match kinds {
            ["vlan", "vlan"] => None,
            _ => Some("10.254.0.0/16"),
        };
        Self::set_over(pool, kinds, endpoints, say)
    }

    /// The same with hosts whose endpoints are of this prefix.
    #[must_use]
    pub fn set_over(
        pool: Pool,
        kinds: [&str; 2],
        endpoints: Option<&str>,
        mut say: impl FnMut(&str),
    ) -> Self {
        let mut command = |line: String| {
            say(&line);
            pool.must(&line);
        };
        let endpoints = endpoints.map_or_else(String::new, |it| format!(" endpoints={it}"));
        command(format!(
            "physical-network-create name=private role=private nic=eth1 vlans=100-199{endpoints}"
        ));
        for (tenant, kind) in NAMES.iter().zip(kinds) {
            command(format!("tenant-create name={tenant}"));
            command(format!(
                "{kind}-create tenant={tenant} name=web subnet={SUBNET}"
            ));
        }
        for tenant in NAMES {
            for (host, number) in [("h1", 1), ("h2", 2)] {
                let name = format!("{tenant}-{number}");
                command(format!(
                    "vm-start {name} tenant={tenant} network=web host={host}"
                ));
            }
        }
        let tenants = NAMES.map(|name| TenantScene::observe(&pool, name));
        Self { pool, tenants }
    }

    /// See [`Pool::admit_everybody`].
    #[must_use]
    pub fn admitting_everybody(self) -> Self {
        NAMES
            .iter()
            .for_each(|name| self.pool.admit_everybody(name));
        self
    }

    /// Every instance.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.tenants.iter().flat_map(|tenant| &tenant.instances)
    }
}

impl TenantScene {
    fn observe(pool: &Pool, name: &'static str) -> Self {
        let network = pool.json(&format!("vlan-show web tenant={name}"));
        let vlan = network["vlan"]
            .as_u64()
            .and_then(|vlan| u16::try_from(vlan).ok());
        let instance = |number, host| pool.instance(&format!("{name}-{number}"), name, host);
        Self {
            name,
            vlan,
            instances: [instance(1, "h1"), instance(2, "h2")],
        }
    }
}
