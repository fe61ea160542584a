//! `cap-*`: how much a tenant or a VIF may move in a period, and what comes of it.

use api::client::{Client, ListQuery};
use api::request::{CapCreate, CapUpdate, Lifted};
use api::resource::{CapView, PortView};
use clap::{Args, ValueEnum};
use model::billing::Way;
use model::{BitRate, CapAction, CapBytes, CapClass, CapPeriod, PortId, Share, Tenant, TenantId};

use super::{ListArgs, Maybe, Outcome, filter, id_of, object_of, optional, present};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// What to cap, and how. A cap of the same that has the same consequence is changed.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The tenant whose traffic counts; with vif, whose VIF it is, where several use the name
    #[arg(long, required_unless_present = "vif")]
    tenant: Option<String>,
    /// The VIF whose traffic counts
    #[arg(long)]
    vif: Option<String>,
    /// What counts of it: all, tenant-internal, pool-internal, public
    #[arg(long, default_value = "all")]
    class: CapClass,
    /// Which way, as the instance sees it: sent, received, both
    #[arg(long, default_value = "both", value_parser = way)]
    way: Way,
    /// How long each period is, in UTC: hour, day, month
    #[arg(long, default_value = "month")]
    period: CapPeriod,
    /// How many bytes may be moved in a period, such as 500G or 2T
    #[arg(long)]
    bytes: CapBytes,
    /// At which percent of it to warn: 80,90 if absent, none if empty
    #[arg(long, value_delimiter = ',', value_parser = optional::<Share>)]
    warn: Option<Vec<Maybe<Share>>>,
    /// What happens when so much was moved
    #[arg(long, value_enum)]
    then: Then,
    /// Bits per second that each VIF is held to where it is throttled, such as 10M
    #[arg(long)]
    rate: Option<BitRate>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Then {
    /// Each VIF that it is about is held to a rate, the capped way
    Throttle,
    /// Nothing of what counts passes
    Suspend,
}

/// Which caps to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this tenant and its VIFs
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this VIF alone
    #[arg(long)]
    vif: Option<String>,
    /// Only those that stand so: below, reached, lifted
    #[arg(long)]
    standing: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// One cap.
#[derive(Clone, Debug, Args)]
pub(crate) struct One {
    /// Its id, or the start of its id
    id: String,
}

const COLUMNS: &[Column<CapView>] = &[
    column("tenant", |it, names| {
        names.of(it.cap.tenant_id.uuid()).into()
    }),
    column("vif", |it, names| {
        names.of_some(it.cap.port_id.map(model::Id::uuid)).into()
    }),
    column("class", |it, _| it.cap.class.name().into()),
    column("way", |it, _| name_of(it.cap.way).into()),
    column("period", |it, _| it.cap.period.name().into()),
    column("bytes", |it, _| it.cap.bytes.to_string().into()),
    column("used", |it, _| used(it).into()),
    column("then", |it, _| match it.cap.action {
        CapAction::Throttle { rate } => format!("throttle to {rate}").into(),
        CapAction::Suspend => "suspend".into(),
    }),
    column("standing", |it, _| it.cap.state.standing.name().into()),
    column("id", |it, _| it.cap.id.to_string().into()),
];

/// How much of it was moved, in percent: never more than was, so that 100% is reached.
fn used(cap: &CapView) -> String {
    let used = cap.status.used_bytes.map(|used| {
        let percent = u128::from(used) * 100 / u128::from(cap.cap.bytes.get());
        format!("{percent}%")
    });
    used.unwrap_or_default()
}

fn way(text: &str) -> Result<Way, String> {
    let found = Way::ALL.iter().find(|(_, name)| *name == text);
    let found = found.map(|(way, _)| *way);
    found.ok_or_else(|| "one of \"sent\", \"received\", \"both\"".to_owned())
}

