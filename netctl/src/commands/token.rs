//! `token-*`: who else may do what. The secret of a token is printed once, when it is made.

use api::client::{Client, ListQuery};
use api::request::TokenCreate;
use api::resource::TokenView;
use clap::Args;
use model::{AccessRole, AccessVerb, Name, Tenant};

use super::usage::{Seconds, parse_duration};
use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::names::Names;
use crate::print::{Cell, Column, Listing, Output, column, json};
use crate::resolve::{Scope, resolve};

/// What the token is to be.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, unique in the tenant, or among those of the pool
    name: Name,
    /// What its bearer is: operator, tenant-admin, tenant-member, auditor, biller
    #[arg(long, value_parser = role)]
    role: AccessRole,
    /// The tenant that its bearer is held to; the whole pool if absent
    #[arg(long)]
    tenant: Option<String>,
    /// What its bearer may do of what the role may, all if absent: read, create, change, delete
    #[arg(long, value_delimiter = ',', value_parser = verb)]
    verbs: Option<Vec<AccessVerb>>,
    /// For how long it is valid, such as 1h, 30d: 90d if absent, at most 366d
    #[arg(long, value_parser = parse_duration)]
    valid: Option<Seconds>,
}

/// Which tokens to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those held to this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this role
    #[arg(long, value_parser = role)]
    role: Option<AccessRole>,
    #[command(flatten)]
    list: ListArgs,
}

/// One token.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its name, its id, or the start of its id
    name: String,
    /// The tenant that it is held to, where several use the name
    #[arg(long)]
    tenant: Option<String>,
}

const COLUMNS: &[Column<TokenView>] = &[
    column("name", |it, _| it.name.as_str().into()),
    column("role", |it, _| it.role.name().into()),
    column("tenant", |it, names| {
        names.of_some(it.tenant_id.map(model::Id::uuid)).into()
    }),
    column("verbs", |it, _| verbs_of(it).into()),
    column("expires_at", |it, _| it.expires_at.to_string().into()),
    column("last_used_at", |it, _| {
        let used = it.last_used_at.map(|at| at.to_string());
        Cell::from(used.unwrap_or_default())
    }),
    column("id", |it, _| it.id.to_string().into()),
];

fn verbs_of(token: &TokenView) -> String {
    let names: Vec<&str> = token.verbs.iter().map(|it| it.name()).collect();
    names.join(",")
}

fn role(text: &str) -> Result<AccessRole, String> {
    let found = AccessRole::ALL.iter().find(|(_, name)| *name == text);
    found
        .map(|(role, _)| *role)
        .ok_or_else(|| "one of operator, tenant-admin, tenant-member, auditor, biller".to_owned())
}

fn verb(text: &str) -> Result<AccessVerb, String> {
    let found = AccessVerb::ALL.iter().find(|(_, name)| *name == text);
    let found = found.map(|(verb, _)| *verb);
    found.ok_or_else(|| "one of read, create, change, delete".to_owned())
}

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let request = TokenCreate {
            name: self.name.clone(),
            role: self.role,
            tenant_id: tenant.map(Into::into),
            verbs: self.verbs.clone(),
            valid_seconds: self.valid.map(Seconds::count),
        };
        let made = client.token_create(&request).await?;
        Ok(object_of(&made).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let role = self.role.map(AccessRole::name);
        let query = filter(query, "role", role.as_ref());
        let tokens: Vec<TokenView> = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        Ok(Output::List(Listing::of(&tokens, COLUMNS, &names)).into())
    }
}

impl Revoke {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let token: TokenView = resolve(client, &self.name, scope).await?;
        client.delete::<TokenView>(token.id.uuid()).await?;
        let id = token.id.to_string();
        let output = Output::Said {
            text: format!("revoked token {} ({id})", token.name),
            json: serde_json::json!({ "revoked": id }),
            id,
        };
        Ok(output.into())
    }
}

/// Who the token that netctl uses makes its bearer.
pub(super) async fn whoami(client: &Client) -> Outcome {
    let identity = client.whoami().await?;
    let output = Output::Object {
        id: identity.actor.clone(),
        json: json(&identity),
    };
    Ok(output.into())
}
