//! `meter-list`, `collector-show`: how the meters beside the billed one are doing.

use api::client::Client;
use api::resource::{HostView, PortView};
use clap::Args;
use model::MeterFinding;

use super::Outcome;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};

/// How many findings to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

const COLUMNS: &[Column<MeterFinding>] = &[
    column("interval_start", |it, _| {
        it.interval_start.to_string().into()
    }),
    column("host", |it, names| names.of(it.host_id.uuid()).into()),
    column("vif", |it, names| {
        names.of_some(it.port_id.map(model::Id::uuid)).into()
    }),
    column("cause", |it, _| it.cause.name().into()),
    column("message", |it, _| it.message.clone().into()),
];

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let findings = client.meter_findings(self.limit).await?;
        let names = Names::default().with::<HostView>(client).await?;
        let names = names.with::<PortView>(client).await?;
        let id = |it: &MeterFinding| it.host_id.to_string();
        Ok(Output::List(Listing::with_ids(&findings, COLUMNS, &names, id)).into())
    }
}

/// Shows what the collector heard.
pub(super) async fn collector(client: &Client) -> Outcome {
    let statistics = client.collector().await?;
    let output = Output::Object {
        json: json(&statistics),
        id: "collector".to_owned(),
    };
    Ok(output.into())
}
