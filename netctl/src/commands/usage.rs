//! `usage`: what was moved, for people and for the bill.

mod split;

use std::path::PathBuf;

use api::client::Client;
use api::request::{Paging, SplitQuery, UsageQuery};
use api::resource::PortView;
use clap::{Args, ValueEnum};
use model::{Network, Tenant, Timestamp, UsageOf, UsageSort, UsageStep};

use super::{Outcome, id_of};
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Listing, Output};
use crate::resolve::Scope;

#[cfg(test)]
mod tests;

/// Whose usage, by what, and of when. Directions are the instance's: it sent, it received.
#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// What to sum by
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// The start, included: 2026-11-01, or 2026-11-01T12:00:00Z [default: this month's, in UTC]
    #[arg(long, value_parser = parse_time, conflicts_with = "last")]
    from: Option<Timestamp>,
    /// The end, excluded [default: now]
    #[arg(long, value_parser = parse_time)]
    to: Option<Timestamp>,
    /// So long before the end instead of a start: 90s, 15m, 1h, 7d, 4w
    #[arg(long, value_parser = parse_duration)]
    last: Option<Seconds>,
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only this network's
    #[arg(long)]
    network: Option<String>,
    /// Only this VIF's
    #[arg(long)]
    vif: Option<String>,
    /// What was sent, split by whom or what it was for, as estimated from samples
    #[arg(long, value_enum, conflicts_with = "step", conflicts_with = "by")]
    split: Option<split::Split>,
    /// Of what is split, only this class: tenant-internal, pool-internal, public
    #[arg(long, value_parser = super::bill::parse_class, requires = "split")]
    class: Option<model::TrafficClass>,
    /// Also write the table as Apache Parquet, numbers exact
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// In steps instead of the whole range at once
    #[arg(long, value_enum)]
    step: Option<Step>,
    /// Only so many, those that moved most bytes first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: Option<u32>,
}

/// The steps of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Hours of UTC
    Hour,
    /// Days of UTC
    Day,
}

/// What usage is summed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum By {
    #[default]
    Tenant,
    Network,
    /// A VIF, as `vif` too
    #[value(alias = "vif")]
    Port,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(i64);

impl Seconds {
    /// How many, as far as that fits.
    pub(super) fn count(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// The moment so long ago.
    pub(super) fn before_now(self) -> Timestamp {
        let now = Timestamp::now().unix_seconds();
        Timestamp::from_unix_seconds(now.saturating_sub(self.0))
    }
}

impl Usage {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let scope = tenant.map_or(Scope::Pool, |id| Scope::Tenant(id.into()));
        let network = id_of::<Network>(client, self.network.as_deref(), scope).await?;
        let port = id_of::<PortView>(client, self.vif.as_deref(), scope).await?;
        let (from, to) = self.range(Timestamp::now());
        if let Some(by) = self.split {
            let query = SplitQuery {
                by: by.into(),
                from,
                to,
                class: self.class,
                tenant_id: tenant.map(Into::into),
                network_id: network.map(Into::into),
                port_id: port.map(Into::into),
                page: Paging::from(0),
            };
            let listing = split::run(client, &query, self.top).await?;
            return self.told(listing);
        }
        let query = UsageQuery {
            from,
            to,
            tenant_id: tenant.map(Into::into),
            network_id: network.map(Into::into),
            port_id: port.map(Into::into),
            step: self.step.map(Into::into),
            ..UsageQuery::by(self.by.into())
        };
        let usage = match self.top {
            Some(limit) => {
                let sort = UsageSort::MostBytesFirst;
                let top = UsageQuery {
                    sort,
                    limit,
                    ..query
                };
                client.usage(&top).await?
            }
            None => client.usage_all(&query).await?,
        };
        let names = names(client, self.by).await?;
        let listing = Listing::told(&usage, &names, |usage| usage.id.to_string());
        self.told(listing)
    }

    fn told(&self, listing: Listing) -> Outcome {
        if let Some(path) = &self.parquet {
            listing.write_parquet(path)?;
        }
        Ok(Output::List(listing).into())
    }

    fn range(&self, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let Some(Seconds(length)) = self.last else {
            return (self.from, self.to);
        };
        let end = self.to.unwrap_or(now);
        let start = Timestamp::from_unix_seconds(end.unix_seconds().saturating_sub(length));
        (Some(start), Some(end))
    }
}

async fn names(client: &Client, by: By) -> Result<Names, Failure> {
    let names = Names::default();
    Ok(match by {
        By::Tenant => names.with::<Tenant>(client).await?,
        By::Network => names.with::<Network>(client).await?,
        By::Port => names.with::<PortView>(client).await?,
    })
}

impl From<By> for UsageOf {
    fn from(by: By) -> Self {
        match by {
            By::Tenant => Self::Tenant,
            By::Network => Self::Network,
            By::Port => Self::Port,
        }
    }
}

impl From<Step> for UsageStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Hour => Self::Hour,
            Step::Day => Self::Day,
        }
    }
}

/// A time as in RFC 3339, or a day, which is its beginning in UTC.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, model::Invalid> {
    match text.len() {
        10 => format!("{text}T00:00:00Z").parse(),
        _ => text.parse(),
    }
}

pub(super) fn parse_duration(text: &str) -> Result<Seconds, &'static str> {
    const UNITS: &[(char, i64)] = &[
        ('s', 1),
        ('m', 60),
        ('h', 3600),
        ('d', 86_400),
        ('w', 604_800),
    ];
    let parsed = UNITS.iter().find_map(|(letter, seconds)| {
        let count: u32 = text.strip_suffix(*letter)?.parse().ok()?;
        (count > 0).then(|| Seconds(i64::from(count) * seconds))
    });
    parsed.ok_or("a number with s, m, h, d or w behind it, such as 1h")
}
