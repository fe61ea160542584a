//! `vif-migrate*`: VIFs that follow their instance to another host.

use api::client::{Client, ListQuery};
use api::request::MigrationCreate;
use api::resource::{HostView, PortView};
use clap::Args;
use model::{MigrationStage, Name, PortMigration, Tenant};

use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::{Scope, resolve};

/// Which VIF to prepare where.
#[derive(Debug, Args)]
pub(crate) struct Begin {
    /// The VIF: by id, or by name
    vif: String,
    /// The host that its instance will come to
    #[arg(long)]
    host: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// Which migration to call off.
#[derive(Debug, Args)]
pub(crate) struct CallOff {
    /// The VIF: by id, or by name
    vif: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// Which migrations to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<PortMigration>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("vif", |it, _| {
        it.name.as_ref().map_or("", Name::as_str).into()
    }),
    column("stage", |it, _| stage(it).into()),
    column("from", |it, names| {
        names.of(it.migration.from.uuid()).into()
    }),
    column("to", |it, names| names.of(it.migration.to.uuid()).into()),
    column("began", |it, _| it.migration.began_at.to_string().into()),
    column("id", |it, _| it.id.to_string().into()),
];

/// The stage, and whether the other host is ready for the next.
fn stage(it: &PortMigration) -> String {
    let stage = word(&it.migration.stage);
    match (it.migration.stage, it.ready) {
        (MigrationStage::Prepared, true) => format!("{stage}, ready"),
        _ => stage,
    }
}

impl Begin {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let port: PortView = resolve(client, &self.vif, scope).await?;
        let host: HostView = resolve(client, &self.host, Scope::Pool).await?;
        let request = MigrationCreate {
            port_id: port.port.id,
            host_id: host.host.id,
        };
        let made: PortMigration = client.create(&request).await?;
        Ok(object_of(&made).into())
    }
}

impl CallOff {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let port: PortView = resolve(client, &self.vif, scope).await?;
        client.delete::<PortMigration>(port.port.id.uuid()).await?;
        let id = port.port.id.to_string();
        let output = Output::Said {
            text: format!("called the migration of VIF {} ({id}) off", self.vif),
            json: serde_json::json!({ "called_off": id }),
            id,
        };
        Ok(output.into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let migrations = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<HostView>(client).await?;
        Ok(Output::List(Listing::of(&migrations, COLUMNS, &names)).into())
    }
}
