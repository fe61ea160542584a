//! `lab-*`: a data centre on this machine. The directory is that of `--lab`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::client::{Client, ClientError, ListQuery};
use api::request::{RoleChange, Setting, TopologyChange};
use api::resource::HostView;
use clap::Args;
use lab::{Lab, Prefix, ProcessStatus, Spec};
use model::{Role, VlanRanges};
use tokio::time::{Instant, sleep};

use super::{Done, Outcome};
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};

/// How long the agents of a lab may take to find their controller.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What carries the lab's private network on every host, and where its endpoints are.
const PRIVATE_NIC: &str = "eth1";
const ENDPOINTS: &str = "10.254.0.0/16";

/// What to build.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// How many hosts
    #[arg(long, default_value_t = 3)]
    hosts: usize,
    /// The VLAN ids that pass between the hosts
    #[arg(long, default_value = "100-199")]
    vlans: VlanRanges,
    /// The start of the names of its namespaces [default: made up]
    #[arg(long)]
    prefix: Option<Prefix>,
    /// The folder of bulkhead-controller and bulkhead-agent [default: where netctl is]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// Nothing more to say.
#[derive(Debug, Args)]
pub(crate) struct Down {}

/// Nothing more to say.
#[derive(Debug, Args)]
pub(crate) struct Status {}

const COLUMNS: &[Column<ProcessStatus>] = &[
    column("process", |it, _| it.name.as_str().into()),
    column("pid", |it, _| {
        it.pid
            .map_or("dead".to_owned(), |pid| pid.to_string())
            .into()
    }),
    column("log", |it, _| it.log.display().to_string().into()),
];

impl Up {
    pub(super) async fn run(&self, connection: &Connection) -> Outcome {
        let directory = directory(connection)?;
        eprintln!(
            "building a lab of {} hosts in {} ...",
            self.hosts,
            directory.display()
        );
        let lab = Lab::up(self.spec(&directory)?)
            .await
            .map_err(|error| lab_failure(&error))?;
        let settled = settle(&directory, self.hosts, &self.vlans).await;
        settled.map_err(|failure| {
            let step = format!("netctl lab-down --lab {}", directory.display());
            failure.but("the lab is still there").next(step)
        })?;
        let status = lab.status().map_err(|error| lab_failure(&error))?;
        let output = Output::Said {
            id: status.prefix.clone(),
            json: json(&status),
            text: welcome(&directory, self.hosts),
        };
        Ok(output.into())
    }

    fn spec(&self, directory: &Path) -> Result<Spec, Failure> {
        let defaults = Spec::default();
        let trunks = self
            .vlans
            .to_string()
            .parse()
            .map_err(|error| lab_failure(&error))?;
        Ok(Spec {
            directory: directory.to_path_buf(),
            prefix: self.prefix.clone(),
            hosts: self.hosts,
            programs: self.programs.clone().or(defaults.programs),
            trunks,
            ..defaults
        })
    }
}

impl Down {
    pub(super) async fn run(&self, connection: &Connection) -> Outcome {
        let directory = directory(connection)?;
        let lab = Lab::open(&directory).map_err(|error| lab_failure(&error))?;
        let removed = lab.down().await.map_err(|error| lab_failure(&error))?;
        let (processes, namespaces) = (removed.processes.len(), removed.namespaces.len());
        let output = Output::Said {
            id: lab.prefix().to_string(),
            json: json(&removed),
            text: format!(
                "removed {}: {processes} processes, {namespaces} namespaces",
                directory.display()
            ),
        };
        Ok(output.into())
    }
}

impl Status {
    pub(super) fn run(&self, connection: &Connection) -> Outcome {
        let lab = Lab::open(&directory(connection)?).map_err(|error| lab_failure(&error))?;
        let status = lab.status().map_err(|error| lab_failure(&error))?;
        let name = |process: &ProcessStatus| process.name.clone();
        let listing = Listing::with_ids(&status.processes, COLUMNS, &Names::default(), name);
        let exit = match status.is_whole() {
            true => Exit::Done,
            false => Exit::NotSo,
        };
        let output = Output::List(listing.with_json(json(&status)));
        Ok(Done { output, exit })
    }
}

/// Waits until every host's agent has found the controller, and tells the controller of the
/// private network: a lab is ready for its first tenant.
async fn settle(directory: &Path, hosts: usize, vlans: &VlanRanges) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let client = loop {
        match client_with(directory, hosts).await {
            Ok(client) => break client,
            Err(failure) if Instant::now() >= deadline => return Err(failure),
            Err(_) => sleep(POLL_INTERVAL).await,
        }
    };
    set_up_private(&client, vlans).await?;
    Ok(())
}

/// A client of the lab's controller, once that many hosts are connected.
async fn client_with(directory: &Path, hosts: usize) -> Result<Client, Failure> {
    let client = Connection::to_lab(directory).client()?;
    let views: Vec<HostView> = client.list_all(&ListQuery::default()).await?;
    let connected = views.iter().filter(|view| view.status.connected).count();
    if connected >= hosts {
        return Ok(client);
    }
    let says = format!("only {connected} of {hosts} agents have found the controller");
    Err(Failure::new(Exit::NotSo, says).because("their logs are in the lab's directory, *.log"))
}

/// Only the private network: the hosts of a lab are reached by `eth0` as it is, until somebody says
/// `pool-setup management=eth0`.
async fn set_up_private(client: &Client, vlans: &VlanRanges) -> Result<(), ClientError> {
    let private = RoleChange {
        uplink: PRIVATE_NIC.parse().ok(),
        vlans: Setting::To(vlans.clone()),
        endpoints: ENDPOINTS.parse().map_or(Setting::Kept, Setting::To),
        ..RoleChange::default()
    };
    let change = TopologyChange {
        roles: [(Role::Private, Some(private))].into(),
        confirm_within_seconds: None,
    };
    client.topology_change(&change).await?;
    Ok(())
}

fn welcome(directory: &Path, hosts: usize) -> String {
    format!(
        "{hosts} hosts are up, with the physical network `private` between them; now\n\
         \n  export NETCTL_LAB={}\n  \
         netctl tenant-create acme\n  \
         netctl vlan-create web tenant=acme subnet=10.0.0.0/24\n  \
         netctl vm-start web1 tenant=acme network=web host=h1\n\n\
         and `netctl lab-down` when you have seen enough",
        directory.display()
    )
}

/// The lab that is meant; absolute, because it is remembered.
fn directory(connection: &Connection) -> Result<PathBuf, Failure> {
    let chosen = connection
        .lab_directory()
        .unwrap_or_else(lab::default_directory);
    std::path::absolute(&chosen)
        .map_err(|error| Failure::local(format!("could not find {}", chosen.display()), &error))
}

fn lab_failure(error: &lab::Error) -> Failure {
    match error {
        lab::Error::NoLab { .. } => Failure::of(Exit::NotFound, error)
            .next("build one with `netctl lab-up`, or say where it is with --lab or NETCTL_LAB"),
        _ => Failure::of(Exit::Local, error),
    }
}
