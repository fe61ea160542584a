//! `router-*`: what joins networks of a tenant.

use api::client::{Client, ListQuery};
use api::request::RouterCreate;
use clap::Args;
use model::{Name, Network, Router, Tenant};

use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// Which router to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// The networks it joins, comma-separated
    #[arg(long, value_delimiter = ',')]
    network: Vec<String>,
}

/// Which routers to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<Router>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("name", |it, _| it.name.as_str().into()),
    column("networks", |it, names| {
        let networks = it.network_ids.iter().map(|id| names.of(id.uuid()));
        networks.collect::<Vec<_>>().join(" ").into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let mut request = RouterCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            network_ids: Vec::new(),
        };
        for name in &self.network {
            let network: Network = resolve(client, name, Scope::Tenant(tenant.id)).await?;
            request.network_ids.push(network.id);
        }
        let router: Router = client.create(&request).await?;
        Ok(object_of(&router).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let routers = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Network>(client).await?;
        Ok(Output::List(Listing::of(&routers, COLUMNS, &names)).into())
    }
}
