//! `fabric-check`, `fabric-check-list`, `fabric-check-show`

use std::time::Duration;

use api::client::{Client, ListQuery};
use api::resource::HostView;
use clap::Args;
use model::{
    FabricCheck, FabricCheckId, FabricScope, FabricState, PathResult, PhysicalNetwork, VlanChoice,
    VlanId,
};
use tokio::time::sleep;

use super::{Done, Outcome, id_of};
use crate::exit::Exit;
use crate::names::Names;
use crate::print::{Column, Format, Listing, Output, column, json, render};
use crate::resolve::Scope;

/// How often to look whether a check is over.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What to try.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Only this VLAN
    #[arg(long)]
    vlan: Option<VlanId>,
    /// Which VLANs: in-use, those of networks, or all that the physical networks may carry
    #[arg(long, default_value = "in-use", value_parser = choice, conflicts_with = "vlan")]
    vlans: VlanChoice,
    /// Only what concerns this host
    #[arg(long)]
    host: Option<String>,
    /// Only this physical network
    #[arg(long)]
    physical_network: Option<String>,
}

/// Which checks to list.
#[derive(Debug, Args)]
pub(crate) struct List {}

/// Which check to show.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id
    id: FabricCheckId,
}

const PATHS: &[Column<PathResult>] = &[
    column("physical_network", |it, names| {
        names.of(it.physical_network_id.uuid()).into()
    }),
    column("path", |it, _| it.path.to_string().into()),
    column("pairs", |it, _| it.pairs.to_string().into()),
    column("small", |it, _| it.small_passed.to_string().into()),
    column("full", |it, _| it.full_passed.to_string().into()),
    column("full_bytes", |it, _| it.full_bytes.to_string().into()),
];

const COLUMNS: &[Column<FabricCheck>] = &[
    column("created_at", |it, _| it.created_at.to_string().into()),
    column("state", |it, _| it.state.name().into()),
    column("findings", |it, _| it.findings.len().to_string().into()),
    column("id", |it, _| it.id.to_string().into()),
];

fn choice(text: &str) -> Result<VlanChoice, String> {
    let found = VlanChoice::ALL.iter().find(|(_, name)| *name == text);
    found
        .map(|(choice, _)| *choice)
        .ok_or_else(|| "expected in-use or all".to_owned())
}

impl Run {
    /// Waits until the check is over: its findings are the result.
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let carrier = self.physical_network.as_deref();
        let carrier = id_of::<PhysicalNetwork>(client, carrier, Scope::Pool).await?;
        let request = FabricScope {
            vlan: self.vlan,
            vlans: self.vlans,
            host_id: host.map(Into::into),
            physical_network_id: carrier.map(Into::into),
        };
        let mut check = client.create::<FabricCheck>(&request).await?;
        while check.state == FabricState::Running {
            sleep(LOOK_EVERY).await;
            check = client.get(check.id.uuid()).await?;
        }
        let names = Names::default().with::<PhysicalNetwork>(client).await?;
        Ok(shown(&check, &names))
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let query = ListQuery::default().sort("created_at");
        let checks = client.list_all(&query).await?;
        Ok(Output::List(Listing::of(&checks, COLUMNS, &Names::default())).into())
    }
}

impl Show {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let check: FabricCheck = client.get(self.id.uuid()).await?;
        let names = Names::default().with::<PhysicalNetwork>(client).await?;
        Ok(Done {
            exit: Exit::Done,
            ..shown(&check, &names)
        })
    }
}

/// What was tried as a table, and below it what is wrong, a sentence each.
fn shown(check: &FabricCheck, names: &Names) -> Done {
    let paths = Listing::with_ids(&check.paths, PATHS, names, |it| it.path.to_string());
    let mut text = render(&Output::List(paths), Format::Table);
    let (verdict, exit) = match (check.state, check.findings.is_empty()) {
        (FabricState::Running, _) => ("not finished yet", Exit::Done),
        (FabricState::Done, true) => ("nothing is wrong", Exit::Done),
        (FabricState::Done, false) => ("this is wrong:", Exit::NotSo),
    };
    text.push_str(verdict);
    for finding in &check.findings {
        text.push_str("\n  ");
        text.push_str(&finding.message);
    }
    let output = Output::Said {
        id: check.id.to_string(),
        json: json(check),
        text,
    };
    Done { output, exit }
}