fn name_of(way: Way) -> &'static str {
    let found = Way::ALL.iter().find(|(it, _)| *it == way);
    found.map_or("", |(_, name)| name)
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let action = self.action()?;
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let port: Option<PortId> = id_of::<PortView>(client, self.vif.as_deref(), scope)
            .await?
            .map(Into::into);
        let tenant: Option<TenantId> = scope.tenant().filter(|_| port.is_none());
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "port_id", port.as_ref());
        let known: Vec<CapView> = client.list_all(&query).await?;
        let mut known = known.into_iter().map(|it| it.cap);
        let same = known.find(|it| {
            it.port_id == port
                && (it.class, it.way, it.period) == (self.class, self.way, self.period)
                && it.action.name() == action.name()
        });
        let warn_at = self.warn.as_deref().map(present);
        let cap: CapView = match same {
            Some(cap) => {
                let request = CapUpdate {
                    bytes: Some(self.bytes),
                    warn_at,
                    rate: self.rate,
                    standing: None,
                };
                client.update(cap.id.uuid(), &request).await?
            }
            None => {
                let request = CapCreate {
                    tenant_id: tenant,
                    port_id: port,
                    class: self.class,
                    way: self.way,
                    period: self.period,
                    bytes: self.bytes,
                    warn_at,
                    action,
                };
                client.create(&request).await?
            }
        };
        Ok(object_of(&cap).into())
    }

    fn action(&self) -> Result<CapAction, Failure> {
        match (self.then, self.rate) {
            (Then::Throttle, Some(rate)) => Ok(CapAction::Throttle { rate }),
            (Then::Suspend, None) => Ok(CapAction::Suspend),
            (Then::Throttle, None) => {
                let failure = Failure::new(Exit::Usage, "then=throttle without a rate");
                Err(failure.next("say what to hold each VIF to: rate=10M"))
            }
            (Then::Suspend, Some(_)) => {
                let failure = Failure::new(Exit::Usage, "what is suspended has no rate");
                Err(failure.next("leave rate out, or say then=throttle"))
            }
        }
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let port = id_of::<PortView>(client, self.vif.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "port_id", port.as_ref());
        let query = filter(query, "standing", self.standing.as_ref());
        let caps = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<PortView>(client).await?;
        Ok(Output::List(Listing::of(&caps, COLUMNS, &names)).into())
    }
}

impl One {
    /// Caps have no names, so the start of an id is looked for among all.
    async fn find(&self, client: &Client) -> Result<CapView, Failure> {
        if uuid::Uuid::try_parse(&self.id).is_ok() {
            return resolve(client, &self.id, Scope::Pool).await;
        }
        let all: Vec<CapView> = client.list_all(&ListQuery::default()).await?;
        let starts = |it: &CapView| it.cap.id.to_string().starts_with(&self.id.to_lowercase());
        let mut found: Vec<CapView> = all.into_iter().filter(starts).collect();
        let says = match found.len() {
            1 => return Ok(found.remove(0)),
            0 => format!("there is no cap {}", self.id),
            many => format!("{many} caps fit {}", self.id),
        };
        let exit = if found.is_empty() {
            Exit::NotFound
        } else {
            Exit::Usage
        };
        Err(Failure::new(exit, says).next("see `netctl cap-list`"))
    }

    pub(super) async fn show(&self, client: &Client) -> Outcome {
        Ok(object_of(&self.find(client).await?).into())
    }

    pub(super) async fn lift(&self, client: &Client) -> Outcome {
        let cap = self.find(client).await?;
        let request = CapUpdate {
            standing: Some(Lifted::Lifted),
            ..CapUpdate::default()
        };
        let cap: CapView = client.update(cap.cap.id.uuid(), &request).await?;
        Ok(object_of(&cap).into())
    }

    pub(super) async fn remove(&self, client: &Client) -> Outcome {
        let cap = self.find(client).await?.cap;
        client.delete::<CapView>(cap.id.uuid()).await?;
        let id = cap.id.to_string();
        let output = Output::Said {
            text: format!("took cap {id} away"),
            json: serde_json::json!({ "deleted": id }),
            id,
        };
        Ok(output.into())
    }
}
