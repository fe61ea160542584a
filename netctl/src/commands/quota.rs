//! `quota-*`

use api::client::Client;
use api::request::QuotaUpdate;
use api::resource::{QuotaLine, QuotaView};
use clap::Args;
use model::{Quantity, QuotaLimit, TenantId};
use serde::Serialize;

use super::{Maybe, Outcome, optional, resolve_tenant};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};

/// Whose quota to show.
#[derive(Debug, Args)]
#[command(after_help = "Example: netctl quota-show acme")]
pub(crate) struct Show {
    /// The tenant: its name, its id, or the start of its id; the token's own if absent
    tenant: Option<String>,
}

/// Whose quota to set, and to what: a number, unlimited, or empty for the pool's default.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netctl quota-set acme ports=500 networks=20
  netctl quota-set acme floating-ips=unlimited requests-per-second=20
  netctl quota-set acme ports=            # the pool's default again")]
pub(crate) struct Set {
    /// The tenant: its name, its id, or the start of its id
    tenant: String,
    /// Networks
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    networks: Option<Maybe<QuotaLimit>>,
    /// Subnets
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    subnets: Option<Maybe<QuotaLimit>>,
    /// Reservations of addresses
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    reservations: Option<Maybe<QuotaLimit>>,
    /// VIFs, on whose networks ever
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    ports: Option<Maybe<QuotaLimit>>,
    /// Instances
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    instances: Option<Maybe<QuotaLimit>>,
    /// Routers
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    routers: Option<Maybe<QuotaLimit>>,
    /// Addresses of external networks
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    floating_ips: Option<Maybe<QuotaLimit>>,
    /// Ports of these that are forwarded
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    port_forwardings: Option<Maybe<QuotaLimit>>,
    /// Security groups, the default one included
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    security_groups: Option<Maybe<QuotaLimit>>,
    /// The rules of all of its groups together
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    security_group_rules: Option<Maybe<QuotaLimit>>,
    /// Address groups
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    address_groups: Option<Maybe<QuotaLimit>>,
    /// Tokens that are held to the tenant
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    tokens: Option<Maybe<QuotaLimit>>,
    /// Calls of the API a second, by all of its tokens together
    #[arg(long, value_parser = optional::<QuotaLimit>)]
    requests_per_second: Option<Maybe<QuotaLimit>>,
}

/// One line of the table.
#[derive(Serialize)]
struct Line {
    quantity: Quantity,
    #[serde(flatten)]
    line: QuotaLine,
}

const COLUMNS: &[Column<Line>] = &[
    column("quantity", |it, _| it.quantity.name().into()),
    column("used", |it, _| {
        it.line
            .used
            .map(|it| it.to_string())
            .unwrap_or_default()
            .into()
    }),
    column("limit", |it, _| it.line.limit.to_string().into()),
    column("set for", |it, _| {
        let whom = match it.line.is_default {
            true => "the pool",
            false => "the tenant",
        };
        whom.into()
    }),
];

impl Show {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = match &self.tenant {
            Some(name) => resolve_tenant(client, name).await?.id,
            None => own_tenant(client).await?,
        };
        Ok(output(&client.quota(tenant).await?).into())
    }
}

async fn own_tenant(client: &Client) -> Result<TenantId, Failure> {
    let own = client.whoami().await?.tenant_id;
    own.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "this token is for the whole pool, which has no quota",
        )
        .next("name a tenant: netctl quota-show acme")
    })
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let request = self.update();
        if request.0.is_empty() {
            let failure = Failure::new(Exit::Usage, "there is nothing to set");
            return Err(failure.next("say what, such as ports=500; see netctl quota-set --help"));
        }
        let tenant = resolve_tenant(client, &self.tenant).await?;
        Ok(output(&client.quota_update(tenant.id, &request).await?).into())
    }

    fn update(&self) -> QuotaUpdate {
        let said = [
            (Quantity::Networks, self.networks),
            (Quantity::Subnets, self.subnets),
            (Quantity::Reservations, self.reservations),
            (Quantity::Ports, self.ports),
            (Quantity::Instances, self.instances),
            (Quantity::Routers, self.routers),
            (Quantity::FloatingIps, self.floating_ips),
            (Quantity::PortForwardings, self.port_forwardings),
            (Quantity::SecurityGroups, self.security_groups),
            (Quantity::SecurityGroupRules, self.security_group_rules),
            (Quantity::AddressGroups, self.address_groups),
            (Quantity::Tokens, self.tokens),
            (Quantity::RequestsPerSecond, self.requests_per_second),
        ];
        let said = said.into_iter();
        let said = said.filter_map(|(quantity, limit)| Some((quantity, limit?.0)));
        QuotaUpdate(said.collect())
    }
}

fn output(view: &QuotaView) -> Output {
    let lines = view.quantities.iter();
    let lines: Vec<Line> = lines
        .map(|(quantity, line)| Line {
            quantity: *quantity,
            line: *line,
        })
        .collect();
    let id = |line: &Line| line.quantity.name().to_owned();
    let listing = Listing::with_ids(&lines, COLUMNS, &Names::default(), id);
    Output::List(listing.with_json(json(view)))
}
