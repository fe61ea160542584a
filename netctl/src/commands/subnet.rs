//! `subnet-*`

use std::net::IpAddr;

use api::client::{Client, ListQuery};
use api::request::{Setting, SubnetCreate, SubnetUpdate};
use clap::{ArgAction, Args};
use ipnet::IpNet;
use model::{AddressRange, DomainName, Handout, Name, Network, Route, Subnet, Tenant};

use super::{ListArgs, Maybe, Outcome, filter, id_of, object_of, optional, present};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// Which subnet to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Option<Name>,
    /// The network it belongs to
    #[arg(long)]
    network: String,
    /// Whose network that is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// The prefix, such as 10.0.0.0/24
    #[arg(long)]
    cidr: IpNet,
    /// The gateway's address; if absent, the first one
    #[arg(long)]
    gateway: Option<IpAddr>,
    /// Where addresses are allocated from, such as 10.0.0.10-10.0.0.99,10.0.0.200; if absent, all
    #[arg(long, value_delimiter = ',')]
    pool: Option<Vec<AddressRange>>,
    /// Resolvers that its VIFs are told of, such as 9.9.9.9,2620:fe::fe
    #[arg(long, value_delimiter = ',')]
    dns: Vec<IpAddr>,
    /// The domain that its VIFs are told to look short names up in
    #[arg(long)]
    domain: Option<DomainName>,
    /// A route that its VIFs are told of, such as "10.9.0.0/16 via 10.0.0.7"; may be repeated
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<Route>,
    /// Whether DHCP hands out its addresses
    #[arg(long, action = ArgAction::Set, default_value_t = true)]
    dhcp: bool,
    /// For how many seconds DHCP gives an address out: 60 to 2592000
    #[arg(long, default_value_t = Handout::default().lease_seconds)]
    lease: u32,
    /// Whether the gateway answers for the names of VIFs in the domain
    #[arg(long, action = ArgAction::Set, default_value_t = false)]
    dns_names: bool,
    /// Resolvers that hosts ask on behalf of VIFs, whom the gateway then answers
    #[arg(long, value_delimiter = ',')]
    dns_forward: Vec<IpAddr>,
}

/// What to change of a subnet; the rest stays.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Its name, its id, or the start of its id
    name: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// The gateway's address
    #[arg(long)]
    gateway: Option<IpAddr>,
    /// Where addresses are allocated from, such as 10.0.0.10-10.0.0.99,10.0.0.200
    #[arg(long, value_delimiter = ',')]
    pool: Option<Vec<AddressRange>>,
    /// Resolvers that its VIFs are told of; none if empty
    #[arg(long, value_delimiter = ',', value_parser = optional::<IpAddr>)]
    dns: Option<Vec<Maybe<IpAddr>>>,
    /// The domain that its VIFs are told to look short names up in; none if empty
    #[arg(long, value_parser = optional::<DomainName>)]
    domain: Option<Maybe<DomainName>>,
    /// A route that its VIFs are told of; may be repeated, none if empty
    #[arg(long = "route", value_name = "ROUTE", value_parser = optional::<Route>)]
    routes: Option<Vec<Maybe<Route>>>,
    /// Whether DHCP hands out its addresses
    #[arg(long, action = ArgAction::Set)]
    dhcp: Option<bool>,
    /// For how many seconds DHCP gives an address out: 60 to 2592000
    #[arg(long)]
    lease: Option<u32>,
    /// Whether the gateway answers for the names of VIFs in the domain
    #[arg(long, action = ArgAction::Set)]
    dns_names: Option<bool>,
    /// Resolvers that hosts ask on behalf of VIFs; none if empty
    #[arg(long, value_delimiter = ',', value_parser = optional::<IpAddr>)]
    dns_forward: Option<Vec<Maybe<IpAddr>>>,
}

/// Which subnets to list.
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

const COLUMNS: &[Column<Subnet>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("network", |it, names| names.of(it.network_id.uuid()).into()),
    column("name", |it, _| {
        it.name.as_ref().map_or("", Name::as_str).into()
    }),
    column("cidr", |it, _| it.cidr.to_string().into()),
    column("gateway", |it, _| it.gateway.to_string().into()),
    column("pools", |it, _| {
        let pools: Vec<String> = it.pools.iter().map(ToString::to_string).collect();
        pools.join(" ").into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let network: Network = resolve(client, &self.network, scope).await?;
        let request = SubnetCreate {
            network_id: network.id,
            name: self.name.clone(),
            cidr: self.cidr,
            gateway: self.gateway,
            pools: self.pool.clone(),
            handout: Handout {
                dhcp: self.dhcp,
                dns: self.dns.clone(),
                domain: self.domain.clone(),
                routes: self.routes.clone(),
                lease_seconds: self.lease,
                dns_names: self.dns_names,
                dns_forward: self.dns_forward.clone(),
            },
        };
        let subnet: Subnet = client.create(&request).await?;
        Ok(object_of(&subnet).into())
    }
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let subnet: Subnet = resolve(client, &self.name, scope).await?;
        let request = SubnetUpdate {
            gateway: self.gateway,
            pools: self.pool.clone(),
            dhcp: self.dhcp,
            dns: self.dns.as_deref().map(present),
            domain: match &self.domain {
                None => Setting::Kept,
                Some(Maybe(None)) => Setting::Removed,
                Some(Maybe(Some(domain))) => Setting::To(domain.clone()),
            },
            routes: self.routes.as_deref().map(present),
            lease_seconds: self.lease,
            dns_names: self.dns_names,
            dns_forward: self.dns_forward.as_deref().map(present),
        };
        let subnet: Subnet = client.update(subnet.id.uuid(), &request).await?;
        Ok(object_of(&subnet).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let scope = tenant.map_or(Scope::Pool, |id| Scope::Tenant(id.into()));
        let network = id_of::<Network>(client, self.network.as_deref(), scope).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "network_id", network.as_ref());
        let subnets = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Network>(client).await?;
        Ok(Output::List(Listing::of(&subnets, COLUMNS, &names)).into())
    }
}
