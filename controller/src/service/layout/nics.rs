//! Whether the hosts have the NICs that a topology wants, and can spare them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use api::problem::FieldCode;
use ipnet::IpNet;
use model::{Host, HostStatus, Name, Nic, NicName, NicUse, PhysicalNetwork, Role};

use super::{Fault, Layout, fault, uplink_on};

/// How many hosts are named in one message.
const HOSTS_NAMED: usize = 5;

/// Why a host's NIC cannot carry a physical network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    /// It is not there; these are.
    Absent(Vec<NicName>),
    /// Something that is not ours has it.
    Foreign(String),
    /// The host's default route leads through it.
    DefaultRoute,
    /// The controller reaches the host by an address of it.
    ManagementAddress,
    /// It has an address, which it would lose.
    Address(IpAddr),
}

/// Which physical network, which NIC, and why not: with the hosts where it is so.
type Obstacles<'a> = BTreeMap<(usize, &'a NicName, Obstacle), Vec<&'a Name>>;

/// Looks at every host that has told of its NICs; of the others nothing is known.
pub(super) fn check(layout: &Layout<'_>, faults: &mut Vec<Fault>) {
    let mut obstacles = Obstacles::new();
    let changed: Vec<&PhysicalNetwork> = layout.changed().collect();
    for host in &layout.hosts {
        let Some(seen) = layout.observed.host(host.id) else {
            continue;
        };
        if seen.nics.is_empty() {
            continue;
        }
        for (index, network) in changed.iter().enumerate() {
            let beside = beside(layout, host, network);
            for nic in uplink_on(host, network).nics() {
                let obstacle = obstacle(network, nic, (&seen.nics, &seen.status));
                if let Some(obstacle) = obstacle.filter(|it| !it.is_none_beside(&beside)) {
                    let hosts = obstacles.entry((index, nic, obstacle)).or_default();
                    hosts.push(&host.name);
                }
            }
        }
    }
    for ((index, nic, obstacle), mut hosts) in obstacles {
        hosts.sort();
        if let Some(network) = changed.get(index) {
            let message = obstacle.message(network, nic, &hosts);
            faults.push(fault(network, "uplink", obstacle.code(), message));
        }
    }
}

/// For whom the same NICs carry something on this host.
fn beside(layout: &Layout<'_>, host: &Host, network: &PhysicalNetwork) -> BTreeSet<Role> {
    let carrier = uplink_on(host, network).carrier();
    let all = layout.networks.iter();
    let same = all.filter(|it| uplink_on(host, it).carrier() == carrier);
    same.map(|it| it.role).collect()
}

fn obstacle(
    network: &PhysicalNetwork,
    name: &NicName,
    (nics, status): (&[Nic], &HostStatus),
) -> Option<Obstacle> {
    let Some(nic) = nics.iter().find(|nic| nic.name == *name) else {
        let names = nics.iter().map(|nic| nic.name.clone());
        return Some(Obstacle::Absent(names.collect()));
    };
    if let Some(NicUse::Other { name }) = &nic.used_by {
        return Some(Obstacle::Foreign(name.clone()));
    }
    if !matches!(network.role, Role::Private | Role::Public) {
        return None;
    }
    if nic.default_route {
        return Some(Obstacle::DefaultRoute);
    }
    let mut addresses = nic.addresses.iter().map(IpNet::addr);
    if addresses.any(|it| Some(it) == status.address) {
        return Some(Obstacle::ManagementAddress);
    }
    let mut addresses = nic.addresses.iter().map(IpNet::addr);
    let address = addresses.find(|it| !is_link_local(*it));
    address.map(Obstacle::Address)
}

/// Every NIC that is up has such an address in IPv6.
const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

impl Obstacle {
    /// Whether the bridge of what else the NIC carries takes addresses and routes over.
    fn is_none_beside(&self, roles: &BTreeSet<Role>) -> bool {
        let management = roles.contains(&Role::Management);
        match self {
            Self::Absent(_) | Self::Foreign(_) => false,
            Self::DefaultRoute | Self::ManagementAddress => management,
            Self::Address(_) => management || roles.contains(&Role::Storage),
        }
    }

    const fn code(&self) -> FieldCode {
        match self {
            Self::Absent(_) => FieldCode::UnknownReference,
            _ => FieldCode::Inconsistent,
        }
    }

    fn message(&self, network: &PhysicalNetwork, nic: &NicName, hosts: &[&Name]) -> String {
        let hosts = listed(hosts);
        let role = network.role;
        match self {
            Self::Absent(nics) => {
                let nics: Vec<&str> = nics.iter().map(NicName::as_str).collect();
                let nics = nics.join(", ");
                format!("there is no NIC {nic} on {hosts}; expected one of {nics}")
            }
            Self::Foreign(user) => {
                format!("{nic} is part of {user} on {hosts}; expected a NIC that nothing has")
            }
            Self::DefaultRoute => {
                format!(
                    "{nic} carries the default route of {hosts}; {}",
                    expected(role)
                )
            }
            Self::Address(address) => format!(
                "{nic} has the address {address} on {hosts}; expected a NIC without one: what \
                 carries neither management nor storage would lose it"
            ),
            Self::ManagementAddress => {
                format!(
                    "the controller reaches {hosts} by {nic}; {}",
                    expected(role)
                )
            }
        }
    }
}

/// What to do about a NIC that the host itself needs.
fn expected(role: Role) -> String {
    format!(
        "expected another NIC, or management on the same one (it or {role} as a VLAN of it), whose \
         bridge takes addresses and routes over"
    )
}

/// The first few hosts by name, and how many more.
fn listed(hosts: &[&Name]) -> String {
    let named: Vec<&str> = hosts
        .iter()
        .take(HOSTS_NAMED)
        .map(|it| it.as_str())
        .collect();
    let named = named.join(", ");
    match hosts.len().checked_sub(HOSTS_NAMED) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more"),
    }
}
