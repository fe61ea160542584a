//! `group-*`: security groups and their rules.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use api::client::{Client, ListQuery};
use api::request::{SecurityGroupCreate, SecurityGroupUpdate};
use api::resource::RuleHitsView;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use model::{
    AddressGroup, Allowance, Direction, Family, Name, PortRange, ProtocolName, Remote, Rule,
    RuleForm, RuleId, SecurityGroup, SecurityGroupId, Tenant, Tracking, Traffic,
};
use serde::Serialize;

use super::{Outcome, filter, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, word};
use crate::resolve::{Scope, resolve};

/// Which group to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    /// Do not track connections: replies need rules of their own
    #[arg(long)]
    stateless: bool,
    /// Make it without any rule: not even what its VIFs begin is let out
    #[arg(long)]
    empty: bool,
}

/// A group.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// The group: its name, its id, or the start of its id
    group: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// What a group is to let through from now on.
#[derive(Debug, Args)]
pub(crate) struct Allow {
    #[command(flatten)]
    group: Rules,
    /// Who begins: ingress, or with to= egress
    #[arg(long)]
    direction: Option<Way>,
    /// ipv4 or ipv6; if absent, both
    #[arg(long)]
    family: Option<IpVersion>,
    /// any, tcp, udp, icmp, icmpv6, or a number
    #[arg(long, alias = "proto", default_value_t)]
    protocol: ProtocolName,
    /// The port or ports of tcp or udp, such as 80 or 8000-8100
    #[arg(long)]
    port: Option<PortRange>,
    /// The type of icmp or icmpv6
    #[arg(long)]
    icmp_type: Option<u8>,
    /// The code of that type
    #[arg(long)]
    icmp_code: Option<u8>,
    /// Who begins: a prefix, group:NAME or addresses:NAME; if absent, anybody
    #[arg(long, conflicts_with = "to")]
    from: Option<String>,
    /// With whom the group's VIFs may begin: the same, going out
    #[arg(long)]
    to: Option<String>,
    /// Count what it lets through by itself
    #[arg(long)]
    logged: bool,
    /// A file with a JSON list of rules as the API has them, in place of one rule
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Which rules to take away.
#[derive(Debug, Args)]
pub(crate) struct Forbid {
    #[command(flatten)]
    group: Rules,
    /// Ids of rules, or starts of them, comma-separated
    #[arg(long, value_delimiter = ',', required = true)]
    rule: Vec<String>,
}

/// Who begins.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Ingress,
    Egress,
}

/// A version of IP.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum IpVersion {
    Ipv4,
    Ipv6,
}

impl From<IpVersion> for Family {
    fn from(version: IpVersion) -> Self {
        match version {
            IpVersion::Ipv4 => Self::Ipv4,
            IpVersion::Ipv6 => Self::Ipv6,
        }
    }
}

pub(super) const COLUMNS: &[Column<SecurityGroup>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("name", |it, _| it.name.as_str().into()),
    column("tracking", |it, _| word(&it.tracking).into()),
    column("rules", |it, _| it.rules.len().to_string().into()),
    column("id", |it, _| it.id.to_string().into()),
];

/// A rule, and if it is logged what it let through.
#[derive(Serialize)]
struct ListedRule {
    #[serde(flatten)]
    rule: Rule,
    #[serde(flatten)]
    hits: Option<Traffic>,
}

const RULE_COLUMNS: &[Column<ListedRule>] = &[
    column("direction", |it, _| word(&it.rule.allows.direction).into()),
    column("family", |it, _| {
        it.rule.allows.family.map_or("both", Family::name).into()
    }),
    column("protocol", |it, _| {
        it.rule.allows.protocol.name().to_string().into()
    }),
    column("what", |it, _| it.rule.allows.what().into()),
    column("remote", |it, names| {
        remote(it.rule.allows.remote, names).into()
    }),
    column("logged", |it, _| match it.rule.allows.logged {
        true => "yes".into(),
        false => "".into(),
    }),
    column("packets", |it, _| {
        it.hits
            .map_or(String::new(), |it| it.packets.to_string())
            .into()
    }),
    column("bytes", |it, _| {
        it.hits
            .map_or(String::new(), |it| it.bytes.to_string())
            .into()
    }),
    column("id", |it, _| it.rule.id.to_string().into()),
];

fn remote(remote: Remote, names: &Names) -> String {
    match remote {
        Remote::Any => "anybody".to_owned(),
        Remote::Prefix(prefix) => prefix.to_string(),
        Remote::Group(id) => format!("group:{}", names.of(id.uuid())),
        Remote::AddressGroup(id) => format!("addresses:{}", names.of(id.uuid())),
    }
}

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let request = SecurityGroupCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            tracking: self.stateless.then_some(Tracking::Stateless),
            rules: self.empty.then(Vec::new),
        };
        let made: SecurityGroup = client.create(&request).await?;
        Ok(object_of(&made).into())
    }
}

impl Rules {
    async fn find(&self, client: &Client) -> Result<SecurityGroup, Failure> {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        resolve(client, &self.group, scope).await
    }

    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let group = self.find(client).await?;
        list_rules(client, &group).await
    }
}

