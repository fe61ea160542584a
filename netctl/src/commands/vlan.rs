//! `vlan-*`: networks of tenants.

use api::client::{Client, ListQuery};
use api::request::{NetworkCreate, NetworkKind, SubnetCreate};
use clap::Args;
use ipnet::IpNet;
use model::{Handout, Name, Network, PhysicalNetwork, Subnet, Tenant, VlanId};

use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};
use crate::resolve::{Scope, resolve};

/// Which network to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// The VLAN id; if absent, the lowest free one
    #[arg(long)]
    vlan: Option<VlanId>,
    /// The physical network that carries it; if absent, the only private one
    #[arg(long)]
    physical_network: Option<String>,
    /// The largest IP packet of its instances, in bytes; if absent, what can be carried
    #[arg(long)]
    mtu: Option<u16>,
    /// Make this subnet with it, such as 10.0.0.0/24
    #[arg(long, value_name = "CIDR")]
    subnet: Option<IpNet>,
}

/// Which networks to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    /// Only the ones with this VLAN id
    #[arg(long)]
    vlan: Option<VlanId>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<Network>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("name", |it, _| it.name.as_str().into()),
    column("vlan", |it, _| {
        let vlan = it.segment.vlan().map(|vlan| vlan.to_string());
        vlan.unwrap_or_default().into()
    }),
    column("physical_network", |it, names| {
        names.of(it.segment.physical_network_id().uuid()).into()
    }),
    column("mtu", |it, _| it.mtu.to_string().into()),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let carrier = self.physical_network.as_deref();
        let carrier = id_of::<PhysicalNetwork>(client, carrier, Scope::Pool).await?;
        let request = NetworkCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            kind: NetworkKind::Vlan,
            physical_network_id: carrier.map(Into::into),
            vlan: self.vlan,
            vni: None,
            mtu: self.mtu,
        };
        whole(client, &request, self.subnet).await
    }
}

/// Makes a network, with its subnet if one is asked for.
pub(super) async fn whole(
    client: &Client,
    request: &NetworkCreate,
    subnet: Option<IpNet>,
) -> Outcome {
    let network: Network = client.create(request).await?;
    match subnet {
        Some(cidr) => with_subnet(client, &network, cidr).await,
        None => Ok(object_of(&network).into()),
    }
}

/// Network and subnet are one thing to whoever asked for both: it is made whole or not at all.
async fn with_subnet(client: &Client, network: &Network, cidr: IpNet) -> Outcome {
    let request = SubnetCreate {
        network_id: network.id,
        name: None,
        cidr,
        gateway: None,
        pool_first: None,
        pool_last: None,
        handout: Handout::default(),
    };
    let refused = match client.create::<Subnet>(&request).await {
        Ok(subnet) => {
            let mut json = json(network);
            json["subnet"] = crate::print::json(&subnet);
            let id = network.id.to_string();
            return Ok(Output::Object { id, json }.into());
        }
        Err(error) => Failure::from(error),
    };
    let removed = client.delete::<Network>(network.id.uuid()).await;
    Err(match removed {
        Ok(()) => refused.but("the network was removed again"),
        Err(error) => refused
            .but("the network remains, without a subnet")
            .because(format!("could not remove the network: {error}"))
            .next(format!(
                "netctl {}-delete {}",
                network.segment.kind(),
                network.id
            )),
    })
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = ListQuery::default().filter("kind", NetworkKind::Vlan.name());
        let query = filter(query, "tenant_id", tenant.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let query = filter(query, "vlan", self.vlan.as_ref());
        let networks = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<PhysicalNetwork>(client).await?;
        Ok(Output::List(Listing::of(&networks, COLUMNS, &names)).into())
    }
}
