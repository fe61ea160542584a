//! Lists of what tenants own and give names.

use api::client::{Client, ListQuery};
use api::resource::Resource;
use clap::Args;
use model::Tenant;

use super::{ListArgs, Outcome, filter, id_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output};
use crate::resolve::Scope;

/// Which to list.
#[derive(Debug, Args)]
pub(crate) struct OwnedList {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

impl OwnedList {
    /// Lists them. What columns call by name, besides tenants, is among `names`.
    pub(super) async fn run<T: Resource>(
        &self,
        client: &Client,
        columns: &'static [Column<T>],
        names: Names,
    ) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let found: Vec<T> = self.list.fetch(client, query).await?;
        let names = names.with::<Tenant>(client).await?;
        Ok(Output::List(Listing::of(&found, columns, &names)).into())
    }
}
