//! `event-list`

use api::client::{Client, ListQuery};
use api::resource::HostView;
use clap::Args;
use model::Event;

use super::{Outcome, filter, id_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::Scope;

/// Which events to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this kind, such as unknown-vif
    #[arg(long)]
    kind: Option<String>,
    /// Only those on this host
    #[arg(long)]
    host: Option<String>,
    /// Show at most so many: the newest, oldest first
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

const COLUMNS: &[Column<Event>] = &[
    column("at", |it, _| it.at.to_string().into()),
    column("kind", |it, _| word(&it.kind).into()),
    column("host", |it, names| {
        names.of_some(it.host_id.map(model::Id::uuid)).into()
    }),
    column("message", |it, _| it.message.as_str().into()),
];

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "kind", self.kind.as_ref());
        let query = filter(query, "host_id", host.as_ref()).sort("-id");
        let mut events: Vec<Event> = client.list_first(&query, self.limit).await?;
        events.reverse();
        let names = Names::default().with::<HostView>(client).await?;
        let listing = Listing::with_ids(&events, COLUMNS, &names, |event| event.id.to_string());
        Ok(Output::List(listing).into())
    }
}
