//! What each command does: one file per noun, and here what they share.

pub(crate) mod address_group;
pub(crate) mod bill;
pub(crate) mod cap;
mod carried_out;
pub(crate) mod change;
pub(crate) mod completion;
pub(crate) mod event;
pub(crate) mod fabric_check;
pub(crate) mod floating_ip;
pub(crate) mod group;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod ip;
pub(crate) mod lab;
mod limits;
pub(crate) mod meter;
pub(crate) mod network;
pub(crate) mod nic;
mod owned_list;
pub(crate) mod physical_network;
pub(crate) mod port_forward;
pub(crate) mod quota;
pub(crate) mod rate_plan;
pub(crate) mod router;
pub(crate) mod router_gateway;
pub(crate) mod status;
pub(crate) mod subnet;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod topology;
pub(crate) mod trace;
pub(crate) mod tunnel;
pub(crate) mod uplink;
pub(crate) mod usage;
pub(crate) mod vif;
pub(crate) mod vif_guest;
pub(crate) mod vif_migrate;
pub(crate) mod vif_trunk;
pub(crate) mod vm;
pub(crate) mod vm_define;
pub(crate) mod vm_migrate;
pub(crate) mod watch;

use api::client::{Client, ClientError, ListQuery};
use api::request::NetworkKind;
use api::resource::{Creatable, HostView, InstanceView, PortView, Resource};
use clap::Args;
use model::{
    AddressGroup, Network, PhysicalNetwork, Reservation, Router, SecurityGroup, Subnet, Tenant,
};

use crate::args::Command;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Format, Output, json};
use crate::resolve::{Scope, resolve};
pub(crate) use owned_list::OwnedList;

/// What came of a command: what to print, and how to exit.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) output: Output,
    pub(crate) exit: Exit,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let exit = Exit::Done;
        Self { output, exit }
    }
}

/// What came of a command, and the client that asked, if one did.
pub(crate) struct Ran {
    pub(crate) done: Done,
    pub(crate) client: Option<Client>,
}

/// What every command comes to.
type Outcome = Result<Done, Failure>;

impl Command {
    /// Does it.
    pub(crate) async fn run(
        &self,
        connection: &Connection,
        format: Format,
    ) -> Result<Ran, Failure> {
        let local = match self {
            Self::LabUp(command) => Some(command.run(connection).await?),
            Self::LabDown(command) => Some(command.run(connection).await?),
            Self::LabStatus(command) => Some(command.run(connection)?),
            Self::Completion(command) => Some(command.run()),
            _ => None,
        };
        if let Some(done) = local {
            return Ok(Ran { done, client: None });
        }
        let client = connection.client()?;
        let done = match self {
            Self::Watch(command) => command.run(&client, format).await?,
            _ => self.ask(&client).await?,
        };
        Ok(Ran {
            done,
            client: Some(client),
        })
    }

