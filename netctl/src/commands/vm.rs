//! `vm-*`: instances that Bulkhead itself starts.

use std::time::Duration;

use api::client::{Client, ClientError, ListQuery};
use api::request::{InstanceCreate, InstanceUpdate};
use api::resource::{HostView, InstanceView, PortView};
use clap::Args;
use model::{Name, PortState, Power, Tenant};
use tokio::time::{Instant, sleep};

use super::{ListArgs, Outcome, filter, group, id_of, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::{Scope, resolve, resolve_network};

/// How often to look whether an instance has come up.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// An instance that is made.
#[derive(Debug, Args)]
pub(crate) struct Made {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// Networks to make a VIF on each, comma-separated
    #[arg(long, value_delimiter = ',')]
    network: Vec<String>,
    /// VIFs that exist already, comma-separated; they outlive the instance
    #[arg(long, value_delimiter = ',')]
    vif: Vec<String>,
    /// The security groups of the VIFs that are made, comma-separated; if absent, its tenant's default
    /// group
    #[arg(long, value_delimiter = ',')]
    groups: Option<Vec<String>>,
    /// The host that runs it; if absent, the connected one with the fewest instances
    #[arg(long)]
    host: Option<String>,
}

/// Which instance to start: one that is defined, or else one that is made of a namespace.
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    made: Made,
    /// Do not wait until its frames flow
    #[arg(long)]
    no_wait: bool,
    /// How many seconds to wait at most
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

/// Which instances to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those on this host
    #[arg(long)]
    host: Option<String>,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<InstanceView>] = &[
    column("tenant", |it, names| {
        names.of(it.instance.tenant_id.uuid()).into()
    }),
    column("name", |it, _| it.instance.name.as_str().into()),
    column("host", |it, names| {
        names.of(it.instance.host_id.uuid()).into()
    }),
    column("driver", |it, _| word(&it.instance.driver).into()),
    column("power", |it, _| word(&it.instance.power).into()),
    column("running", |it, _| match it.status.running {
        true => "yes".into(),
        false => "no".into(),
    }),
    column("handle", |it, _| {
        it.status.handle.clone().unwrap_or_default().into()
    }),
    column("reason", |it, _| {
        it.status.reason.clone().unwrap_or_default().into()
    }),
    column("id", |it, _| it.instance.id.to_string().into()),
];

impl Start {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let on = InstanceUpdate {
            power: Some(Power::On),
            ..InstanceUpdate::default()
        };
        let made: InstanceView = match self.made.defined(client).await? {
            Some(defined) => client.update(defined.instance.id.uuid(), &on).await?,
            None => client.create(&self.made.request(client).await?).await?,
        };
        match self.no_wait {
            true => Ok(object_of(&made).into()),
            false => wait_until_up(client, &made, Duration::from_secs(self.timeout)).await,
        }
    }
}

impl Made {
    /// The instance of that name, where nothing is said of what it is to be.
    async fn defined(&self, client: &Client) -> Result<Option<InstanceView>, Failure> {
        let is_described = self.groups.is_some() || self.host.is_some();
        if is_described || !self.network.is_empty() || !self.vif.is_empty() {
            return Ok(None);
        }
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let query = ListQuery::default().filter("tenant_id", tenant.id);
        let named = client.list_all(&query.filter("name", &self.name)).await?;
        Ok(named.into_iter().next())
    }

    /// What to ask for.
    pub(super) async fn request(&self, client: &Client) -> Result<InstanceCreate, Failure> {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let scope = Scope::Tenant(tenant.id);
        let mut request = InstanceCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            host_id: id_of::<HostView>(client, self.host.as_deref(), Scope::Pool)
                .await?
                .map(Into::into),
            network_ids: Vec::new(),
            security_group_ids: group::ids_of(client, self.groups.as_ref(), scope).await?,
            port_ids: Vec::new(),
            boot: None,
            power: Power::On,
        };
        for name in &self.network {
            let network = resolve_network(client, name, scope).await?;
            request.network_ids.push(network.id);
        }
        for name in &self.vif {
            let view: PortView = resolve(client, name, scope).await?;
            request.port_ids.push(view.port.id);
        }
        Ok(request)
    }
}

/// Waits until an instance runs and the frames of all of its VIFs flow.
async fn wait_until_up(client: &Client, made: &InstanceView, patience: Duration) -> Outcome {
    let deadline = Instant::now() + patience;
    loop {
        let view: InstanceView = client.get(made.instance.id.uuid()).await?;
        let lacks = what_lacks(client, &view).await?;
        if lacks.is_empty() {
            return Ok(object_of(&view).into());
        }
        if Instant::now() >= deadline {
            return Err(not_up(&view, lacks, patience));
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// What keeps an instance from being up, one phrase each.
async fn what_lacks(client: &Client, view: &InstanceView) -> Result<Vec<String>, ClientError> {
    let mut lacks = Vec::new();
    if !view.status.running {
        let reason = view.status.reason.as_deref();
        lacks.push(format!(
            "it does not run: {}",
            reason.unwrap_or("its host has not said why")
        ));
    }
    for id in &view.port_ids {
        let PortView { port, status } = client.get(id.uuid()).await?;
        if status.state != PortState::Active {
            let reason = status
                .reason
                .as_deref()
                .unwrap_or("its host has not said why");
            lacks.push(format!(
                "VIF {} is {}: {reason}",
                port.id,
                word(&status.state)
            ));
        }
    }
    Ok(lacks)
}

fn not_up(view: &InstanceView, lacks: Vec<String>, patience: Duration) -> Failure {
    let name = &view.instance.name;
    let says = format!(
        "{name} was made but is not up after {} s",
        patience.as_secs()
    );
    let failure = Failure::new(Exit::NotSo, says).next(format!(
        "see `netctl host-list` and `netctl event-list`; `netctl vm-stop {}` gives it up",
        view.instance.id
    ));
    lacks.into_iter().fold(failure, Failure::because)
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let host = id_of::<HostView>(client, self.host.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "host_id", host.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let instances = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<HostView>(client).await?;
        Ok(Output::List(Listing::of(&instances, COLUMNS, &names)).into())
    }
}
