//! The place outside of a lab, on the public network.

use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::Value;

use crate::{Instance, Pool};

impl Pool {
    /// The address of the machine outside in tests whose external network is 203.0.113.0/24.
    pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

    /// The machine outside: it is the external network's router, and no instance of anybody.
    #[must_use]
    pub fn outside(&self) -> Instance {
        let namespace = self.lab().outside();
        let shown = Command::new("ip")
            .args(["-n", &namespace, "-j", "link", "show", "eth0"])
            .output();
        let shown = shown.unwrap_or_else(|e| panic!("could not run ip: {e}"));
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
        Instance {
            name: "outside".to_owned(),
            tenant: String::new(),
            host: String::new(),
            namespace,
            mac: crate::pool::mac(shown[0]["address"].as_str().unwrap_or_default()),
            address: Self::OUTSIDE,
            port_id: String::new(),
        }
    }

    /// Lays the private network, for VLANs and overlays, and the external network `internet` of the tenant
    /// `provider`; gives the machine outside, its router.
    pub fn internet(&self) -> Instance {
        let outside = self.outside();
        let mac = model::MacAddr::try_from(outside.mac).unwrap_or_else(|e| panic!("{e}"));
        for line in [
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
             endpoints=10.254.0.0/16",
            "physical-network-create name=public role=public nic=eth2",
            "tenant-create name=provider",
            &format!(
                "flat-create name=internet tenant=provider physical-network=public external=true \
                 shared=true gateway-mac={mac}"
            ),
            "subnet-create network=internet tenant=provider cidr=203.0.113.0/24 \
             pool=203.0.113.10-203.0.113.200",
        ] {
            self.must(line);
        }
        outside
    }
}
