//! The NICs that only tenants' frames come in by.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use compute::SHIELDED_GROUP;
use model::Role;
use model::plan::{HostPlan, PlanItem};
use nix::net::if_::if_nametoindex;
use tokio::sync::watch;
use tokio::time::timeout;

use super::AGAIN;
use crate::links::{ensure_group, interface_towards};
use crate::status::Remarks;

/// The group of links that nobody put into one.
const NO_GROUP: u32 = 0;

/// Which NICs these are: those that the plan has private and public networks on.
#[derive(Debug)]
pub struct Nics {
    /// The newest plan.
    pub plan: watch::Receiver<Option<Arc<HostPlan>>>,
    /// Where the controller is: the way there is never closed.
    pub controller: SocketAddr,
}

impl Nics {
    /// Puts them behind the shield, and lets go of those that become something else. Never returns.
    pub(super) async fn put_behind(mut self, remarks: &Remarks) {
        let mut behind = BTreeMap::new();
        loop {
            let plan = self.plan.borrow_and_update().clone();
            let management = interface_towards(self.controller).ok();
            let wanted = plan.map(|plan| shielded(&plan, management.as_deref()));
            // Without a plan nothing is known, and so nothing is changed.
            if let Some(wanted) = wanted {
                change(&mut behind, &wanted, remarks).await;
            }
            if let Ok(Err(_)) = timeout(AGAIN, self.plan.changed()).await {
                // No plan will ever come again.
                return std::future::pending().await;
            }
        }
    }
}

/// The NICs that carry tenants' frames and nothing of the host's own.
fn shielded(plan: &HostPlan, management: Option<&str>) -> BTreeSet<String> {
    let networks = || {
        plan.items.values().filter_map(|item| match item {
            PlanItem::PhysicalNetwork(network) => Some(network),
            _ => None,
        })
    };
    let on = |roles: &[Role]| -> BTreeSet<String> {
        let with_role = networks().filter(|network| roles.contains(&network.role));
        with_role.map(|network| network.nic.to_string()).collect()
    };
    let mut nics = on(&[Role::Private, Role::Public]);
    for own in on(&[Role::Management, Role::Storage]) {
        nics.remove(&own);
    }
    nics.retain(|nic| Some(nic.as_str()) != management);
    nics
}

/// Makes just these NICs be behind the shield. What could not be done is tried again.
async fn change(behind: &mut BTreeMap<String, u32>, wanted: &BTreeSet<String>, remarks: &Remarks) {
    let gone = behind.keys().filter(|nic| !wanted.contains(*nic));
    for nic in gone.cloned().collect::<Vec<_>>() {
        if let Some(number) = behind.remove(&nic) {
            // A NIC that is not there any more needs no group.
            let _gone = ensure_group(&nic, number, NO_GROUP).await;
        }
    }
    for nic in wanted {
        match put(nic).await {
            Ok(number) => _ = behind.insert(nic.clone(), number),
            // It will be looked for again; that it is missing is for others to report.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => remarks.push(format!("the NIC {nic} could not be shielded: {error}")),
        }
    }
}

async fn put(nic: &str) -> io::Result<u32> {
    let number = if_nametoindex(nic).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
    ensure_group(nic, number, SHIELDED_GROUP).await?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use model::plan::{Generation, PlannedPhysicalNetwork};

    use super::*;

    fn plan(networks: &[(Role, &str)]) -> HostPlan {
        let items = networks.iter().map(|(role, nic)| {
            let item = PlanItem::PhysicalNetwork(PlannedPhysicalNetwork {
                id: model::Id::generate(),
                name: "any".parse().unwrap(),
                role: *role,
                nic: nic.parse().unwrap(),
                vlans: None,
                mtu: 1500,
                endpoint: None,
            });
            (item.key(), item)
        });
        HostPlan {
            generation: Generation(1),
            items: items.collect(),
        }
    }

    #[test]
    fn only_nics_that_tenants_alone_are_on_are_behind_the_shield() {
        let separate = plan(&[
            (Role::Management, "eth0"),
            (Role::Private, "eth1"),
            (Role::Public, "eth2"),
            (Role::Storage, "eth3"),
        ]);
        let both = ["eth1", "eth2"].map(str::to_owned);
        assert_eq!(shielded(&separate, Some("eth0")), both.into());
        let one = plan(&[(Role::Management, "eth0"), (Role::Private, "eth0")]);
        assert_eq!(shielded(&one, Some("br-mgmt")), BTreeSet::new());
        let unsaid = plan(&[(Role::Private, "eth0")]);
        assert_eq!(shielded(&unsaid, Some("eth0")), BTreeSet::new());
    }
}
