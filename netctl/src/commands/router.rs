//! `router-*`: what joins networks of a tenant.

use std::net::IpAddr;

use api::client::Client;
use api::request::{NetworksUpdate, RouterCreate, RouterUpdate, RoutesUpdate};
use clap::Args;
use ipnet::IpNet;
use model::{Name, Network, NetworkId, Router, StaticRoute, Tenant};

use super::{Outcome, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
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

/// Which network a router is to join, or to leave.
#[derive(Debug, Args)]
pub(crate) struct Interface {
    /// The router: its name, its id, or the start of its id
    name: String,
    /// The network, whose gateway the router is
    #[arg(long)]
    network: String,
    /// Whose they are, where several tenants use the names
    #[arg(long)]
    tenant: Option<String>,
}

/// Which route to add.
#[derive(Debug, Args)]
pub(crate) struct RouteAdd {
    /// The router: its name, its id, or the start of its id
    name: String,
    /// Where it leads, such as 10.9.0.0/16 or ::/0
    #[arg(long)]
    prefix: IpNet,
    /// The address of a VIF, or of a pair of one, on a network of the router
    #[arg(long)]
    via: IpAddr,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// Which route to remove.
#[derive(Debug, Args)]
pub(crate) struct RouteRemove {
    /// The router: its name, its id, or the start of its id
    name: String,
    /// Where it leads
    #[arg(long)]
    prefix: IpNet,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// Whose routes to list.
#[derive(Debug, Args)]
pub(crate) struct RouteList {
    /// The router: its name, its id, or the start of its id
    name: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

const ROUTE_COLUMNS: &[Column<StaticRoute>] = &[
    column("prefix", |it, _| it.prefix.to_string().into()),
    column("via", |it, _| it.via.to_string().into()),
];

pub(super) const COLUMNS: &[Column<Router>] = &[
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

/// A router, by its name and perhaps its tenant's, and where its networks are looked for.
async fn found(
    client: &Client,
    (name, tenant): (&str, Option<&str>),
) -> Result<(Router, Scope), Failure> {
    let scope = Scope::of(client, tenant).await?;
    let router: Router = resolve(client, name, scope).await?;
    let scope = Scope::Tenant(router.tenant_id);
    Ok((router, scope))
}

async fn change(client: &Client, router: &Router, request: RouterUpdate) -> Outcome {
    let changed: Router = client.update(router.id.uuid(), &request).await?;
    Ok(object_of(&changed).into())
}

impl Interface {
    /// The router joins the network.
    pub(super) async fn add(&self, client: &Client) -> Outcome {
        self.run(client, |id| NetworksUpdate {
            add: vec![id],
            ..NetworksUpdate::default()
        })
        .await
    }

    /// The router leaves the network.
    pub(super) async fn remove(&self, client: &Client) -> Outcome {
        self.run(client, |id| NetworksUpdate {
            remove: vec![id],
            ..NetworksUpdate::default()
        })
        .await
    }

    async fn run(&self, client: &Client, update: fn(NetworkId) -> NetworksUpdate) -> Outcome {
        let (router, scope) = found(client, (&self.name, self.tenant.as_deref())).await?;
        let network: Network = resolve(client, &self.network, scope).await?;
        let request = RouterUpdate {
            networks: update(network.id),
            ..RouterUpdate::default()
        };
        change(client, &router, request).await
    }
}

fn routes(routes: RoutesUpdate) -> RouterUpdate {
    RouterUpdate {
        routes,
        ..RouterUpdate::default()
    }
}

impl RouteAdd {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (router, _) = found(client, (&self.name, self.tenant.as_deref())).await?;
        let route = StaticRoute {
            prefix: self.prefix,
            via: self.via,
        };
        let request = routes(RoutesUpdate {
            add: vec![route],
            ..RoutesUpdate::default()
        });
        change(client, &router, request).await
    }
}

impl RouteRemove {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (router, _) = found(client, (&self.name, self.tenant.as_deref())).await?;
        let mut held = router.routes.iter();
        let Some(route) = held.find(|it| it.prefix == self.prefix) else {
            let says = format!("the router {} has no route to {}", self.name, self.prefix);
            let failure = Failure::new(Exit::NotFound, says);
            return Err(failure.next(format!("see `netctl router-route-list {}`", self.name)));
        };
        let request = routes(RoutesUpdate {
            remove: vec![*route],
            ..RoutesUpdate::default()
        });
        change(client, &router, request).await
    }
}

impl RouteList {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (mut router, _) = found(client, (&self.name, self.tenant.as_deref())).await?;
        router.routes.sort();
        let id = |route: &StaticRoute| route.prefix.to_string();
        let names = Names::default();
        let listing = Listing::with_ids(&router.routes, ROUTE_COLUMNS, &names, id);
        Ok(Output::List(listing).into())
    }
}
