//! `bill`, `bill-explain`, `ledger-seal`, `ledger-verify`: what tenants owe, and what that rests on.

use std::path::PathBuf;

use api::client::Client;
use api::request::{RecordQuery, TenantPeriod};
use api::resource::PortView;
use api::sheet::{self, page};
use clap::Args;
use model::billing::{BillLine, BillSummary, LedgerRecord, Period, Seal};
use model::{Tenant, Timestamp, TrafficClass};

use super::usage::parse_time;
use super::{Done, Outcome, id_of, resolve_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};
use crate::resolve::Scope;

/// Whose bill, of when.
#[derive(Debug, Args)]
pub(crate) struct Make {
    #[command(flatten)]
    of: Of,
    /// Also write it as a page to print, with a chart
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the lines as Apache Parquet, decimals as exact texts
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
}

/// Everybody's bills, of when.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Which month: 2026-11
    #[arg(long)]
    period: Period,
    /// Also write the list as Apache Parquet, decimals as exact texts
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
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
    /// Only what this line of the bill rests on, from 1 on; of a percentile, its very slot
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    line: Option<u32>,
    /// Only of this class: tenant-internal, pool-internal, public
    #[arg(long, value_parser = parse_class, conflicts_with = "line")]
    class: Option<TrafficClass>,
    /// Only this VIF's
    #[arg(long)]
    vif: Option<String>,
    /// Only of intervals that begin then or later: 2026-11-01, or 2026-11-01T12:00:00Z
    #[arg(long, value_parser = parse_time)]
    from: Option<Timestamp>,
    /// Only of intervals that begin before
    #[arg(long, value_parser = parse_time)]
    to: Option<Timestamp>,
    /// Also write the records as Apache Parquet, numbers exact
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
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
            let page = page::bill(&bill, tenant.name.as_str(), &names);
            std::fs::write(path, page).map_err(|error| {
                let says = format!("could not write {}", path.display());
                Failure::new(Exit::Local, says).because(error.to_string())
            })?;
        }
        let lines = sheet::with_total(&bill);
        let id = |_: &BillLine| tenant.id.to_string();
        let listing = Listing::told(&lines, &Names::default(), id);
        if let Some(path) = &self.parquet {
            listing.write_parquet(path)?;
        }
        Ok(Output::List(listing.with_json(json(&bill))).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let bills = client.bill_summaries(self.period).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let id = |bill: &BillSummary| bill.tenant_id.to_string();
        let listing = Listing::told(&bills, &names, id);
        if let Some(path) = &self.parquet {
            listing.write_parquet(path)?;
        }
        Ok(Output::List(listing).into())
    }
}

impl Explain {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (tenant, of) = self.of.resolve(client).await?;
        let scope = Scope::Tenant(tenant.id);
        let port = id_of::<PortView>(client, self.vif.as_deref(), scope).await?;
        let query = RecordQuery {
            from: self.from,
            to: self.to,
            class: self.class,
            port_id: port.map(Into::into),
            ..RecordQuery::of(of)
        };
        let records = match self.line {
            None => client.usage_records(&query, self.limit).await?,
            Some(line) => self.of_line(client, &query, line).await?,
        };
        let names = Names::default().with::<PortView>(client).await?;
        let names = names.with::<api::resource::HostView>(client).await?;
        let id = |record: &LedgerRecord| record.port_id.to_string();
        let listing = Listing::told(&records, &names, id);
        if let Some(path) = &self.parquet {
            listing.write_parquet(path)?;
        }
        Ok(Output::List(listing).into())
    }
}

impl Explain {
    /// What a line rests on: the records of its classes, and of a percentile only those of its slot.
    async fn of_line(
        &self,
        client: &Client,
        query: &RecordQuery,
        line: u32,
    ) -> Result<Vec<LedgerRecord>, Failure> {
        let bill = client.bill(&query.of).await?;
        let at = usize::try_from(line)
            .ok()
            .and_then(|line| line.checked_sub(1));
        let found = at.and_then(|at| bill.lines.get(at)).ok_or_else(|| {
            let lines = bill.lines.len();
            Failure::new(
                Exit::Usage,
                format!("the bill has {lines} lines, and no line {line}"),
            )
        })?;
        let mut records = Vec::new();
        for class in &found.classes {
            let slot = found.slot.map(Timestamp::unix_seconds);
            // Intervals may be longer than a slot: they begin up to an hour before it ends.
            let query = RecordQuery {
                class: Some(*class),
                from: slot
                    .map(|at| Timestamp::from_unix_seconds(at - 3600))
                    .or(query.from),
                to: slot
                    .map(|at| Timestamp::from_unix_seconds(at + 300))
                    .or(query.to),
                ..*query
            };
            let of_class = client.usage_records(&query, self.limit).await?;
            records.extend(of_class.into_iter().filter(|it| is_in(it, slot)));
        }
        records.truncate(self.limit);
        Ok(records)
    }
}

/// Whether a record is of a slot, if there is one.
fn is_in(record: &LedgerRecord, slot: Option<i64>) -> bool {
    let start = record.interval_start.unix_seconds();
    let end = start + i64::from(record.interval_seconds);
    slot.is_none_or(|slot| record.adjustment.is_none() && start < slot + 300 && end > slot)
}

pub(super) fn parse_class(text: &str) -> Result<TrafficClass, &'static str> {
    let found = TrafficClass::ALL
        .iter()
        .find(|(class, _)| class.name() == text);
    let found = found.map(|(class, _)| *class);
    found.ok_or("one of tenant-internal, pool-internal, public")
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