    #[expect(clippy::too_many_lines, reason = "a list: one row per command")]
    async fn ask(&self, client: &Client) -> Outcome {
        match self {
            Self::TenantCreate(command) => command.run(client).await,
            Self::TenantList(command) => command.run(client).await,
            Self::TenantShow(one) => show::<Tenant>(client, one.of()).await,
            Self::TenantSet(command) => command.run(client).await,
            Self::TenantSuspend(command) => command.run(client).await,
            Self::TenantResume(command) => command.run(client).await,
            Self::TenantDelete(command) => command.run(client).await,
            Self::QuotaShow(command) => command.run(client).await,
            Self::QuotaSet(command) => command.run(client).await,
            Self::TokenCreate(command) => command.run(client).await,
            Self::TokenList(command) => command.run(client).await,
            Self::TokenRevoke(command) => command.run(client).await,
            Self::Whoami => token::whoami(client).await,
            Self::PoolSetup(command) => command.run(client).await,
            Self::PoolShow(command) => command.run(client).await,
            Self::NicList(command) => command.run(client).await,
            Self::NicAssign(command) => command.run(client).await,
            Self::BondCreate(command) => command.run(client).await,
            Self::BondDelete(command) => command.run(client).await,
            Self::ManagementMove(command) => command.run(client).await,
            Self::PhysicalNetworkCreate(command) => command.run(client).await,
            Self::PhysicalNetworkList(command) => command.run(client).await,
            Self::PhysicalNetworkShow(one) => show::<PhysicalNetwork>(client, one.of()).await,
            Self::PhysicalNetworkDelete(one) => delete::<PhysicalNetwork>(client, one.of()).await,
            Self::FlatCreate(command) => command.run(client, NetworkKind::Flat).await,
            Self::FlatList(command) => command.run(client, NetworkKind::Flat).await,
            Self::FlatShow(one) => show::<Network>(client, one.of()).await,
            Self::FlatSet(command) => command.run(client).await,
            Self::FlatDelete(one) => delete::<Network>(client, one.of()).await,
            Self::VlanCreate(command) => command.run(client, NetworkKind::Vlan).await,
            Self::VlanList(command) => command.run(client, NetworkKind::Vlan).await,
            Self::VlanShow(one) => show::<Network>(client, one.of()).await,
            Self::VlanSet(command) => command.run(client).await,
            Self::VlanDelete(one) => delete::<Network>(client, one.of()).await,
            Self::VxlanCreate(command) => command.run(client, NetworkKind::Vxlan).await,
            Self::VxlanList(command) => command.run(client, NetworkKind::Vxlan).await,
            Self::VxlanShow(one) => show::<Network>(client, one.of()).await,
            Self::VxlanSet(command) => command.run(client).await,
            Self::VxlanDelete(one) => delete::<Network>(client, one.of()).await,
            Self::GeneveCreate(command) => command.run(client, NetworkKind::Geneve).await,
            Self::GeneveList(command) => command.run(client, NetworkKind::Geneve).await,
            Self::GeneveShow(one) => show::<Network>(client, one.of()).await,
            Self::GeneveSet(command) => command.run(client).await,
            Self::GeneveDelete(one) => delete::<Network>(client, one.of()).await,
            Self::SubnetCreate(command) => command.run(client).await,
            Self::SubnetList(command) => command.run(client).await,
            Self::SubnetShow(one) => show::<Subnet>(client, one.of()).await,
            Self::SubnetSet(command) => command.run(client).await,
            Self::SubnetDelete(one) => delete::<Subnet>(client, one.of()).await,
            Self::IpReserve(command) => command.run(client).await,
            Self::IpList(command) => command.run(client).await,
            Self::IpRelease(one) => delete::<Reservation>(client, one.of()).await,
            Self::RouterCreate(command) => command.run(client).await,
            Self::RouterList(list) => {
                let names = Names::default().with::<Network>(client).await?;
                list.run(client, router::COLUMNS, names).await
            }
            Self::RouterShow(one) => show::<Router>(client, one.of()).await,
            Self::RouterInterfaceAdd(command) => command.add(client).await,
            Self::RouterInterfaceRemove(command) => command.remove(client).await,
            Self::RouterRouteAdd(command) => command.run(client).await,
            Self::RouterRouteRemove(command) => command.run(client).await,
            Self::RouterRouteList(command) => command.run(client).await,
            Self::RouterDelete(one) => delete::<Router>(client, one.of()).await,
            Self::RouterGatewaySet(command) => command.run(client).await,
            Self::RouterGatewayClear(command) => command.run(client).await,
            Self::RouterGatewayList(command) => command.run(client).await,
            Self::FloatingIpCreate(command) => command.run(client).await,
            Self::FloatingIpList(command) => command.run(client).await,
            Self::FloatingIpShow(one) => one.show(client).await,
            Self::FloatingIpBind(command) => command.run(client).await,
            Self::FloatingIpUnbind(one) => one.unbind(client).await,
            Self::FloatingIpDelete(one) => one.delete(client).await,
            Self::PortForwardCreate(command) => command.run(client).await,
            Self::PortForwardList(command) => command.run(client).await,
            Self::PortForwardShow(one) => one.show(client).await,
            Self::PortForwardDelete(one) => one.delete(client).await,
            Self::VifCreate(command) => command.run(client).await,
            Self::VifList(command) => command.run(client).await,
            Self::VifShow(one) => show::<PortView>(client, one.of()).await,
            Self::VifSet(command) => command.run(client).await,
            Self::VifDelete(one) => delete::<PortView>(client, one.of()).await,
            Self::VifAttach(command) => command.run(client).await,
            Self::VifDetach(command) => command.run(client).await,
            Self::VifTrunkAdd(command) => command.run(client).await,
            Self::VifTrunkRemove(command) => command.run(client).await,
            Self::VifTrunkList(command) => command.run(client).await,
            Self::VifMigrate(command) => command.run(client).await,
            Self::VifMigrateCancel(command) => command.run(client).await,
            Self::VifMigrateList(command) => command.run(client).await,
            Self::VmStart(command) => command.run(client).await,
            Self::VmDefine(command) => command.run(client).await,
            Self::VmMigrate(command) => command.run(client).await,
            Self::VmStop(one) => vm_define::stop(client, one).await,
            Self::VmUndefine(one) => delete::<InstanceView>(client, one.of()).await,
            Self::VmList(command) => command.run(client).await,
            Self::VmShow(one) => show::<InstanceView>(client, one.of()).await,
            Self::HostList(command) => command.run(client).await,
            Self::HostShow(one) => show::<HostView>(client, one.of()).await,
            Self::TunnelList(command) => command.run(client).await,
            Self::FabricCheck(command) => command.run(client).await,
            Self::FabricCheckList(command) => command.run(client).await,
            Self::FabricCheckShow(command) => command.run(client).await,
            Self::Trace(command) => command.trace(client).await,
            Self::Why(command) => command.why(client).await,
            Self::EventList(command) => command.run(client).await,
            Self::ChangeShow(command) => command.run(client).await,
            Self::ChangeWait(command) => command.run(client).await,
            Self::History(command) => command.run(client).await,
            Self::HistoryVerify(command) => command.run(client).await,
            Self::Usage(command) => command.run(client).await,
            Self::Bill(command) => command.run(client).await,
            Self::BillList(command) => command.run(client).await,
            Self::BillExplain(command) => command.run(client).await,
            Self::CapSet(command) => command.run(client).await,
            Self::CapList(command) => command.run(client).await,
            Self::CapShow(one) => one.show(client).await,
            Self::CapLift(one) => one.lift(client).await,
            Self::CapRemove(one) => one.remove(client).await,
            Self::MeterList(command) => command.run(client).await,
            Self::CollectorShow => meter::collector(client).await,
            Self::LedgerSeal(command) => command.run(client).await,
            Self::SealList => bill::seals(client).await,
            Self::LedgerVerify => bill::verify(client).await,
            Self::RatePlanCreate(command) => command.run(client).await,
            Self::RatePlanList => rate_plan::list(client).await,
            Self::RatePlanDelete(command) => command.run(client).await,
            Self::RatePlanAssign(command) => command.run(client).await,
            Self::RatePlanAssignments => rate_plan::assignments(client).await,
            Self::Status(command) => command.run(client).await,
            _ => self.ask_of_groups(client).await,
        }
    }

