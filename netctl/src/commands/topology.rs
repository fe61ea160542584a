//! `pool-*`: what carries the pool's physical networks.

use std::collections::BTreeMap;
use std::str::FromStr;

use api::client::Client;
use api::request::{RoleChange, Setting, TopologyChange};
use api::resource::{HostTopology, TopologyView};
use clap::Args;
use ipnet::IpNet;
use model::report::ManagementPath;
use model::{PhysicalNetwork, Role, Uplink, VlanId, VlanRanges};
use serde::Serialize;

use super::Outcome;
use super::carried_out::{Asked, Patience, wait};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};

/// What carries what. What is not said stays as it is; none takes it away.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netctl pool-setup management=eth0 private=eth1 public=eth2 private-vlans=100-199 \\
      private-mtu=1600 private-endpoints=10.254.0.0/16
  netctl pool-setup management=eth0 private=eth0 public=eth0/vlan20 private-vlans=100-199
  netctl pool-setup management=eth0 private=eth1+eth2/lacp private-vlans=100-199
  netctl pool-setup storage=none

An uplink is a NIC, a bond of NICs (active-backup, balance-slb or lacp), or a VLAN of one.
Hosts that differ are told of with nic-assign, bond-create and management-move.")]
pub(crate) struct Setup {
    /// What carries management: the API, agents, sFlow
    #[arg(long, value_name = "UPLINK")]
    management: Option<Given<Uplink>>,
    /// What carries tenants' networks between hosts
    #[arg(long, value_name = "UPLINK")]
    private: Option<Given<Uplink>>,
    /// What leads to the outside
    #[arg(long, value_name = "UPLINK")]
    public: Option<Given<Uplink>>,
    /// What carries instances' disks
    #[arg(long, value_name = "UPLINK")]
    storage: Option<Given<Uplink>>,
    /// VLAN ids of private for tenant networks, such as 100-199,300
    #[arg(long, value_name = "VLANS")]
    private_vlans: Option<Given<VlanRanges>>,
    /// VLAN ids of public for tenant networks
    #[arg(long, value_name = "VLANS")]
    public_vlans: Option<Given<VlanRanges>>,
    /// The prefix that hosts take their endpoints of VXLAN and Geneve networks from
    #[arg(long, value_name = "CIDR")]
    private_endpoints: Option<Given<IpNet>>,
    /// What management's switches take untagged frames to be in; never a tenant's [default: 1]
    #[arg(long, value_name = "VLAN")]
    management_native_vlan: Option<VlanId>,
    /// What private's switches take untagged frames to be in; never a tenant's [default: 1]
    #[arg(long, value_name = "VLAN")]
    private_native_vlan: Option<VlanId>,
    /// What public's switches take untagged frames to be in; never a tenant's [default: 1]
    #[arg(long, value_name = "VLAN")]
    public_native_vlan: Option<VlanId>,
    /// What storage's switches take untagged frames to be in; never a tenant's [default: 1]
    #[arg(long, value_name = "VLAN")]
    storage_native_vlan: Option<VlanId>,
    /// The largest IP packet on management, in bytes [default: 1500]
    #[arg(long, value_name = "BYTES")]
    management_mtu: Option<u16>,
    /// The largest IP packet on private, in bytes [default: 1500]
    #[arg(long, value_name = "BYTES")]
    private_mtu: Option<u16>,
    /// The largest IP packet on public, in bytes [default: 1500]
    #[arg(long, value_name = "BYTES")]
    public_mtu: Option<u16>,
    /// The largest IP packet on storage, in bytes [default: 1500]
    #[arg(long, value_name = "BYTES")]
    storage_mtu: Option<u16>,
    #[command(flatten)]
    patience: Patience,
}

/// Nothing more to say.
#[derive(Debug, Args)]
pub(crate) struct Show {}

/// A value, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given<T> {
    None,
    Value(T),
}

impl<T: FromStr<Err: ToString>> FromStr for Given<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            text => {
                let value = text.parse().map(Self::Value);
                value.map_err(|error: T::Err| format!("{}, or none", error.to_string()))
            }
        }
    }
}

impl<T: Clone> Given<T> {
    fn setting(given: Option<&Self>) -> Setting<T> {
        match given {
            None => Setting::Kept,
            Some(Self::None) => Setting::Removed,
            Some(Self::Value(value)) => Setting::To(value.clone()),
        }
    }
}

