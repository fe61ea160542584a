//! `tunnel-list`

use api::client::{Client, ListQuery};
use api::resource::{HostView, TunnelView};
use clap::Args;

use super::{ListArgs, Outcome, filter, id_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::Scope;

/// Which tunnels to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this host
    #[arg(long)]
    host: Option<String>,
    /// Only those in this state: up, down, init or admin-down
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<TunnelView>] = &[
    column("host", |it, names| names.of(it.host_id.uuid()).into()),
    column("peer_host", |it, names| {
        names.of_some(it.peer_host_id.map(model::Id::uuid)).into()
    }),
    column("kind", |it, _| it.tunnel.kind.name().into()),
    column("peer", |it, _| it.tunnel.peer.to_string().into()),
    column("state", |it, _| it.tunnel.state.name().into()),
    column("since", |it, _| it.since.to_string().into()),
    column("diagnostic", |it, _| {
        it.tunnel.diagnostic.clone().unwrap_or_default().into()
    }),
];

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let query = ListQuery::default().sort("host_id,peer,kind");
        let query = filter(query, "host_id", host.as_ref());
        let query = filter(query, "state", self.state.as_ref());
        let tunnels = self.list.fetch(client, query).await?;
        let names = Names::default().with::<HostView>(client).await?;
        Ok(Output::List(Listing::of(&tunnels, COLUMNS, &names)).into())
    }
}
