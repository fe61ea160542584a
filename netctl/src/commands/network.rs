//! `flat-*`, `vlan-*`, `vxlan-*` and `geneve-*`: networks of tenants. The kinds differ in what tells
//! their frames apart between hosts, and in whether anything but VIFs can be on them.

use std::fmt;

use api::client::{Client, ListQuery};
use api::request::{NetworkCreate, NetworkKind, NetworkUpdate, SubnetCreate};
use clap::Args;
use ipnet::IpNet;
use model::{
    Handout, MacAddr, Name, Network, PhysicalNetwork, Sharing, Subnet, Tenant, VlanId, Vni,
};

use super::limits::LimitArgs;
use super::{ListArgs, Outcome, Owned, filter, id_of, object_of};
use crate::failure::Failure;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};
use crate::resolve::{Scope, resolve};

/// What tells the frames of a network from those of others, and what carries them.
pub(crate) trait Mark: Args + fmt::Debug {
    /// How lists are filtered by it.
    type Filter: Args + fmt::Debug;

    /// Its column in lists.
    const COLUMN: Column<Network>;

    /// The physical network that was named.
    fn carrier(&self) -> Option<&str>;

    /// The request, with the mark that was asked for.
    fn put_into(&self, request: NetworkCreate) -> NetworkCreate;

    /// The query, for the networks with the mark that was asked for.
    fn narrowed(query: ListQuery, to: &Self::Filter) -> ListQuery;
}

/// Which network to make.
#[derive(Debug, Args)]
pub(crate) struct Create<M: Mark> {
    /// Its name, unique in the tenant
    name: Name,
    /// Who will own it
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    mark: M,
    /// Let VIFs of other tenants on it
    #[arg(long)]
    shared: bool,
    /// The largest IP packet of its instances, in bytes; if absent, what can be carried
    #[arg(long)]
    mtu: Option<u16>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Make this subnet with it, such as 10.0.0.0/24
    #[arg(long, value_name = "CIDR")]
    subnet: Option<IpNet>,
}

/// What to change of a network: how much each of its VIFs may take that does not say otherwise itself.
#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    network: Owned,
    #[command(flatten)]
    limits: LimitArgs,
}

impl Set {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let (name, tenant) = self.network.of();
        let scope = Scope::of(client, tenant).await?;
        let network: Network = resolve(client, name, scope).await?;
        let request = NetworkUpdate {
            limits: self.limits.update(),
        };
        let network: Network = client.update(network.id.uuid(), &request).await?;
        Ok(object_of(&network).into())
    }
}

/// Which networks to list.
#[derive(Debug, Args)]
pub(crate) struct List<M: Mark> {
    /// Only this tenant's
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those that are shared, or that are not
    #[arg(long)]
    shared: Option<bool>,
    #[command(flatten)]
    mark: M::Filter,
    #[command(flatten)]
    list: ListArgs,
}

/// What else can be on the segment than VIFs.
#[derive(Debug, Args)]
pub(crate) struct OnSwitches {
    /// The physical network that carries it; if absent, the only private one
    #[arg(long)]
    physical_network: Option<String>,
    /// Physical machines are on it too, its gateway among them
    #[arg(long)]
    external: bool,
    /// Its VIFs reach the gateway and nobody else on it
    #[arg(long)]
    isolated: bool,
    /// What the gateway of an external network speaks from, comma-separated: for routers to lead there,
    /// and for an isolated network to let nobody else in
    #[arg(long, value_name = "MAC", value_delimiter = ',')]
    gateway_mac: Vec<MacAddr>,
}

impl OnSwitches {
    fn put_into(&self, request: NetworkCreate) -> NetworkCreate {
        let sharing = Sharing {
            external: self.external,
            isolated: self.isolated,
            gateway_macs: self.gateway_mac.clone(),
            ..request.sharing
        };
        NetworkCreate { sharing, ..request }
    }
}

/// No tag on a physical network.
#[derive(Debug, Args)]
pub(crate) struct Untagged {
    #[command(flatten)]
    on: OnSwitches,
}

/// All of them.
#[derive(Debug, Args)]
pub(crate) struct Every;

/// A VLAN id on a physical network.
#[derive(Debug, Args)]
pub(crate) struct Tagged {
    /// The VLAN id; if absent, the lowest free one
    #[arg(long)]
    vlan: Option<VlanId>,
    #[command(flatten)]
    on: OnSwitches,
}

/// Networks with this VLAN id.
#[derive(Debug, Args)]
pub(crate) struct WithVlan {
    /// Only the ones with this VLAN id
    #[arg(long)]
    vlan: Option<VlanId>,
}

/// A VNI between the hosts' endpoints.
#[derive(Debug, Args)]
pub(crate) struct Tunnelled {
    /// The VNI, unique in the pool; if absent, a free one from 4096 on
    #[arg(long)]
    vni: Option<Vni>,
    /// The physical network that carries it; if absent, the one with endpoints
    #[arg(long)]
    physical_network: Option<String>,
}

/// The network with this VNI.
#[derive(Debug, Args)]
pub(crate) struct WithVni {
    /// Only the one with this VNI
    #[arg(long)]
    vni: Option<Vni>,
}

impl Mark for Untagged {
    type Filter = Every;

