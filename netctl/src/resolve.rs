//! Finds the object that an operator means: by id, by name, or by the start of its id.

use api::client::{Client, ClientError, ListQuery};
use api::problem::Code;
use api::resource::Resource;
use model::{Network, Tenant, TenantId};
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;

/// How many candidates are shown when several fit.
const SHOWN_CANDIDATES: usize = 10;

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In the whole pool.
    Pool,
    /// Among what this tenant owns.
    Tenant(TenantId),
    /// Among networks that tenants share.
    Shared,
}

impl Scope {
    /// What a `--tenant` flag says.
    pub(crate) async fn of(client: &Client, tenant: Option<&str>) -> Result<Self, Failure> {
        let Some(tenant) = tenant else {
            return Ok(Self::Pool);
        };
        let tenant: Tenant = resolve(client, tenant, Self::Pool).await?;
        Ok(Self::Tenant(tenant.id))
    }

    /// The tenant, if it is one's own.
    pub(crate) const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Tenant(id) => Some(id),
            Self::Pool | Self::Shared => None,
        }
    }

    fn query(self) -> ListQuery {
        match self {
            Self::Pool => ListQuery::default(),
            Self::Tenant(id) => ListQuery::default().filter("tenant_id", id),
            Self::Shared => ListQuery::default().filter("shared", true),
        }
    }
}

/// The only `T` that `text` can mean.
pub(crate) async fn resolve<T: Resource>(
    client: &Client,
    text: &str,
    scope: Scope,
) -> Result<T, Failure> {
    if let Ok(id) = Uuid::try_parse(text) {
        return match client.get(id).await {
            Err(ClientError::Refused(problem)) if problem.code == Code::NotFound => {
                Err(absent::<T>(text, scope))
            }
            outcome => Ok(outcome?),
        };
    }
    let named: Vec<T> = client.list_all(&scope.query().filter("name", text)).await?;
    if !named.is_empty() || !could_start_an_id(text) {
        return only(named, text, scope);
    }
    let mut all: Vec<T> = client.list_all(&scope.query()).await?;
    all.retain(|object| object.id().to_string().starts_with(&text.to_lowercase()));
    only(all, text, scope)
}

/// The only network that `text` can mean to whoever is in that scope: one of a tenant's own, or else
/// one that is shared.
pub(crate) async fn resolve_network(
    client: &Client,
    text: &str,
    scope: Scope,
) -> Result<Network, Failure> {
    let own = resolve(client, text, scope).await;
    match (own, scope) {
        (Err(absent), Scope::Tenant(_)) if absent.exit == Exit::NotFound => {
            let shared = resolve(client, text, Scope::Shared).await;
            shared.map_err(|failure| match failure.exit {
                Exit::NotFound => absent,
                _ => failure,
            })
        }
        (own, _) => own,
    }
}

fn could_start_an_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn only<T: Resource>(mut found: Vec<T>, text: &str, scope: Scope) -> Result<T, Failure> {
    match found.len() {
        0 => Err(absent::<T>(text, scope)),
        1 => Ok(found.remove(0)),
        _ => Err(ambiguous(&found, text)),
    }
}

fn absent<T: Resource>(text: &str, scope: Scope) -> Failure {
    let noun = T::NOUN;
    let whose = match scope {
        Scope::Pool | Scope::Shared => "",
        Scope::Tenant(_) => " of this tenant",
    };
    let says = format!("there is no {noun} {text}{whose}");
    Failure::new(Exit::NotFound, says).next(format!("see `netctl {}-list`", command_noun(noun)))
}

fn ambiguous<T: Resource>(found: &[T], text: &str) -> Failure {
    let says = format!("{} {}s fit {text}", found.len(), T::NOUN);
    let failure = Failure::new(Exit::Usage, says)
        .next("give more of the id, or say whose it is with tenant=...");
    let shown = found.iter().take(SHOWN_CANDIDATES);
    shown.fold(failure, |failure, object| {
        failure.because(format!(
            "{} {}",
            object.id(),
            object.name().unwrap_or_default()
        ))
    })
}

/// What the commands call a noun of the API.
fn command_noun(noun: &str) -> String {
    match noun {
        "network" => "vlan".to_owned(),
        "port" => "vif".to_owned(),
        "port forwarding" => "port-forward".to_owned(),
        "security group" => "group".to_owned(),
        "sub-port" => "vif-trunk".to_owned(),
        "migration" => "vif-migrate".to_owned(),
        "instance" => "vm".to_owned(),
        "reservation" => "ip".to_owned(),
        other => other.replace(' ', "-"),
    }
}
