//! `vif-*`: ports.

use std::net::IpAddr;

use api::client::{Client, ListQuery};
use api::request::PortCreate;
use api::resource::{HostView, PortView};
use clap::{Args, ValueEnum};
use model::{MacAddr, Name, Network, PortState, Tenant};

use super::{ListArgs, Outcome, filter, group, id_of, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::{Scope, resolve_network};

/// Which VIF to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Option<Name>,
    /// The network it will be on
    #[arg(long)]
    network: String,
    /// Who will own it: the network's tenant, or on a network that is shared any other
    #[arg(long)]
    tenant: Option<String>,
    /// Its Ethernet address; if absent, one is made up
    #[arg(long)]
    mac: Option<MacAddr>,
    /// Its addresses, comma-separated; if absent, one of every subnet of the network
    #[arg(long, value_delimiter = ',')]
    address: Option<Vec<IpAddr>>,
    /// The security groups it is in, comma-separated; if absent, its tenant's default group
    #[arg(long, value_delimiter = ',')]
    groups: Option<Vec<String>>,
    /// The host it will appear on, if known
    #[arg(long)]
    host: Option<String>,
}

/// Which VIFs to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only this network's
    #[arg(long)]
    network: Option<String>,
    /// Only those on this host
    #[arg(long)]
    host: Option<String>,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those whose frames flow so
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    list: ListArgs,
}

/// Whether frames flow.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Down,
    Building,
    Active,
}

const COLUMNS: &[Column<PortView>] = &[
    column("tenant", |it, names| {
        names.of(it.port.tenant_id.uuid()).into()
    }),
    column("network", |it, names| {
        names.of(it.port.network_id.uuid()).into()
    }),
    column("name", |it, _| {
        it.port.name.as_ref().map_or("", Name::as_str).into()
    }),
    column("mac", |it, _| it.port.mac.to_string().into()),
    column("addresses", |it, _| addresses(&it.port.addresses).into()),
    column("host", |it, names| {
        names.of_some(it.port.host_id.map(model::Id::uuid)).into()
    }),
    column("state", |it, _| word(&it.status.state).into()),
    column("reason", |it, _| {
        it.status.reason.clone().unwrap_or_default().into()
    }),
    column("id", |it, _| it.port.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let network = resolve_network(client, &self.network, scope).await?;
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let owner = scope.tenant().unwrap_or(network.tenant_id);
        let groups = group::ids_of(client, self.groups.as_ref(), Scope::Tenant(owner)).await?;
        let request = PortCreate {
            network_id: network.id,
            tenant_id: scope.tenant(),
            name: self.name.clone(),
            mac: self.mac,
            addresses: self.address.clone(),
            security_group_ids: groups,
            host_id: host.map(Into::into),
        };
        let port: PortView = client.create(&request).await?;
        Ok(object_of(&port).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let scope = tenant.map_or(Scope::Pool, |id| Scope::Tenant(id.into()));
        let network = match &self.network {
            Some(network) => Some(resolve_network(client, network, scope).await?.id),
            None => None,
        };
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "network_id", network.as_ref());
        let query = filter(query, "host_id", host.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let state = self.state.map(|state| word(&PortState::from(state)));
        let query = filter(query, "status.state", state.as_ref());
        let ports = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Network>(client).await?;
        let names = names.with::<HostView>(client).await?;
        Ok(Output::List(Listing::of(&ports, COLUMNS, &names)).into())
    }
}

impl From<State> for PortState {
    fn from(state: State) -> Self {
        match state {
            State::Down => Self::Down,
            State::Building => Self::Building,
            State::Active => Self::Active,
        }
    }
}

fn addresses(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" ")
}