    async fn ask_of_groups(&self, client: &Client) -> Outcome {
        match self {
            Self::GroupCreate(command) => command.run(client).await,
            Self::GroupList(list) => list.run(client, group::COLUMNS, Names::default()).await,
            Self::GroupShow(one) => show::<SecurityGroup>(client, one.of()).await,
            Self::GroupDelete(one) => delete::<SecurityGroup>(client, one.of()).await,
            Self::GroupRuleList(command) => command.run(client).await,
            Self::GroupRuleAdd(command) => command.run(client).await,
            Self::GroupRuleRemove(command) => command.run(client).await,
            Self::AddressGroupCreate(command) => command.run(client).await,
            Self::AddressGroupList(list) => {
                list.run(client, address_group::COLUMNS, Names::default())
                    .await
            }
            Self::AddressGroupShow(one) => show::<AddressGroup>(client, one.of()).await,
            Self::AddressGroupSet(command) => command.run(client).await,
            Self::AddressGroupDelete(one) => delete::<AddressGroup>(client, one.of()).await,
            // The others need no server; `run` has done them.
            _ => Ok(Output::Text(String::new()).into()),
        }
    }
}

/// One object of the pool.
#[derive(Clone, Debug, Args)]
pub(crate) struct One {
    /// Its name, its id, or the start of its id
    name: String,
}

