//! `tenant-*`

use api::client::{Client, ListQuery};
use api::request::TenantCreate;
use clap::Args;
use model::{Name, Tenant};

use super::{ListArgs, Outcome, filter, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};

/// Which tenant to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the pool
    name: Name,
}

/// Which tenants to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only the one of this name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<Tenant>] = &[
    column("name", |it, _| it.name.as_str().into()),
    column("id", |it, _| it.id.to_string().into()),
    column("created_at", |it, _| it.created_at.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let name = self.name.clone();
        let tenant: Tenant = client.create(&TenantCreate { name }).await?;
        Ok(object_of(&tenant).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let query = filter(ListQuery::default(), "name", self.name.as_ref());
        let tenants = self.list.fetch(client, query).await?;
        Ok(Output::List(Listing::of(&tenants, COLUMNS, &Names::default())).into())
    }
}
