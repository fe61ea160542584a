//! How single hosts differ: `nic-assign`, `bond-create`, `bond-delete` and `management-move`.

use std::net::IpAddr;

use api::client::Client;
use api::request::{HostUplinkSet, RoleChange, TopologyChange};
use api::resource::{HostTopology, HostView, TopologyView};
use clap::Args;
use ipnet::IpNet;
use model::{
    BondMode, Carrier, HostUplink, NicName, PhysicalNetwork, PhysicalNetworkId, Role, Uplink,
    VlanId,
};

use super::carried_out::{Asked, Patience, only, wait};
use super::{Outcome, id_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::resolve::Scope;

/// Which physical network of which host.
#[derive(Debug, Args)]
struct Place {
    /// Which host
    #[arg(long)]
    host: String,
    /// The role whose physical network it is, where there is one of it: management, private, public
    /// or storage
    #[arg(long, required_unless_present = "physical_network")]
    role: Option<Role>,
    /// Which physical network, by its name or id
    #[arg(long, conflicts_with = "role")]
    physical_network: Option<String>,
}

/// What carries a physical network on one host.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  netctl nic-assign host=h3 nic=eth5 role=private")]
pub(crate) struct Assign {
    #[command(flatten)]
    place: Place,
    /// The NIC, as nic-list has it
    #[arg(long)]
    nic: NicName,
    /// The VLAN of the NIC that it is, if it is not what the NIC carries untagged
    #[arg(long)]
    vlan: Option<VlanId>,
    #[command(flatten)]
    patience: Patience,
}

/// Which bond carries a physical network on one host.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  netctl bond-create host=h3 nics=eth1,eth2 mode=lacp role=private")]
pub(crate) struct BondCreate {
    #[command(flatten)]
    place: Place,
    /// Its NICs, 2 to 8, comma-separated
    #[arg(long, value_delimiter = ',', required = true)]
    nics: Vec<NicName>,
    /// How they share their work: active-backup, balance-slb or lacp
    #[arg(long)]
    mode: BondMode,
    /// The VLAN of the bond that it is, if it is not what the bond carries untagged
    #[arg(long)]
    vlan: Option<VlanId>,
    #[command(flatten)]
    patience: Patience,
}

/// Which bond to do without.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  netctl bond-delete host=h3 role=private nic=eth1")]
pub(crate) struct BondDelete {
    #[command(flatten)]
    place: Place,
    /// The NIC that carries the physical network instead [default: what the pool has]
    #[arg(long)]
    nic: Option<NicName>,
    #[command(flatten)]
    patience: Patience,
}

/// Where management goes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netctl management-move host=h3 nic=eth4 vlan=10
  netctl management-move host=h3 nic=eth4 address=192.0.2.13/24 gateway=192.0.2.1
  netctl management-move host=all nic=eth0 vlan=10 confirm-within=120s

The host tries the new way, and takes it back by itself unless it reaches the controller in time.
No instance is stopped. This waits and says which of the two it was.")]
pub(crate) struct Move {
    /// Which host; all for every host that does not differ from the pool
    #[arg(long)]
    host: String,
    /// The NIC, or a bond such as eth1+eth2/lacp
    #[arg(long)]
    nic: Uplink,
    /// The VLAN of it that management is, if it is not what it carries untagged
    #[arg(long)]
    vlan: Option<VlanId>,
    /// The host's address with the length of its prefix [default: as it has it]
    #[arg(long)]
    address: Option<IpNet>,
    /// Where the host's default route leads; only with an address
    #[arg(long)]
    gateway: Option<IpAddr>,
    #[command(flatten)]
    patience: Patience,
}

/// A physical network of a host, as it is.
struct Found {
    topology: TopologyView,
    host: HostTopology,
    network: PhysicalNetwork,
}

impl Place {
    async fn find(&self, client: &Client) -> Result<Found, Failure> {
        let carrier = self.physical_network.as_deref();
        let carrier = id_of::<PhysicalNetwork>(client, carrier, Scope::Pool).await?;
        let topology = client.topology().await?;
        let networks = topology.physical_networks.iter();
        let mut fitting = networks.filter(|it| match carrier {
            Some(id) => it.id.uuid() == id,
            None => Some(it.role) == self.role,
        });
        let (network, other) = (fitting.next().cloned(), fitting.next());
        let what = self.role.map_or(String::new(), |role| role.to_string());
        let network = match (network, other) {
            (Some(network), None) => network,
            (None, _) => return Err(no_network(&what)),
            (Some(_), Some(_)) => {
                let says = format!("the pool has several physical networks for {what}");
                let failure = Failure::new(Exit::Usage, says);
                return Err(failure.next("say which with physical-network=..."));
            }
        };
        found(client, &self.host, topology, network).await
    }
}

fn no_network(role: &str) -> Failure {
    let says = format!("the pool has no physical network for {role}");
    Failure::new(Exit::NotFound, says).next(format!("netctl pool-setup {role}=..."))
}

async fn found(
    client: &Client,
    host: &str,
    topology: TopologyView,
    network: PhysicalNetwork,
) -> Result<Found, Failure> {
    let id = id_of::<HostView>(client, Some(host), Scope::Pool).await?;
    let mut hosts = topology.hosts.iter();
    let host = hosts.find(|it| Some(it.host_id.uuid()) == id).cloned();
    let host = host.ok_or_else(|| {
        let says = "the host joined just now; try again";
        Failure::new(Exit::NotFound, says)
    })?;
    Ok(Found {
        topology,
        host,
        network,
    })
}

impl Found {
    fn exception(&self) -> Option<&HostUplink> {
        let mut exceptions = self.host.uplinks.iter();
        exceptions.find(|it| it.physical_network_id == self.network.id)
    }

    /// What carries it on the host.
    fn uplink(&self) -> &Uplink {
        let own = self.exception().and_then(|it| it.uplink.as_ref());
        own.unwrap_or(&self.network.uplink)
    }

    /// The request that makes the host differ in its uplink, or not any more, and leaves it the
    /// address that it has.
    fn request(&self, uplink: Option<Uplink>, patience: &Patience) -> HostUplinkSet {
        let address = self.exception().and_then(|it| it.address.clone());
        HostUplinkSet {
            physical_network_id: self.network.id,
            // What the pool has is no difference, but stays if the pool changes its mind later.
            uplink,
            address: address.as_ref().map(|it| it.address),
            gateway: address.and_then(|it| it.gateway),
            confirm_within_seconds: patience.confirm_within_seconds(),
        }
    }

    async fn set(self, client: &Client, request: HostUplinkSet, patience: &Patience) -> Outcome {
        let id = self.host.host_id;
        let accepted = client.host_uplink_set(id, &request).await?;
        let hosts = only(self.topology.hosts, id);
        wait(client, Asked { accepted, hosts }, patience).await
    }
}

impl Assign {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let carrier = carrier(vec![self.nic.clone()], None)?;
        let found = self.place.find(client).await?;
        let uplink = Uplink::new(carrier, self.vlan);
        let request = found.request(Some(uplink), &self.patience);
        found.set(client, request, &self.patience).await
    }
}