impl Setup {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let change = self.change()?;
        let before = client.topology().await?;
        let accepted = client.topology_change(&change).await?;
        let asked = Asked {
            accepted,
            hosts: before.hosts,
        };
        wait(client, asked, &self.patience).await
    }

    fn change(&self) -> Result<TopologyChange, Failure> {
        let mut roles = BTreeMap::new();
        for (role, uplink, change) in self.roles() {
            match uplink {
                Some(Given::None) if change == RoleChange::default() => {
                    roles.insert(role, None);
                }
                Some(Given::None) => {
                    let says = format!("{role}=none takes {role} away; say nothing more of it");
                    return Err(Failure::new(Exit::Usage, says));
                }
                Some(Given::Value(uplink)) => {
                    let uplink = Some(uplink.clone());
                    roles.insert(role, Some(RoleChange { uplink, ..change }));
                }
                None if change != RoleChange::default() => {
                    roles.insert(role, Some(change));
                }
                None => {}
            }
        }
        let confirm_within_seconds = self.patience.confirm_within_seconds();
        if roles.is_empty() && confirm_within_seconds.is_none() {
            let says = "say what carries what, such as private=eth1 private-vlans=100-199";
            let failure = Failure::new(Exit::Usage, says);
            return Err(failure.next("see `netctl pool-setup --help` and `netctl pool-show`"));
        }
        Ok(TopologyChange {
            roles,
            confirm_within_seconds,
        })
    }

    /// What was said of each role.
    fn roles(&self) -> [(Role, Option<&Given<Uplink>>, RoleChange); 4] {
        let change = |native_vlan, mtu| RoleChange {
            native_vlan,
            mtu,
            ..RoleChange::default()
        };
        let private = RoleChange {
            vlans: Given::setting(self.private_vlans.as_ref()),
            endpoints: Given::setting(self.private_endpoints.as_ref()),
            ..change(self.private_native_vlan, self.private_mtu)
        };
        let public = RoleChange {
            vlans: Given::setting(self.public_vlans.as_ref()),
            ..change(self.public_native_vlan, self.public_mtu)
        };
        let management = change(self.management_native_vlan, self.management_mtu);
        let storage = change(self.storage_native_vlan, self.storage_mtu);
        [
            (Role::Management, self.management.as_ref(), management),
            (Role::Private, self.private.as_ref(), private),
            (Role::Public, self.public.as_ref(), public),
            (Role::Storage, self.storage.as_ref(), storage),
        ]
    }
}

/// A physical network on a host, or in the pool.
#[derive(Serialize)]
struct Row {
    host: String,
    physical_network: String,
    role: Role,
    uplink: Uplink,
    address: String,
    state: String,
}

const COLUMNS: &[Column<Row>] = &[
    column("host", |it, _| it.host.as_str().into()),
    column("physical_network", |it, _| {
        it.physical_network.as_str().into()
    }),
    column("role", |it, _| it.role.to_string().into()),
    column("uplink", |it, _| it.uplink.to_string().into()),
    column("address", |it, _| it.address.as_str().into()),
    column("state", |it, _| it.state.as_str().into()),
];

impl Show {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let topology = client.topology().await?;
        let mut rows: Vec<Row> = Vec::new();
        rows.extend(topology.physical_networks.iter().map(of_pool));
        for host in &topology.hosts {
            rows.extend(of_host(host, &topology));
        }
        let id = |row: &Row| row.physical_network.clone();
        let listing = Listing::with_ids(&rows, COLUMNS, &Names::default(), id);
        Ok(Output::List(listing.with_json(json(&topology))).into())
    }
}

fn of_pool(network: &PhysicalNetwork) -> Row {
    Row {
        host: "(pool)".to_owned(),
        physical_network: network.name.to_string(),
        role: network.role,
        uplink: network.uplink.clone(),
        address: String::new(),
        state: String::new(),
    }
}

/// What a host has of its own, and how it stands with the way to the controller.
fn of_host(host: &HostTopology, topology: &TopologyView) -> Vec<Row> {
    let networks = topology.physical_networks.iter();
    let rows = networks.filter_map(|network| {
        let mut exceptions = host.uplinks.iter();
        let own = exceptions.find(|it| it.physical_network_id == network.id);
        let is_management = network.role == Role::Management;
        // A host that is as the pool is worth a line only for how it is reached.
        (own.is_some() || is_management).then(|| Row {
            host: host.name.to_string(),
            physical_network: network.name.to_string(),
            role: network.role,
            uplink: own
                .and_then(|it| it.uplink.clone())
                .unwrap_or_else(|| network.uplink.clone()),
            address: own
                .and_then(|it| it.address.as_ref())
                .map_or(String::new(), |it| it.address.to_string()),
            state: match is_management {
                true => state(host),
                false => String::new(),
            },
        })
    });
    rows.collect()
}

fn state(host: &HostTopology) -> String {
    match &host.management_path {
        _ if !host.connected => "not connected".to_owned(),
        ManagementPath::Settled => "settled".to_owned(),
        ManagementPath::OnTrial { until } => format!("on trial until {until}"),
        ManagementPath::Reverted { reason, .. } => format!("reverted: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_or_none_is_read_and_anything_else_says_what_is_allowed() {
        assert_eq!("none".parse(), Ok(Given::<Uplink>::None));
        let uplink: Given<Uplink> = "eth1+eth2/lacp".parse().unwrap();
        assert_eq!(uplink, Given::Value("eth1+eth2/lacp".parse().unwrap()));
        let refused = "eth1/lacp".parse::<Given<Uplink>>().unwrap_err();
        assert!(refused.ends_with(", or none"), "{refused}");
    }
}
