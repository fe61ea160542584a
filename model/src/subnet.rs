//! Subnets: the addresses of a network.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{AddressRange, Handout, Id, Name, NetworkId, TenantId, Timestamp};

/// The identifier of a [`Subnet`].
pub type SubnetId = Id<Subnet>;

/// A prefix of addresses that ports of one network take theirs from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its identifier.
    pub id: SubnetId,
    /// Who owns it: the network's tenant.
    pub tenant_id: TenantId,
    /// The network it belongs to.
    pub network_id: NetworkId,
    /// Its name, unique in the tenant where given.
    pub name: Option<Name>,
    /// The prefix, with no host bits set.
    pub cidr: IpNet,
    /// The address kept for the network's gateway.
    pub gateway: IpAddr,
    /// Where addresses are allocated from: in order, none next to another.
    #[serde(alias = "pool", deserialize_with = "one_or_several")]
    pub pools: Vec<AddressRange>,
    /// What its ports are told along with their addresses.
    #[serde(flatten)]
    pub handout: Handout,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A subnet once had just one pool.
fn one_or_several<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<AddressRange>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Pools {
        Several(Vec<AddressRange>),
        One(AddressRange),
    }
    Ok(match Pools::deserialize(from)? {
        Pools::Several(pools) => pools,
        Pools::One(pool) => vec![pool],
    })
}

impl Subnet {
    /// The most ranges to allocate from.
    pub const POOLS_MAX: usize = 16;

    /// Whether the address is one that may be allocated.
    #[must_use]
    pub fn allocates(&self, address: IpAddr) -> bool {
        self.pools.iter().any(|pool| pool.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_of_when_there_was_one_pool_is_still_read() {
        let id = Id::<Subnet>::generate();
        let text = format!(
            r#"{{"id": "{id}", "tenant_id": "{id}", "network_id": "{id}", "name": null,
                "cidr": "10.0.0.0/24", "gateway": "10.0.0.1",
                "pool": {{"first": "10.0.0.1", "last": "10.0.0.254"}},
                "created_at": "2026-11-22T12:00:00Z"}}"#
        );
        let subnet: Subnet = serde_json::from_str(&text).unwrap();
        assert_eq!(subnet.pools, ["10.0.0.1-10.0.0.254".parse().unwrap()]);
        let again: Subnet = serde_json::from_str(&serde_json::to_string(&subnet).unwrap()).unwrap();
        assert_eq!(again, subnet);
    }
}
