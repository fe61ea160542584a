//! `vxlan-*` and `geneve-*`: networks of tenants that travel in tunnels between hosts.

use api::client::{Client, ListQuery};
use api::request::{NetworkCreate, NetworkKind};
use clap::Args;
use ipnet::IpNet;
use model::{Name, Network, PhysicalNetwork, Tenant, Vni};

use super::vlan::whole;
use super::{ListArgs, Outcome, filter, id_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// Which network to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// The VNI, unique in the pool; if absent, a free one from 4096 on
    #[arg(long)]
    vni: Option<Vni>,
    /// The physical network that carries it; if absent, the one with endpoints
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
    /// Only the one with this VNI
    #[arg(long)]
    vni: Option<Vni>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<Network>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("name", |it, _| it.name.as_str().into()),
    column("vni", |it, _| {
        let vni = it.segment.tunnel().map(|(_, vni)| vni.to_string());
        vni.unwrap_or_default().into()
    }),
    column("physical_network", |it, names| {
        names.of(it.segment.physical_network_id().uuid()).into()
    }),
    column("mtu", |it, _| it.mtu.to_string().into()),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client, kind: NetworkKind) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let carrier = self.physical_network.as_deref();
        let carrier = id_of::<PhysicalNetwork>(client, carrier, Scope::Pool).await?;
        let request = NetworkCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            kind,
            physical_network_id: carrier.map(Into::into),
            vlan: None,
            vni: self.vni,
            mtu: self.mtu,
        };
        whole(client, &request, self.subnet).await
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client, kind: NetworkKind) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = ListQuery::default().filter("kind", kind.name());
        let query = filter(query, "tenant_id", tenant.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let query = filter(query, "vni", self.vni.as_ref());
        let networks = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<PhysicalNetwork>(client).await?;
        Ok(Output::List(Listing::of(&networks, COLUMNS, &names)).into())
    }
}