async fn list_rules(client: &Client, group: &SecurityGroup) -> Outcome {
    let names = Names::default().with::<SecurityGroup>(client).await?;
    let names = names.with::<AddressGroup>(client).await?;
    let hits = hits(client, group).await?;
    let rules = group.rules.iter().map(|rule| ListedRule {
        hits: hits.get(&rule.id).copied(),
        rule: rule.clone(),
    });
    let id = |it: &ListedRule| it.rule.id.to_string();
    let rules: Vec<ListedRule> = rules.collect();
    let listing = Listing::with_ids(&rules, RULE_COLUMNS, &names, id);
    Ok(Output::List(listing).into())
}

/// What the logged rules of a group let through.
async fn hits(
    client: &Client,
    group: &SecurityGroup,
) -> Result<BTreeMap<RuleId, Traffic>, Failure> {
    if !group.rules.iter().any(|rule| rule.allows.logged) {
        return Ok(BTreeMap::new());
    }
    let query = filter(ListQuery::default(), "security_group_id", Some(&group.id));
    let hits: Vec<RuleHitsView> = client.list_all(&query).await?;
    Ok(hits.into_iter().map(|it| (it.id, it.traffic)).collect())
}

impl Allow {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let group = self.group.find(client).await?;
        let add_rules = match &self.file {
            Some(path) => read(path)?,
            None => vec![self.rule(client, &group).await?],
        };
        let request = SecurityGroupUpdate {
            add_rules,
            remove_rules: Vec::new(),
        };
        let changed: SecurityGroup = client.update(group.id.uuid(), &request).await?;
        list_rules(client, &changed).await
    }

    async fn rule(&self, client: &Client, group: &SecurityGroup) -> Result<Allowance, Failure> {
        let direction = match (self.direction, &self.to) {
            (Some(Way::Egress), _) | (None, Some(_)) => Direction::Egress,
            (Some(Way::Ingress), _) | (None, None) => Direction::Ingress,
        };
        let mut form = RuleForm {
            family: self.family.map(Family::from),
            protocol: self.protocol,
            ports: self.port,
            icmp_type: self.icmp_type,
            icmp_code: self.icmp_code,
            logged: self.logged,
            ..RuleForm::new(direction)
        };
        let scope = Scope::Tenant(group.tenant_id);
        if let Some(other) = self.from.as_ref().or(self.to.as_ref()) {
            name_remote(client, scope, other, &mut form).await?;
        }
        form.check().map_err(|faults| {
            let failure = Failure::new(Exit::Usage, "the parts of the rule do not fit together");
            faults.into_iter().fold(failure, |failure, fault| {
                failure.because(format!("{}: {}", fault.field, fault.message))
            })
        })
    }
}

/// Puts who is at the other end into a rule.
async fn name_remote(
    client: &Client,
    scope: Scope,
    text: &str,
    form: &mut RuleForm,
) -> Result<(), Failure> {
    if let Some(name) = text.strip_prefix("group:") {
        let group: SecurityGroup = resolve(client, name, scope).await?;
        form.remote_group_id = Some(group.id);
    } else if let Some(name) = text.strip_prefix("addresses:") {
        let group: AddressGroup = resolve(client, name, scope).await?;
        form.remote_address_group_id = Some(group.id);
    } else {
        let address = |_| text.parse::<IpAddr>().map(IpNet::from);
        let prefix = text.parse::<IpNet>().or_else(address);
        form.remote_cidr = Some(prefix.map_err(|_| {
            let says = format!(
                "{text:?} is not who may be at the other end; expected a prefix such as \
                 10.0.0.0/8, group:NAME or addresses:NAME"
            );
            Failure::new(Exit::Usage, says)
        })?);
    }
    Ok(())
}

fn read(path: &std::path::Path) -> Result<Vec<Allowance>, Failure> {
    let failed = |why: String| {
        let says = format!("could not read rules from {}", path.display());
        Failure::new(Exit::Usage, says).because(why)
    };
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

impl Forbid {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let group = self.group.find(client).await?;
        let mut remove_rules = Vec::new();
        for text in &self.rule {
            let meant = |rule: &&Rule| rule.id.to_string().starts_with(&text.to_lowercase());
            let mut found = group.rules.iter().filter(meant);
            match (found.next(), found.next()) {
                (Some(rule), None) => remove_rules.push(rule.id),
                (Some(_), Some(_)) => {
                    let says = format!("several rules of {} fit {text}", group.name.as_str());
                    return Err(Failure::new(Exit::Usage, says).next("give more of the id"));
                }
                (None, _) => {
                    let says = format!("{} has no rule {text}", group.name.as_str());
                    let next = format!("see `netctl group-rule-list {}`", group.id);
                    return Err(Failure::new(Exit::NotFound, says).next(next));
                }
            }
        }
        let request = SecurityGroupUpdate {
            add_rules: Vec::new(),
            remove_rules,
        };
        let changed: SecurityGroup = client.update(group.id.uuid(), &request).await?;
        list_rules(client, &changed).await
    }
}

/// The groups of a VIF that were named, if any were.
pub(super) async fn ids_of(
    client: &Client,
    names: Option<&Vec<String>>,
    scope: Scope,
) -> Result<Option<Vec<SecurityGroupId>>, Failure> {
    let Some(names) = names else {
        return Ok(None);
    };
    let mut ids = Vec::new();
    // `groups=` alone means none.
    for name in names.iter().filter(|name| !name.is_empty()) {
        let group: SecurityGroup = resolve(client, name, scope).await?;
        ids.push(group.id);
    }
    Ok(Some(ids))
}
