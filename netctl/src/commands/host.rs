//! `host-*`

use api::client::{Client, ListQuery};
use api::resource::HostView;
use clap::Args;
use model::BitRate;
use model::plan::Generation;

use super::{ListArgs, Outcome, filter};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve_network};

/// Which hosts to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only the one of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those where a VIF of this network would work: connected, carrying it, and passed by the newest
    /// fabric check of its way
    #[arg(long, value_name = "NETWORK")]
    fits: Option<String>,
    /// Whose network that is, where several tenants use the name
    #[arg(long, requires = "fits")]
    tenant: Option<String>,
    /// Only those with room for this much more in either direction, such as 1G
    #[arg(long, requires = "fits")]
    bandwidth: Option<BitRate>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<HostView>] = &[
    column("name", |it, _| it.host.name.as_str().into()),
    column("connected", |it, _| match it.status.connected {
        true => "yes".into(),
        false => "no".into(),
    }),
    column("address", |it, _| text(it.status.address.as_ref()).into()),
    column("planned", |it, _| generation(it.status.planned).into()),
    column("realized", |it, _| generation(it.status.realized).into()),
    column("failures", |it, _| {
        it.status.failures.len().to_string().into()
    }),
    column("last_seen_at", |it, _| {
        text(it.status.last_seen_at.as_ref()).into()
    }),
    column("agent", |it, _| {
        it.status.agent_version.clone().unwrap_or_default().into()
    }),
    column("id", |it, _| it.host.id.to_string().into()),
];

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        // Their ids come from their certificates, not from the order in which they joined.
        let query = ListQuery::default().sort("name");
        let query = filter(query, "name", self.name.as_ref());
        let network = match &self.fits {
            Some(network) => {
                let scope = Scope::of(client, self.tenant.as_deref()).await?;
                Some(resolve_network(client, network, scope).await?.id)
            }
            None => None,
        };
        let query = filter(query, "fits", network.as_ref());
        let query = filter(query, "bandwidth", self.bandwidth.as_ref());
        let hosts = self.list.fetch(client, query).await?;
        Ok(Output::List(Listing::of(&hosts, COLUMNS, &Names::default())).into())
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map_or(String::new(), ToString::to_string)
}

fn generation(generation: Option<Generation>) -> String {
    text(generation.as_ref())
}
