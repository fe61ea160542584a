//! `vif-trunk-*`: VIFs that carry others, each under a tag of the instance's own.

use api::client::{Client, ListQuery};
use api::request::SubPortCreate;
use api::resource::{PortView, SubPort};
use clap::Args;
use model::{Name, Network, Tenant, VlanId};

use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// Which VIF to put on which trunk.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The VIF whose interface will carry it
    #[arg(long)]
    vif: String,
    /// The VIF to be carried: of the same tenant, on another network
    #[arg(long)]
    subport: String,
    /// The VLAN id that the instance has its frames under; it means nothing elsewhere
    #[arg(long)]
    vlan: VlanId,
    /// Whose they are, where several tenants use the names
    #[arg(long)]
    tenant: Option<String>,
}

/// Which VIF to take off its trunk.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The VIF that a trunk carries
    #[arg(long)]
    subport: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// Which trunks to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only what this VIF carries
    #[arg(long)]
    vif: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<SubPort>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("trunk", |it, names| names.of(it.trunk_id.uuid()).into()),
    column("vlan", |it, _| it.vlan.to_string().into()),
    column("subport", |it, _| {
        it.name.as_ref().map_or("", Name::as_str).into()
    }),
    column("network", |it, names| names.of(it.network_id.uuid()).into()),
    column("id", |it, _| it.id.to_string().into()),
];

impl Add {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let trunk: PortView = resolve(client, &self.vif, scope).await?;
        let port: PortView = resolve(client, &self.subport, scope).await?;
        let request = SubPortCreate {
            trunk_id: trunk.port.id,
            port_id: port.port.id,
            vlan: self.vlan,
        };
        let made: SubPort = client.create(&request).await?;
        Ok(object_of(&made).into())
    }
}

impl Remove {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let found: SubPort = resolve(client, &self.subport, scope).await?;
        client.delete::<SubPort>(found.id.uuid()).await?;
        let id = found.id.to_string();
        let output = Output::Said {
            text: format!("took VIF {} ({id}) off its trunk", self.subport),
            json: serde_json::json!({ "removed": id }),
            id,
        };
        Ok(output.into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let scope = tenant.map_or(Scope::Pool, |id| Scope::Tenant(id.into()));
        let trunk = id_of::<PortView>(client, self.vif.as_deref(), scope).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "trunk_id", trunk.as_ref());
        let sub_ports = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Network>(client).await?;
        let names = names.with::<PortView>(client).await?;
        Ok(Output::List(Listing::of(&sub_ports, COLUMNS, &names)).into())
    }
}
