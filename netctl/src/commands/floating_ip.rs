//! `floating-ip-*`: addresses of external networks that stand for VIFs.

use std::net::IpAddr;

use api::client::{Client, ListQuery};
use api::request::{FloatingIpCreate, FloatingIpUpdate, Setting};
use api::resource::PortView;
use clap::Args;
use model::{Family, FloatingIp, Network, Tenant};

use super::group::IpVersion;
use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve, resolve_network};

/// Which address to take.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The address; if absent, the next free one of the network
    address: Option<IpAddr>,
    /// The version of IP, where no address says it
    #[arg(long, value_enum)]
    family: Option<IpVersion>,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// The external network: one of the tenant's own, or one that is shared
    #[arg(long)]
    network: String,
    /// The VIF that it stands for, if it is to be bound at once
    #[arg(long)]
    vif: Option<String>,
    /// Which of the VIF's addresses; if absent, its first
    #[arg(long)]
    vif_address: Option<IpAddr>,
}

/// Which floating IPs to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only this network's
    #[arg(long)]
    network: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// One floating IP.
#[derive(Clone, Debug, Args)]
pub(crate) struct Floating {
    /// The address, its id, or the start of its id
    address: String,
    /// Whose it is, where several networks use the address
    #[arg(long)]
    tenant: Option<String>,
}

/// What it is to stand for.
#[derive(Debug, Args)]
pub(crate) struct Bind {
    #[command(flatten)]
    floating: Floating,
    /// The VIF
    #[arg(long)]
    vif: String,
    /// Which of the VIF's addresses; if absent, its first
    #[arg(long)]
    vif_address: Option<IpAddr>,
}

const COLUMNS: &[Column<FloatingIp>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("network", |it, names| names.of(it.network_id.uuid()).into()),
    column("address", |it, _| it.address.to_string().into()),
    column("vif", |it, names| {
        let vif = it.bound.map(|bound| names.of(bound.port_id.uuid()));
        vif.unwrap_or_default().into()
    }),
    column("vif-address", |it, _| {
        let address = it.bound.map(|bound| bound.address.to_string());
        address.unwrap_or_default().into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let scope = Scope::Tenant(tenant.id);
        let network = resolve_network(client, &self.network, scope).await?;
        let port = id_of::<PortView>(client, self.vif.as_deref(), scope).await?;
        let request = FloatingIpCreate {
            tenant_id: tenant.id,
            network_id: network.id,
            family: self.family.map(Family::from),
            address: self.address,
            port_id: port.map(Into::into),
            port_address: self.vif_address,
        };
        let floating: FloatingIp = client.create(&request).await?;
        Ok(object_of(&floating).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let network = id_of::<Network>(client, self.network.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "network_id", network.as_ref());
        let floating = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Network>(client).await?;
        let names = names.with::<PortView>(client).await?;
        Ok(Output::List(Listing::of(&floating, COLUMNS, &names)).into())
    }
}

impl Floating {
    /// The one with this address.
    pub(super) fn at(address: IpAddr, tenant: Option<String>) -> Self {
        Self {
            address: address.to_string(),
            tenant,
        }
    }

    /// The only one that is meant.
    pub(super) async fn find(&self, client: &Client) -> Result<FloatingIp, Failure> {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let Ok(address) = self.address.parse::<IpAddr>() else {
            return resolve(client, &self.address, scope).await;
        };
        let query = ListQuery::default().filter("address", address);
        let query = filter(query, "tenant_id", scope.tenant().as_ref());
        let mut found: Vec<FloatingIp> = client.list_all(&query).await?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let says = format!("there is no floating IP {address}");
                let failure = Failure::new(Exit::NotFound, says);
                Err(failure.next("see `netctl floating-ip-list`"))
            }
            many => {
                let says = format!("{many} networks have a floating IP {address}");
                let failure = Failure::new(Exit::Usage, says);
                Err(failure.next("give its id, or say whose it is with tenant=..."))
            }
        }
    }

    pub(super) async fn show(&self, client: &Client) -> Outcome {
        Ok(object_of(&self.find(client).await?).into())
    }

    pub(super) async fn delete(&self, client: &Client) -> Outcome {
        let floating = self.find(client).await?;
        client.delete::<FloatingIp>(floating.id.uuid()).await?;
        let id = floating.id.to_string();
        let output = Output::Said {
            text: format!("deleted floating IP {} ({id})", floating.address),
            json: serde_json::json!({ "deleted": id }),
            id,
        };
        Ok(output.into())
    }

    pub(super) async fn unbind(&self, client: &Client) -> Outcome {
        let request = FloatingIpUpdate {
            port_id: Setting::Removed,
            port_address: None,
        };
        let floating = self.find(client).await?;
        let floating: FloatingIp = client.update(floating.id.uuid(), &request).await?;
        Ok(object_of(&floating).into())
    }
}

impl Bind {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let floating = self.floating.find(client).await?;
        let scope = Scope::Tenant(floating.tenant_id);
        let port: PortView = resolve(client, &self.vif, scope).await?;
        let request = FloatingIpUpdate {
            port_id: Setting::To(port.port.id),
            port_address: self.vif_address,
        };
        let floating: FloatingIp = client.update(floating.id.uuid(), &request).await?;
        Ok(object_of(&floating).into())
    }
}
