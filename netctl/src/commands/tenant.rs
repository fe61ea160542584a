//! `tenant-*`

mod delete;

use api::client::{Client, ListQuery};
use api::request::{TenantCreate, TenantUpdate};
use clap::Args;
use model::{Name, Reason, Tenant, TenantState};

pub(crate) use delete::Delete;

use super::limits::LimitArgs;
use super::{ListArgs, Outcome, filter, object_of, resolve_tenant};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};

/// Which tenant to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the pool
    name: Name,
    #[command(flatten)]
    limits: LimitArgs,
}

/// What to change of a tenant; the rest stays.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Its name, its id, or the start of its id
    name: String,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Which tenant to suspend, and why.
#[derive(Debug, Args)]
#[command(after_help = "Example: netctl tenant-suspend acme reason=\"not paid since May\"")]
pub(crate) struct Suspend {
    /// Its name, its id, or the start of its id
    name: String,
    /// Why, for whoever asks: the tenant sees it, too
    #[arg(long)]
    reason: Option<Reason>,
}

/// Which tenant may use the pool again.
#[derive(Debug, Args)]
#[command(after_help = "Example: netctl tenant-resume acme")]
pub(crate) struct Resume {
    /// Its name, its id, or the start of its id
    name: String,
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
    column("state", |it, _| it.standing.state().name().into()),
    column("created_at", |it, _| it.created_at.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let request = TenantCreate {
            name: self.name.clone(),
            limits: self.limits.limits(),
        };
        let tenant: Tenant = client.create(&request).await?;
        Ok(object_of(&tenant).into())
    }
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = resolve_tenant(client, &self.name).await?;
        let request = TenantUpdate {
            limits: self.limits.update(),
            ..TenantUpdate::default()
        };
        let tenant: Tenant = client.update(tenant.id.uuid(), &request).await?;
        Ok(object_of(&tenant).into())
    }
}

impl Suspend {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let reason = self.reason.clone();
        stand(client, &self.name, (TenantState::Suspended, reason)).await
    }
}

impl Resume {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        stand(client, &self.name, (TenantState::Active, None)).await
    }
}

async fn stand(
    client: &Client,
    name: &str,
    (state, reason): (TenantState, Option<Reason>),
) -> Outcome {
    let tenant = resolve_tenant(client, name).await?;
    let request = TenantUpdate {
        state: Some(state),
        reason,
        ..TenantUpdate::default()
    };
    let tenant: Tenant = client.update(tenant.id.uuid(), &request).await?;
    Ok(object_of(&tenant).into())
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let query = filter(ListQuery::default(), "name", self.name.as_ref());
        let tenants = self.list.fetch(client, query).await?;
        Ok(Output::List(Listing::of(&tenants, COLUMNS, &Names::default())).into())
    }
}
