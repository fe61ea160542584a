//! `router-gateway-*`: how routers lead to external networks.

use api::client::{Client, ListQuery};
use api::request::GatewayCreate;
use api::resource::HostView;
use clap::{Args, ValueEnum};
use model::{Gateway, Network, Router, Snat, Tenant};

use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::{Scope, resolve, resolve_network};

/// Which router leads where.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The router's name, its id, or the start of its id
    name: String,
    /// The external network: one of the tenant's own, or one that is shared
    #[arg(long)]
    network: String,
    /// Whose the router is
    #[arg(long)]
    tenant: Option<String>,
    /// Whether VIFs without a floating IP get out, each in the name of its host
    #[arg(long)]
    snat: Option<Switch>,
    /// The hosts through which these get out, comma-separated: the first that lives
    #[arg(long, value_delimiter = ',')]
    hosts: Vec<String>,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl From<Switch> for Snat {
    fn from(switch: Switch) -> Self {
        match switch {
            Switch::On => Self::On,
            Switch::Off => Self::Off,
        }
    }
}

/// Which router leads outside no more.
#[derive(Debug, Args)]
pub(crate) struct Clear {
    /// The router's name, its id, or the start of its id
    name: String,
    /// Whose the router is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// Which gateways to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this tenant's routers
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<Gateway>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("router", |it, names| names.of(it.router_id.uuid()).into()),
    column("network", |it, names| names.of(it.network_id.uuid()).into()),
    column("snat", |it, _| word(&it.snat).into()),
    column("hosts", |it, names| {
        let hosts = it.host_ids.iter().map(|id| names.of(id.uuid()));
        hosts.collect::<Vec<_>>().join(" ").into()
    }),
    column("addresses", |it, _| {
        let addresses = it.addresses.iter().map(|it| it.address.to_string());
        addresses.collect::<Vec<_>>().join(" ").into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let router: Router = resolve(client, &self.name, scope).await?;
        let owner = Scope::Tenant(router.tenant_id);
        let network = resolve_network(client, &self.network, owner).await?;
        let mut request = GatewayCreate {
            router_id: router.id,
            network_id: network.id,
            snat: self.snat.map(Snat::from),
            host_ids: Vec::new(),
        };
        for name in &self.hosts {
            let host: HostView = resolve(client, name, Scope::Pool).await?;
            request.host_ids.push(host.host.id);
        }
        let gateway: Gateway = client.create(&request).await?;
        Ok(object_of(&gateway).into())
    }
}

impl Clear {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let router: Router = resolve(client, &self.name, scope).await?;
        let query = ListQuery::default().filter("router_id", router.id);
        let gateways: Vec<Gateway> = client.list_all(&query).await?;
        let Some(gateway) = gateways.first() else {
            let says = format!(
                "router {} leads to no external network",
                router.name.as_str()
            );
            return Err(Failure::new(Exit::NotFound, says));
        };
        client.delete::<Gateway>(gateway.id.uuid()).await?;
        let id = gateway.id.to_string();
        let output = Output::Said {
            text: format!("router {} leads outside no more", router.name.as_str()),
            json: serde_json::json!({ "deleted": id }),
            id,
        };
        Ok(output.into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let gateways = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Router>(client).await?;
        let names = names.with::<Network>(client).await?;
        let names = names.with::<HostView>(client).await?;
        Ok(Output::List(Listing::of(&gateways, COLUMNS, &names)).into())
    }
}