/// One object of a tenant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Owned {
    /// Its name, its id, or the start of its id
    name: String,
    /// Whose it is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
}

/// The text that names an object, and the tenant it is said to be of.
type Named<'a> = (&'a str, Option<&'a str>);

impl One {
    fn of(&self) -> Named<'_> {
        (&self.name, None)
    }
}

impl Owned {
    fn of(&self) -> Named<'_> {
        (&self.name, self.tenant.as_deref())
    }
}

/// How much of a list, and in which order.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// Fields of the API's objects to sort by, - in front for descending: name,-created_at
    #[arg(long, allow_hyphen_values = true)]
    sort: Option<String>,
    /// Show at most so many
    #[arg(long)]
    limit: Option<usize>,
}

impl ListArgs {
    /// The objects that `query` wants, as many and in the order asked for.
    async fn fetch<T: Resource>(
        &self,
        client: &Client,
        query: ListQuery,
    ) -> Result<Vec<T>, ClientError> {
        let sort = self.sort.clone().or(query.sort.clone());
        let query = ListQuery { sort, ..query };
        match self.limit {
            Some(limit) => client.list_first(&query, limit).await,
            None => client.list_all(&query).await,
        }
    }
}

/// A value that may be given as an empty text, which stands for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maybe<T>(Option<T>);

/// Reads one.
fn optional<T: std::str::FromStr>(text: &str) -> Result<Maybe<T>, T::Err> {
    match text.is_empty() {
        true => Ok(Maybe(None)),
        false => text.parse().map(|it| Maybe(Some(it))),
    }
}

/// The values of a list that were given.
fn present<T: Clone>(list: &[Maybe<T>]) -> Vec<T> {
    list.iter().filter_map(|it| it.0.clone()).collect()
}

/// A filter for what may have been asked for.
fn filter(query: ListQuery, field: &str, value: Option<&impl std::fmt::Display>) -> ListQuery {
    match value {
        Some(value) => query.filter(field, value),
        None => query,
    }
}

/// The id of the `T` that was named, if one was.
async fn id_of<T: Resource>(
    client: &Client,
    name: Option<&str>,
    scope: Scope,
) -> Result<Option<uuid::Uuid>, Failure> {
    let Some(name) = name else {
        return Ok(None);
    };
    let object: T = resolve(client, name, scope).await?;
    Ok(Some(object.id()))
}

/// The tenant that was named.
async fn resolve_tenant(client: &Client, name: &str) -> Result<Tenant, Failure> {
    resolve(client, name, Scope::Pool).await
}

async fn show<T: Resource>(client: &Client, (name, tenant): Named<'_>) -> Outcome {
    let scope = Scope::of(client, tenant).await?;
    let object: T = resolve(client, name, scope).await?;
    Ok(object_of(&object).into())
}

async fn delete<T: Creatable>(client: &Client, (name, tenant): Named<'_>) -> Outcome {
    let scope = Scope::of(client, tenant).await?;
    let object: T = resolve(client, name, scope).await?;
    client.delete::<T>(object.id()).await?;
    let id = object.id().to_string();
    let output = Output::Said {
        text: format!(
            "deleted {} {} ({id})",
            T::NOUN,
            object.name().unwrap_or_default()
        ),
        json: serde_json::json!({ "deleted": id }),
        id,
    };
    Ok(output.into())
}

fn object_of<T: Resource>(object: &T) -> Output {
    Output::Object {
        id: object.id().to_string(),
        json: json(object),
    }
}

#[cfg(test)]
mod tests;
