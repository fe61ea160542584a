//! Whether the hosts have the NICs that a topology wants, and can spare them.

use std::collections::BTreeMap;

use api::problem::FieldCode;
use model::{Host, HostStatus, Name, Nic, NicName, NicUse, PhysicalNetwork, Role, Uplink};

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
            let shared = shared_with_management(layout, host, network);
            for nic in uplink_on(host, network).nics() {
                let obstacle = obstacle(network, nic, (&seen.nics, &seen.status));
                if let Some(obstacle) = obstacle.filter(|it| !shared || !it.is_of_management()) {
                    let hosts = obstacles.entry((index, nic, obstacle)).or_default();
                    hosts.push(&host.name);
                }
            }
        }
    }
    for ((index, nic, obstacle), hosts) in obstacles {
        if let Some(network) = changed.get(index) {
            let message = obstacle.message(network, nic, &hosts);
            faults.push(fault(network, "uplink", obstacle.code(), message));
        }
    }
}

/// Whether management has the same NICs on this host: then addresses and routes move with it.
fn shared_with_management(layout: &Layout<'_>, host: &Host, network: &PhysicalNetwork) -> bool {
    let carrier = |it: &PhysicalNetwork| Uplink::carrier(uplink_on(host, it)).clone();
    let mut all = layout.networks.iter();
    all.any(|it| it.role == Role::Management && carrier(it) == carrier(network))
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
    let mut addresses = nic.addresses.iter().map(|it| Some(it.addr()));
    addresses
        .any(|it| it == status.address)
        .then_some(Obstacle::ManagementAddress)
}

impl Obstacle {
    /// Whether it is none where management has the NIC.
    const fn is_of_management(&self) -> bool {
        matches!(self, Self::DefaultRoute | Self::ManagementAddress)
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
