//! `vif-*`: ports.

use std::net::IpAddr;

use api::client::{Client, ListQuery};
use api::request::{AddressesUpdate, AllowedUpdate, PortCreate, PortUpdate};
use api::resource::{HostView, PortView};
use clap::{Args, ValueEnum};
use model::{AddressPair, MacAddr, Name, Network, PortState, SpoofGuard, Tenant};

use super::limits::LimitArgs;
use super::{ListArgs, Maybe, Outcome, filter, group, id_of, object_of, optional, present};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::{Scope, resolve, resolve_network};

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
    /// What it may send from besides its addresses, comma-separated: 10.0.0.50, 10.0.0.16/28,
    /// 10.0.0.50@00:00:5e:00:01:32
    #[arg(long, value_delimiter = ',')]
    allowed: Vec<AddressPair>,
    /// Whether it may send from nothing else
    #[arg(long)]
    spoof_guard: Option<Guard>,
    #[command(flatten)]
    limits: LimitArgs,
    /// The security groups it is in, comma-separated; if absent, its tenant's default group
    #[arg(long, value_delimiter = ',')]
    groups: Option<Vec<String>>,
    /// The host it will appear on, if known
    #[arg(long)]
    host: Option<String>,
}

/// What to change of a VIF while it is in use; the rest stays.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Its name, its id, or the start of its id
    name: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// All its addresses, comma-separated; none if empty
    #[arg(long, value_delimiter = ',', value_parser = optional::<IpAddr>)]
    address: Option<Vec<Maybe<IpAddr>>>,
    /// Addresses to add
    #[arg(long, value_delimiter = ',')]
    add_address: Vec<IpAddr>,
    /// Addresses to take away
    #[arg(long, value_delimiter = ',')]
    remove_address: Vec<IpAddr>,
    /// All it may send from besides, comma-separated; nothing if empty
    #[arg(long, value_delimiter = ',', value_parser = optional::<AddressPair>)]
    allowed: Option<Vec<Maybe<AddressPair>>>,
    /// Address pairs to add
    #[arg(long, value_delimiter = ',')]
    add_allowed: Vec<AddressPair>,
    /// Address pairs to take away
    #[arg(long, value_delimiter = ',')]
    remove_allowed: Vec<AddressPair>,
    /// Whether it may send from nothing else: switching this off is an administrator's act
    #[arg(long)]
    spoof_guard: Option<Guard>,
    #[command(flatten)]
    limits: LimitArgs,
    /// All security groups it is in, comma-separated; none if empty
    #[arg(long, value_delimiter = ',')]
    groups: Option<Vec<String>>,
}

/// Whether a VIF may send only from what it was given.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Guard {
    On,
    Off,
}

impl From<Guard> for SpoofGuard {
    fn from(guard: Guard) -> Self {
        match guard {
            Guard::On => Self::On,
            Guard::Off => Self::Off,
        }
    }
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
    Standby,
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
    column("guard", |it, _| word(&it.port.spoof_guard).into()),
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
            allowed: self.allowed.clone(),
            spoof_guard: self.spoof_guard.map(Into::into),
            limits: self.limits.limits(),
            security_group_ids: groups,
            host_id: host.map(Into::into),
        };
        let port: PortView = client.create(&request).await?;
        Ok(object_of(&port).into())
    }
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let port: PortView = resolve(client, &self.name, scope).await?;
        let owner = Scope::Tenant(port.port.tenant_id);
        let groups = group::ids_of(client, self.groups.as_ref(), owner).await?;
        let request = PortUpdate {
            addresses: AddressesUpdate {
                whole: self.address.as_deref().map(present),
                add: self.add_address.clone(),
                remove: self.remove_address.clone(),
            },
            allowed: AllowedUpdate {
                whole: self.allowed.as_deref().map(present),
                add: self.add_allowed.clone(),
                remove: self.remove_allowed.clone(),
            },
            spoof_guard: self.spoof_guard.map(Into::into),
            limits: self.limits.update(),
            security_group_ids: groups,
        };
        let port: PortView = client.update(port.port.id.uuid(), &request).await?;
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
            State::Standby => Self::Standby,
            State::Building => Self::Building,
            State::Active => Self::Active,
        }
    }
}

fn addresses(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" ")
}