impl BondCreate {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let carrier = carrier(self.nics.clone(), Some(self.mode))?;
        let found = self.place.find(client).await?;
        let uplink = Uplink::new(carrier, self.vlan);
        let request = found.request(Some(uplink), &self.patience);
        found.set(client, request, &self.patience).await
    }
}

impl BondDelete {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let found = self.place.find(client).await?;
        let uplink = found.uplink();
        if uplink.bond().is_none() {
            let (network, host) = (&found.network.name, &found.host.name);
            let says = format!("{uplink} carries {network} on {host}, which is no bond");
            return Err(Failure::new(Exit::NotFound, says).next("see `netctl pool-show`"));
        }
        let vlan = uplink.vlan();
        let uplink = match &self.nic {
            Some(nic) => Some(Uplink::new(carrier(vec![nic.clone()], None)?, vlan)),
            None if found.network.uplink.bond().is_none() => None,
            None => {
                let says = format!(
                    "the pool has the bond {} for {}",
                    found.network.uplink, found.network.name
                );
                let failure = Failure::new(Exit::Usage, says);
                return Err(failure.next("say which NIC is to carry it here with nic=..."));
            }
        };
        let request = found.request(uplink, &self.patience);
        found.set(client, request, &self.patience).await
    }
}

/// Several NICs with a mode, or one without.
fn carrier(nics: Vec<NicName>, bond: Option<BondMode>) -> Result<Carrier, Failure> {
    let shown: Vec<&str> = nics.iter().map(NicName::as_str).collect();
    let shown = shown.join(",");
    Carrier::new(nics, bond).map_err(|error| {
        let says = format!("got {shown}; expected {error}");
        Failure::new(Exit::Usage, says)
    })
}

impl Move {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let uplink = self.uplink()?;
        let topology = client.topology().await?;
        let mut networks = topology.physical_networks.iter();
        let management = networks.find(|it| it.role == Role::Management);
        let management = management.ok_or_else(|| no_network("management"))?.clone();
        if self.host == "all" {
            return self.all(client, (topology, management.id), uplink).await;
        }
        let found = found(client, &self.host, topology, management).await?;
        let mut request = found.request(Some(uplink), &self.patience);
        if self.address.is_some() || self.gateway.is_some() {
            (request.address, request.gateway) = (self.address, self.gateway);
        }
        found.set(client, request, &self.patience).await
    }

    fn uplink(&self) -> Result<Uplink, Failure> {
        match (self.nic.vlan(), self.vlan) {
            (vlan, None) => Ok(Uplink::new(self.nic.carrier().clone(), vlan)),
            (None, vlan) => Ok(Uplink::new(self.nic.carrier().clone(), vlan)),
            (Some(_), Some(vlan)) => {
                let says = format!("nic={} names a VLAN, and vlan={vlan} does too", self.nic);
                Err(Failure::new(Exit::Usage, says).next("say it once"))
            }
        }
    }

    async fn all(
        &self,
        client: &Client,
        (topology, management): (TopologyView, PhysicalNetworkId),
        uplink: Uplink,
    ) -> Outcome {
        if self.address.is_some() || self.gateway.is_some() {
            let says = "hosts cannot all have one address";
            let failure = Failure::new(Exit::Usage, says);
            return Err(failure.next("say address=... of one host at a time"));
        }
        let role = RoleChange {
            uplink: Some(uplink),
            ..RoleChange::default()
        };
        let change = TopologyChange {
            roles: [(Role::Management, Some(role))].into(),
            confirm_within_seconds: self.patience.confirm_within_seconds(),
        };
        let accepted = client.topology_change(&change).await?;
        let differs = |host: &HostTopology| {
            let mut exceptions = host.uplinks.iter();
            exceptions.any(|it| it.physical_network_id == management && it.uplink.is_some())
        };
        let hosts = topology.hosts.into_iter();
        let hosts = hosts.filter(|it| !differs(it)).collect();
        wait(client, Asked { accepted, hosts }, &self.patience).await
    }
}
