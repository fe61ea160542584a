//! `trace` and `why`: what would become of a packet.

use std::net::IpAddr;

use api::client::{Client, ListQuery};
use api::request::TraceRequest;
use api::resource::{InstanceView, PortView};
use clap::Args;
use model::{MacAddr, PortId, Tenant, Trace, TracedHost, TracedProtocol, TracedState};

use super::{Outcome, id_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::{Output, json};
use crate::resolve::{Scope, resolve};

/// Which packet.
#[derive(Debug, Args)]
pub(crate) struct Packet {
    /// The VIF that sends it: its name or id, its instance's name, or one of its addresses; or the address
    /// of a machine outside
    #[arg(long)]
    from: String,
    /// Whom it is for: a VIF in the same ways, or any address
    #[arg(long)]
    to: String,
    /// Whose VIFs they are, where several tenants use the names; nothing of other tenants is shown
    #[arg(long)]
    tenant: Option<String>,
    /// What it carries: icmp, tcp or udp
    #[arg(long, default_value = "icmp", value_parser = protocol)]
    protocol: TracedProtocol,
    /// The port that it is sent to; 80 for TCP and 53 for UDP by default
    #[arg(long)]
    port: Option<u16>,
    /// The port that it is sent from; 40000 by default
    #[arg(long)]
    source_port: Option<u16>,
    /// The address that it is sent from, if not the sender's own
    #[arg(long)]
    from_address: Option<IpAddr>,
    /// The Ethernet address that it is sent from, if not the sender's own
    #[arg(long)]
    from_mac: Option<MacAddr>,
    /// How large it is, its IP header included; 100 by default
    #[arg(long)]
    bytes: Option<u16>,
    /// Whether it is the first of its connection or a reply in one: new or established
    #[arg(long, default_value = "new", value_parser = state)]
    state: TracedState,
}

fn protocol(text: &str) -> Result<TracedProtocol, String> {
    let found = TracedProtocol::ALL.iter().find(|(_, name)| *name == text);
    let found = found.map(|(protocol, _)| *protocol);
    found.ok_or_else(|| "expected icmp, tcp or udp".to_owned())
}

fn state(text: &str) -> Result<TracedState, String> {
    let found = TracedState::ALL.iter().find(|(_, name)| *name == text);
    let found = found.map(|(state, _)| *state);
    found.ok_or_else(|| "expected new or established".to_owned())
}

impl Packet {
    /// The whole way.
    pub(super) async fn trace(&self, client: &Client) -> Outcome {
        let trace = self.ask(client).await?;
        let mut lines: Vec<String> = trace.hosts.iter().flat_map(way).collect();
        lines.extend(summary(&trace));
        Ok(said(&trace, &lines).into())
    }

    /// The verdict alone.
    pub(super) async fn why(&self, client: &Client) -> Outcome {
        let trace = self.ask(client).await?;
        let mut lines = summary(&trace);
        let doubtful = trace.hosts.iter().filter(|host| !host.confirmed);
        lines.extend(doubtful.map(|host| format!("on {}, {}", host.host, host.switch)));
        Ok(said(&trace, &lines).into())
    }

    async fn ask(&self, client: &Client) -> Result<Trace, Failure> {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let scope = tenant.map_or(Scope::Pool, |id| Scope::Tenant(id.into()));
        let outside: Option<IpAddr> = self.from.parse().ok();
        let from_port_id = match vif(client, &self.from, scope).await {
            // An address that no VIF has is that of a machine outside.
            Err(failure) if failure.exit == Exit::NotFound && outside.is_some() => None,
            found => Some(found?),
        };
        // A receiver that is an address is one, whoever has it.
        let to_address: Option<IpAddr> = self.to.parse().ok();
        let to_port_id = match to_address {
            Some(_) => None,
            None => Some(vif(client, &self.to, scope).await?),
        };
        let from_address = match from_port_id {
            Some(_) => self.from_address,
            None => self.from_address.or(outside),
        };
        let request = TraceRequest {
            from_port_id,
            tenant_id: tenant.map(Into::into),
            to_port_id,
            to_address,
            protocol: self.protocol,
            port: self.port,
            source_port: self.source_port,
            from_address,
            from_mac: self.from_mac,
            bytes: self.bytes,
            state: self.state,
        };
        Ok(client.trace(&request).await?)
    }
}

/// The only VIF that is called so, or whose instance is, or that has this address.
async fn vif(client: &Client, text: &str, scope: Scope) -> Result<PortId, Failure> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return with_address(client, address, scope).await;
    }
    let named = resolve::<PortView>(client, text, scope).await;
    let absent = match named {
        Ok(port) => return Ok(port.port.id),
        Err(failure) if failure.exit == Exit::NotFound => failure,
        Err(failure) => return Err(failure),
    };
    match resolve::<InstanceView>(client, text, scope).await {
        Ok(instance) => instance.port_ids.first().copied().ok_or(absent),
        Err(failure) if failure.exit == Exit::NotFound => Err(absent),
        Err(failure) => Err(failure),
    }
}

async fn with_address(client: &Client, address: IpAddr, scope: Scope) -> Result<PortId, Failure> {
    let query = match scope {
        Scope::Tenant(id) => ListQuery::default().filter("tenant_id", id),
        Scope::Pool | Scope::Shared => ListQuery::default(),
    };
    let mut ports: Vec<PortView> = client.list_all(&query).await?;
    ports.retain(|port| port.port.addresses.contains(&address));
    match ports.as_slice() {
        [port] => Ok(port.port.id),
        [] => {
            let failure = Failure::new(Exit::NotFound, format!("no VIF has {address}"));
            Err(failure.next("see `netctl vif-list`"))
        }
        several => {
            let says = format!("{} VIFs have {address}", several.len());
            let failure = Failure::new(Exit::Usage, says);
            Err(failure.next("say whose it is with tenant=..., or name the VIF"))
        }
    }
}

fn said(trace: &Trace, lines: &[String]) -> Output {
    let ids = trace.port_ids.iter().map(ToString::to_string);
    Output::Said {
        id: ids.collect::<Vec<_>>().join("\n"),
        json: json(trace),
        text: lines.join("\n"),
    }
}

fn summary(trace: &Trace) -> Vec<String> {
    let advice = trace.advice.iter();
    let advice = advice.map(|advice| format!("to let it pass: {advice}"));
    let rules = trace.rules.iter().map(|rule| rule.says.clone());
    std::iter::once(trace.message.clone())
        .chain(advice)
        .chain(rules)
        .collect()
}

/// The way through one host: its name, a line for each table, and what the switch says of it.
fn way(host: &TracedHost) -> Vec<String> {
    let widest = |of: fn(&model::TraceStep) -> &str| {
        let widths = host.steps.iter().map(|step| of(step).chars().count());
        widths.max().unwrap_or_default()
    };
    let (table, by) = (widest(|it| &it.table), widest(|it| &it.by));
    let steps = host.steps.iter().map(|step| {
        format!(
            "  {:table$}  {:by$}  {} -> {}",
            step.table, step.by, step.rule, step.then
        )
    });
    let mut lines = vec![format!("{}, {}:", host.host, host.entry)];
    lines.extend(steps);
    lines.push(format!("  {}", host.switch));
    lines
}