    const COLUMN: Column<Network> = column("kind", |it, _| it.segment.kind().into());

    fn carrier(&self) -> Option<&str> {
        self.on.physical_network.as_deref()
    }

    fn put_into(&self, request: NetworkCreate) -> NetworkCreate {
        self.on.put_into(request)
    }

    fn narrowed(query: ListQuery, _: &Every) -> ListQuery {
        query
    }
}

impl Mark for Tagged {
    type Filter = WithVlan;

    const COLUMN: Column<Network> = column("vlan", |it, _| {
        let vlan = it.segment.vlan().map(|vlan| vlan.to_string());
        vlan.unwrap_or_default().into()
    });

    fn carrier(&self) -> Option<&str> {
        self.on.physical_network.as_deref()
    }

    fn put_into(&self, request: NetworkCreate) -> NetworkCreate {
        NetworkCreate {
            vlan: self.vlan,
            ..self.on.put_into(request)
        }
    }

    fn narrowed(query: ListQuery, to: &WithVlan) -> ListQuery {
        filter(query, "vlan", to.vlan.as_ref())
    }
}

impl Mark for Tunnelled {
    type Filter = WithVni;

    const COLUMN: Column<Network> = column("vni", |it, _| {
        let vni = it.segment.tunnel().map(|(_, vni)| vni.to_string());
        vni.unwrap_or_default().into()
    });

    fn carrier(&self) -> Option<&str> {
        self.physical_network.as_deref()
    }

    fn put_into(&self, request: NetworkCreate) -> NetworkCreate {
        NetworkCreate {
            vni: self.vni,
            ..request
        }
    }

    fn narrowed(query: ListQuery, to: &WithVni) -> ListQuery {
        filter(query, "vni", to.vni.as_ref())
    }
}

impl<M: Mark> Create<M> {
    pub(super) async fn run(&self, client: &Client, kind: NetworkKind) -> Outcome {
        let tenant: Tenant = resolve(client, &self.tenant, Scope::Pool).await?;
        let carrier = id_of::<PhysicalNetwork>(client, self.mark.carrier(), Scope::Pool).await?;
        let request = self.mark.put_into(NetworkCreate {
            tenant_id: tenant.id,
            name: self.name.clone(),
            kind,
            physical_network_id: carrier.map(Into::into),
            vlan: None,
            vni: None,
            mtu: self.mtu,
            sharing: Sharing {
                shared: self.shared,
                ..Sharing::default()
            },
            limits: self.limits.limits(),
        });
        let network: Network = client.create(&request).await?;
        match self.subnet {
            Some(cidr) => with_subnet(client, &network, cidr).await,
            None => Ok(object_of(&network).into()),
        }
    }
}

/// Network and subnet are one thing to whoever asked for both: it is made whole or not at all.
async fn with_subnet(client: &Client, network: &Network, cidr: IpNet) -> Outcome {
    let request = SubnetCreate {
        network_id: network.id,
        name: None,
        cidr,
        gateway: None,
        pools: None,
        handout: Handout::default(),
    };
    let refused = match client.create::<Subnet>(&request).await {
        Ok(subnet) => {
            let mut json = json(network);
            json["subnet"] = crate::print::json(&subnet);
            let id = network.id.to_string();
            return Ok(Output::Object { id, json }.into());
        }
        Err(error) => Failure::from(error),
    };
    let removed = client.delete::<Network>(network.id.uuid()).await;
    Err(match removed {
        Ok(()) => refused.but("the network was removed again"),
        Err(error) => refused
            .but("the network remains, without a subnet")
            .because(format!("could not remove the network: {error}"))
            .next(format!(
                "netctl {}-delete {}",
                network.segment.kind(),
                network.id
            )),
    })
}

/// What a list says of it.
fn words(sharing: &Sharing) -> String {
    let all = [
        (sharing.external, "external"),
        (sharing.shared, "shared"),
        (sharing.isolated, "isolated"),
    ];
    let said = all.into_iter().filter(|(is, _)| *is);
    let words: Vec<&str> = said.map(|(_, word)| word).collect();
    words.join(" ")
}

impl<M: Mark> List<M> {
    const COLUMNS: &[Column<Network>] = &[
        column("tenant", |it, names| names.of(it.tenant_id.uuid()).into()),
        column("name", |it, _| it.name.as_str().into()),
        M::COLUMN,
        column("physical_network", |it, names| {
            names.of(it.segment.physical_network_id().uuid()).into()
        }),
        column("sharing", |it, _| words(&it.sharing).into()),
        column("mtu", |it, _| it.mtu.to_string().into()),
        column("id", |it, _| it.id.to_string().into()),
    ];

    pub(super) async fn run(&self, client: &Client, kind: NetworkKind) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = ListQuery::default().filter("kind", kind.name());
        let query = filter(query, "tenant_id", tenant.as_ref());
        let query = filter(query, "name", self.name.as_ref());
        let query = filter(query, "shared", self.shared.as_ref());
        let query = M::narrowed(query, &self.mark);
        let networks = self.list.fetch(client, query).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let names = names.with::<PhysicalNetwork>(client).await?;
        Ok(Output::List(Listing::of(&networks, Self::COLUMNS, &names)).into())
    }
}
