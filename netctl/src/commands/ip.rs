//! `ip-*`: reserved addresses.

use api::client::{Client, ListQuery};
use api::request::ReservationCreate;
use api::resource::HostView;
use clap::Args;
use model::{AddressRange, Name, Network, Reservation, Tenant};

use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// Which addresses to keep.
#[derive(Debug, Args)]
pub(crate) struct Reserve {
    /// An address, or a range such as 10.0.0.10-10.0.0.19
    address: AddressRange,
    /// The network whose addresses they are
    #[arg(long)]
    network: String,
    /// Whose network that is, where several tenants use the name
    #[arg(long)]
    tenant: Option<String>,
    /// What to call the reservation, unique in the tenant
    #[arg(long)]
    name: Option<Name>,
}

/// Which reservations to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only this network's
    #[arg(long)]
    network: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

const COLUMNS: &[Column<Reservation>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("network", |it, names| names.of(it.network_id.uuid()).into()),
    column("name", |it, _| {
        it.name.as_ref().map_or("", Name::as_str).into()
    }),
    column("addresses", |it, _| it.addresses.to_string().into()),
    column("in_use_on", |it, names| {
        let host = it.quarantine.map(|it| it.host_id.uuid());
        names.of_some(host).into()
    }),
    column("id", |it, _| it.id.to_string().into()),
];

impl Reserve {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let scope = Scope::of(client, self.tenant.as_deref()).await?;
        let network: Network = resolve(client, &self.network, scope).await?;
        let request = ReservationCreate {
            network_id: network.id,
            name: self.name.clone(),
            addresses: self.address,
        };
        let reservation: Reservation = client.create(&request).await?;
        Ok(object_of(&reservation).into())
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let scope = tenant.map_or(Scope::Pool, |id| Scope::Tenant(id.into()));
        let network = id_of::<Network>(client, self.network.as_deref(), scope).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let query = filter(query, "network_id", network.as_ref());
        let reservations = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<Network>(client).await?;
        let names = names.with::<HostView>(client).await?;
        Ok(Output::List(Listing::of(&reservations, COLUMNS, &names)).into())
    }
}
