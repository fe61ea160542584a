//! `address-group-*`: prefixes that rules name together.

use api::client::Client;
use api::request::{AddressGroupCreate, AddressGroupUpdate};
use clap::Args;
use ipnet::IpNet;
use model::{AddressGroup, Name, Tenant};

use super::{Outcome, object_of};
use crate::print::{Column, column};
use crate::resolve::{Scope, resolve};

/// Which address group to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// Its prefixes, comma-separated
    #[arg(long, value_delimiter = ',')]
    prefix: Vec<IpNet>,
}

/// How an address group changes.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The address group: its name, its id, or the start of its id
    name: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// Prefixes to add, comma-separated
    #[arg(long, value_delimiter = ',')]
    add: Vec<IpNet>,
    /// Prefixes to take away, comma-separated
    #[arg(long, value_delimiter = ',')]
    remove: Vec<IpNet>,
}

pub(super) const COLUMNS: &[Column<AddressGroup>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("name", |it, _| it.name.as_str().into()),
    column("prefixes", |it, _| {
        let texts: Vec<String> = it.prefixes.iter().map(ToString::to_string).collect();
        texts.join(" ").into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let request = AddressGroupCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            prefixes: self.prefix.clone(),
        };
        let made: AddressGroup = client.create(&request).await?;
        Ok(object_of(&made).into())
    }
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let group: AddressGroup = resolve(client, &self.name, scope).await?;
        let request = AddressGroupUpdate {
            add_prefixes: self.add.clone(),
            remove_prefixes: self.remove.clone(),
        };
        let changed: AddressGroup = client.update(group.id.uuid(), &request).await?;
        Ok(object_of(&changed).into())
    }
}
