//! `physical-network-*`

use api::client::{Client, ListQuery};
use api::request::PhysicalNetworkCreate;
use clap::Args;
use ipnet::IpNet;
use model::{Name, PhysicalNetwork, Role, Uplink, VlanId, VlanRanges};

use super::{ListArgs, Outcome, filter, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};

/// Which physical network to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: at most 12 ASCII letters, digits, - or _
    name: Name,
    /// What it is for: management, private, public or storage
    #[arg(long, default_value_t = Role::Private)]
    role: Role,
    /// What carries it on every host: a NIC, a bond, or a VLAN of one, such as eth1,
    /// eth1+eth2/lacp or eth0/vlan20
    #[arg(long, alias = "nic")]
    uplink: Uplink,
    /// VLAN ids for tenant networks, such as 100-199,300
    #[arg(long)]
    vlans: Option<VlanRanges>,
    /// What its switches take untagged frames to be in, which is not for tenants [default: 1]
    #[arg(long)]
    native_vlan: Option<VlanId>,
    /// The largest IP packet it carries, in bytes [default: 1500]
    #[arg(long)]
    mtu: Option<u16>,
    /// The prefix that hosts take their endpoints of VXLAN and Geneve networks from, such as
    /// 10.254.0.0/16
    #[arg(long, value_name = "CIDR")]
    endpoints: Option<IpNet>,
}

/// Which physical networks to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only the one of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those for this
    #[arg(long)]
    role: Option<Role>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<PhysicalNetwork>] = &[
    column("name", |it, _| it.name.as_str().into()),
    column("role", |it, _| it.role.to_string().into()),
    column("uplink", |it, _| it.uplink.to_string().into()),
    column("vlans", |it, _| {
        it.vlans
            .as_ref()
            .map_or(String::new(), ToString::to_string)
            .into()
    }),
    column("mtu", |it, _| it.mtu.to_string().into()),
    column("endpoints", |it, _| {
        it.endpoints
            .map_or(String::new(), |prefix| prefix.to_string())
            .into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let request = PhysicalNetworkCreate {
            name: self.name.clone(),
            role: self.role,
            uplink: self.uplink.clone(),
            vlans: self.vlans.clone(),
            native_vlan: self.native_vlan,
            mtu: self.mtu,
            endpoints: self.endpoints,
        };
        let network: PhysicalNetwork = client.create(&request).await?;
        Ok(object_of(&network).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let query = filter(ListQuery::default(), "name", self.name.as_ref());
        let query = filter(query, "role", self.role.as_ref());
        let networks = self.list.fetch(client, query).await?;
        Ok(Output::List(Listing::of(&networks, COLUMNS, &Names::default())).into())
    }
}
