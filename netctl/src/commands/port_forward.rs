//! `port-forward-*`: ports of floating IPs that stand for ports of VIFs.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU16;

use api::client::{Client, ListQuery};
use api::request::PortForwardingCreate;
use api::resource::PortView;
use clap::{Args, ValueEnum};
use model::{FloatingIp, ForwardedProtocol, PortForwarding, Tenant};

use super::floating_ip::Floating;
use super::{ListArgs, Outcome, filter, id_of, object_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column};
use crate::resolve::{Scope, resolve};

/// What is to be forwarded where.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The floating IP and its port, such as 203.0.113.7:443
    outside: SocketAddrV4,
    /// The VIF that it is forwarded to
    #[arg(long)]
    vif: String,
    /// The port of the VIF; if absent, the same as outside
    #[arg(long)]
    vif_port: Option<NonZeroU16>,
    /// Which of the VIF's addresses; if absent, its first
    #[arg(long)]
    vif_address: Option<Ipv4Addr>,
    /// What is spoken
    #[arg(long, default_value = "tcp")]
    protocol: Spoken,
    /// Whose the floating IP is, where several networks use the address
    #[arg(long)]
    tenant: Option<String>,
}

/// What has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spoken {
    Tcp,
    Udp,
}

impl From<Spoken> for ForwardedProtocol {
    fn from(spoken: Spoken) -> Self {
        match spoken {
            Spoken::Tcp => Self::Tcp,
            Spoken::Udp => Self::Udp,
        }
    }
}

/// Which port forwardings to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// One port forwarding.
#[derive(Debug, Args)]
pub(crate) struct Forwarding {
    /// The floating IP and its port, such as 203.0.113.7:443, or an id, or the start of one
    outside: String,
    /// What is spoken, where the port is forwarded for both
    #[arg(long)]
    protocol: Option<Spoken>,
    /// Whose it is, where several networks use the address
    #[arg(long)]
    tenant: Option<String>,
}

const COLUMNS: &[Column<PortForwarding>] = &[
    column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
    column("address", |it, names| {
        names.of(it.floating_ip_id.uuid()).into()
    }),
    column("protocol", |it, _| it.protocol.to_string().into()),
    column("port", |it, _| it.external_port.to_string().into()),
    column("vif", |it, names| names.of(it.port_id.uuid()).into()),
    column("vif-address", |it, _| it.port_address.to_string().into()),
    column("vif-port", |it, _| it.internal_port.to_string().into()),
    column("id", |it, _| it.id.to_string().into()),
];

impl Create {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let external_port = NonZeroU16::new(self.outside.port()).ok_or_else(|| {
            let says = format!("{} names port 0; expected 1 to 65535", self.outside);
            Failure::new(Exit::Usage, says)
        })?;
        let floating = floating(client, *self.outside.ip(), self.tenant.as_deref()).await?;
        let scope = Scope::Tenant(floating.tenant_id);
        let port: PortView = resolve(client, &self.vif, scope).await?;
        let request = PortForwardingCreate {
            floating_ip_id: floating.id,
            protocol: self.protocol.into(),
            external_port,
            port_id: port.port.id,
            port_address: self.vif_address,
            internal_port: self.vif_port,
        };
        let forwarding: PortForwarding = client.create(&request).await?;
        Ok(object_of(&forwarding).into())
    }
}

async fn floating(
    client: &Client,
    address: Ipv4Addr,
    tenant: Option<&str>,
) -> Result<FloatingIp, Failure> {
    let floating = Floating::at(address.into(), tenant.map(str::to_owned));
    floating.find(client).await
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = filter(ListQuery::default(), "tenant_id", tenant.as_ref());
        let forwardings = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<PortView>(client).await?;
        let address = |it: &FloatingIp| Some(it.address.to_string());
        let names = names.with_as(client, address).await?;
        Ok(Output::List(Listing::of(&forwardings, COLUMNS, &names)).into())
    }
}

impl Forwarding {
    async fn find(&self, client: &Client) -> Result<PortForwarding, Failure> {
        let Ok(outside) = self.outside.parse::<SocketAddrV4>() else {
            let scope = Scope::of(client, self.tenant.as_deref()).await?;
            return resolve(client, &self.outside, scope).await;
        };
        let floating = floating(client, *outside.ip(), self.tenant.as_deref()).await?;
        let query = ListQuery::default().filter("floating_ip_id", floating.id);
        let query = query.filter("external_port", outside.port());
        let mut found: Vec<PortForwarding> = client.list_all(&query).await?;
        let asked = self.protocol.map(ForwardedProtocol::from);
        found.retain(|it| asked.is_none_or(|protocol| it.protocol == protocol));
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let says = format!("{outside} is not forwarded");
                let failure = Failure::new(Exit::NotFound, says);
                Err(failure.next("see `netctl port-forward-list`"))
            }
            _ => {
                let says = format!("{outside} is forwarded for both protocols");
                let failure = Failure::new(Exit::Usage, says);
                Err(failure.next("say which with protocol=..."))
            }
        }
    }

    pub(super) async fn show(&self, client: &Client) -> Outcome {
        Ok(object_of(&self.find(client).await?).into())
    }

    pub(super) async fn delete(&self, client: &Client) -> Outcome {
        let forwarding = self.find(client).await?;
        let uuid = forwarding.id.uuid();
        client.delete::<PortForwarding>(uuid).await?;
        let id = forwarding.id.to_string();
        let output = Output::Said {
            text: format!("deleted port forwarding {} ({id})", self.outside),
            json: serde_json::json!({ "deleted": id }),
            id,
        };
        Ok(output.into())
    }
}
