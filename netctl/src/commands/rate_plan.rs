//! `rate-plan-*`: price lists, and whose they are.

use api::client::Client;
use api::request::RatePlanCreate;
use clap::Args;
use model::billing::{
    Currency, PercentilePrice, Period, RatePlan, RatePlanAssignment, RateTerms, TransferPrice, Zone,
};
use model::{Name, Tenant};

use super::{Outcome, resolve_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};

/// Which prices. A class that no price names is free.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the pool
    name: Name,
    /// What prices are in: EUR
    #[arg(long)]
    currency: Currency,
    /// Digits after the point that every line of a bill is rounded to
    #[arg(long, default_value_t = 2)]
    decimals: u32,
    /// The zone whose months are billed
    #[arg(long, default_value_t = Zone::utc())]
    timezone: Zone,
    /// class:way:GB included:steps of GB=price: public:both:1000:0=0.05,10000=0.03
    #[arg(long)]
    transfer: Vec<TransferPrice>,
    /// classes:in|out|max|sum:Mbit/s committed:their price:price beyond: public:max:100:50:0.80
    #[arg(long)]
    percentile: Option<PercentilePrice>,
}

/// Which plan to delete.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its name
    name: String,
}

/// Whose plan it is to be.
#[derive(Debug, Args)]
pub(crate) struct Assign {
    /// The plan's name
    name: String,
    /// Whose
    #[arg(long)]
    tenant: String,
    /// From which month on: 2026-11
    #[arg(long)]
    from: Period,
}

const COLUMNS: &[Column<RatePlan>] = &[
    column("name", |it, _| it.name.as_str().into()),
    column("currency", |it, _| it.terms.currency.to_string().into()),
    column("timezone", |it, _| it.terms.timezone.to_string().into()),
    column("transfer_prices", |it, _| {
        it.terms.transfer.len().to_string().into()
    }),
    column("percentile", |it, _| {
        if it.terms.percentile.is_some() {
            "yes"
        } else {
            "no"
        }
        .into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

const ASSIGNMENTS: &[Column<RatePlanAssignment>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("rate_plan_id", |it, _| it.rate_plan_id.to_string().into()),
    column("from", |it, _| it.from.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let request = RatePlanCreate {
            name: self.name.clone(),
            terms: RateTerms {
                currency: self.currency.clone(),
                decimals: self.decimals,
                timezone: self.timezone.clone(),
                transfer: self.transfer.clone(),
                percentile: self.percentile.clone(),
            },
        };
        let made = client.rate_plan_create(&request).await?;
        let output = Output::Object {
            id: made.id.to_string(),
            json: json(&made),
        };
        Ok(output.into())
    }
}

impl Delete {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let plan = find(client, &self.name).await?;
        client.rate_plan_delete(plan.id).await?;
        let id = plan.id.to_string();
        let output = Output::Said {
            text: format!("deleted rate plan {} ({id})", plan.name),
            json: serde_json::json!({ "deleted": id }),
            id,
        };
        Ok(output.into())
    }
}

impl Assign {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = resolve_tenant(client, &self.tenant).await?;
        let plan = find(client, &self.name).await?;
        let request = RatePlanAssignment {
            tenant_id: tenant.id,
            rate_plan_id: plan.id,
            from: self.from,
        };
        let made = client.rate_plan_assign(&request).await?;
        let output = Output::Said {
            text: format!(
                "{} is billed by {} from {} on",
                tenant.name, plan.name, made.from
            ),
            json: json(&made),
            id: plan.id.to_string(),
        };
        Ok(output.into())
    }
}

/// Lists all plans.
pub(super) async fn list(client: &Client) -> Outcome {
    let plans = client.rate_plans().await?;
    let id = |plan: &RatePlan| plan.id.to_string();
    Ok(Output::List(Listing::with_ids(&plans, COLUMNS, &Names::default(), id)).into())
}

/// Lists whose plan is which.
pub(super) async fn assignments(client: &Client) -> Outcome {
    let all = client.rate_plan_assignments().await?;
    let names = Names::default().with::<Tenant>(client).await?;
    let id = |it: &RatePlanAssignment| it.tenant_id.to_string();
    Ok(Output::List(Listing::with_ids(&all, ASSIGNMENTS, &names, id)).into())
}

async fn find(client: &Client, name: &str) -> Result<RatePlan, Failure> {
    let plans = client.rate_plans().await?;
    let mut fitting = plans.into_iter();
    let found = fitting.find(|plan| plan.name.as_str() == name || plan.id.to_string() == name);
    found.ok_or_else(|| {
        let says = format!("there is no rate plan {name:?}");
        Failure::new(Exit::NotFound, says).next("see `netctl rate-plan-list`")
    })
}
