//! `bill`, `bill-explain`, `ledger-seal`, `ledger-verify`: what tenants owe, and what that rests on.

mod page;

use std::path::PathBuf;

use api::client::Client;
use api::request::TenantPeriod;
use api::resource::PortView;
use clap::Args;
use model::Tenant;
use model::billing::{Bill, BillLine, LedgerRecord, Period, Seal};
use rust_decimal::Decimal;

use super::{Done, Outcome, resolve_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Cell, Column, Listing, Output, column, json};

/// Whose bill, of when.
#[derive(Debug, Args)]
pub(crate) struct Make {
    #[command(flatten)]
    of: Of,
    /// Also write it as a page to print, with a chart
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A period of a tenant.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Whose
    #[arg(long)]
    tenant: String,
    /// Which month: 2026-11
    #[arg(long)]
    period: Period,
}

/// The records of which bill.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    of: Of,
    /// Show at most so many
    #[arg(long, default_value_t = 10_000)]
    limit: usize,
}

/// What to seal.
#[derive(Debug, Args)]
pub(crate) struct SealPeriod {
    #[command(flatten)]
    of: Of,
}

const LINES: &[Column<BillLine>] = &[
    column("what", |it, _| it.what.clone().into()),
    column("quantity", |it, _| it.quantity.to_string().into()),
    column("unit", |it, _| it.unit.clone().into()),
    column("price", |it, _| it.price.to_string().into()),
    column("amount", |it, _| it.amount.to_string().into()),
];

const RECORDS: &[Column<LedgerRecord>] = &[
    column("interval_start", |it, _| {
        it.interval_start.to_string().into()
    }),
    column("seconds", |it, _| it.interval_seconds.to_string().into()),
    column("host", |it, names| names.of(it.host_id.uuid()).into()),
    column("vif", |it, names| names.of(it.port_id.uuid()).into()),
    column("class", |it, _| it.class.name().into()),
    column("sent_bytes", |it, _| Cell::Bytes(it.moved.sent.bytes)),
    column("received_bytes", |it, _| {
        Cell::Bytes(it.moved.received.bytes)
    }),
    column("sent_total", |it, _| it.total.sent.bytes.to_string().into()),
    column("received_total", |it, _| {
        it.total.received.bytes.to_string().into()
    }),
    column("read_at", |it, _| it.read_at.to_string().into()),
    column("unread_seconds", |it, _| {
        it.unread_seconds.to_string().into()
    }),
    column("chain", |it, _| it.chain.clone().unwrap_or_default().into()),
];

const SEALS: &[Column<Seal>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("period", |it, _| it.period.to_string().into()),
    column("records", |it, _| it.records.to_string().into()),
    column("sealed_at", |it, _| it.sealed_at.to_string().into()),
    column("hash", |it, _| it.hash.clone().into()),
];

impl Of {
    async fn resolve(&self, client: &Client) -> Result<(Tenant, TenantPeriod), Failure> {
        let tenant = resolve_tenant(client, &self.tenant).await?;
        let of = TenantPeriod {
            tenant_id: tenant.id,
            period: self.period,
        };
        Ok((tenant, of))
    }
}

impl Make {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (tenant, of) = self.of.resolve(client).await?;
        let bill = client.bill(&of).await?;
        if let Some(path) = &self.html {
            let names = Names::default().with::<PortView>(client).await?;
            let page = page::page(&bill, tenant.name.as_str(), &names);
            std::fs::write(path, page).map_err(|error| {
                let says = format!("could not write {}", path.display());
                Failure::new(Exit::Local, says).because(error.to_string())
            })?;
        }
        let lines = with_total(&bill);
        let id = |_: &BillLine| tenant.id.to_string();
        let listing = Listing::with_ids(&lines, LINES, &Names::default(), id);
        Ok(Output::List(listing.with_json(json(&bill))).into())
    }
}

/// The lines, and their sum as the last.
fn with_total(bill: &Bill) -> Vec<BillLine> {
    let currency = bill.currency.as_ref();
    let total = BillLine {
        what: match bill.seal {
            Some(_) => "total, sealed".to_owned(),
            None => format!("total as of {}", bill.as_of),
        },
        quantity: Decimal::ONE,
        unit: currency.map_or_else(|| "no rate plan".to_owned(), ToString::to_string),
        price: bill.total,
        amount: bill.total,
    };
    bill.lines.iter().cloned().chain([total]).collect()
}

impl Explain {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (_, of) = self.of.resolve(client).await?;
        let records = client.usage_records(&of, self.limit).await?;
        let names = Names::default().with::<PortView>(client).await?;
        let names = names.with::<api::resource::HostView>(client).await?;
        let id = |record: &LedgerRecord| record.port_id.to_string();
        Ok(Output::List(Listing::with_ids(&records, RECORDS, &names, id)).into())
    }
}

impl SealPeriod {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (tenant, of) = self.of.resolve(client).await?;
        let seal = client.seal(&of).await?;
        let output = Output::Said {
            text: format!(
                "sealed {} of {} over {} records: {}",
                seal.period, tenant.name, seal.records, seal.hash
            ),
            json: json(&seal),
            id: tenant.id.to_string(),
        };
        Ok(output.into())
    }
}

/// Lists what is sealed.
pub(super) async fn seals(client: &Client) -> Outcome {
    let seals = client.seals().await?;
    let names = Names::default().with::<Tenant>(client).await?;
    let id = |seal: &Seal| seal.tenant_id.to_string();
    Ok(Output::List(Listing::with_ids(&seals, SEALS, &names, id)).into())
}

/// Has everything recomputed that is sealed; fails when something does not fit.
pub(super) async fn verify(client: &Client) -> Outcome {
    let verification = client.verification().await?;
    let (text, exit) = match &verification.fault {
        None => {
            let (seals, records) = (verification.seals, verification.records);
            let gone = match verification.seals_without_records {
                0 => String::new(),
                gone => format!("; the records of {gone} are not kept any more"),
            };
            (
                format!("{seals} seals over {records} records fit{gone}"),
                Exit::Done,
            )
        }
        Some(fault) => (format!("does not fit: {fault}"), Exit::NotSo),
    };
    let output = Output::Said {
        text,
        json: json(&verification),
        id: String::new(),
    };
    Ok(Done { output, exit })
}
