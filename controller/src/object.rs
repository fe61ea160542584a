//! What the intent is made of: one object per noun, and the writes that change them.

use std::sync::Arc;

use model::{
    AccessToken, AccessTokenId, AddressGroup, AddressGroupId, Cap, CapId, FloatingIp, FloatingIpId,
    Gateway, GatewayId, Host, HostId, Instance, InstanceId, Name, Network, NetworkId,
    PhysicalNetwork, PhysicalNetworkId, Port, PortForwarding, PortForwardingId, PortId,
    Reservation, ReservationId, Router, RouterId, SecurityGroup, SecurityGroupId, Subnet, SubnetId,
    Tenant, TenantId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One thing that operators or hosts asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// See [`Tenant`].
    Tenant(Arc<Tenant>),
    /// See [`PhysicalNetwork`].
    PhysicalNetwork(Arc<PhysicalNetwork>),
    /// See [`Host`].
    Host(Arc<Host>),
    /// See [`Network`].
    Network(Arc<Network>),
    /// See [`Subnet`].
    Subnet(Arc<Subnet>),
    /// See [`Reservation`].
    Reservation(Arc<Reservation>),
    /// See [`AddressGroup`].
    AddressGroup(Arc<AddressGroup>),
    /// See [`SecurityGroup`].
    SecurityGroup(Arc<SecurityGroup>),
    /// See [`Router`].
    Router(Arc<Router>),
    /// See [`Gateway`].
    Gateway(Arc<Gateway>),
    /// See [`FloatingIp`].
    FloatingIp(Arc<FloatingIp>),
    /// See [`PortForwarding`].
    PortForwarding(Arc<PortForwarding>),
    /// See [`Port`].
    Port(Arc<Port>),
    /// See [`Cap`].
    Cap(Arc<Cap>),
    /// See [`PluggedInstance`].
    Instance(Arc<PluggedInstance>),
    /// See [`AccessToken`].
    AccessToken(Arc<AccessToken>),
}

/// An instance with the ports its VIFs plug into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluggedInstance {
    /// The instance.
    #[serde(flatten)]
    pub instance: Instance,
    /// Its ports: the first is `eth0` inside.
    pub port_ids: Vec<PortId>,
}

/// Which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A tenant.
    Tenant(TenantId),
    /// A physical network.
    PhysicalNetwork(PhysicalNetworkId),
    /// A host.
    Host(HostId),
    /// A network.
    Network(NetworkId),
    /// A subnet.
    Subnet(SubnetId),
    /// A reservation.
    Reservation(ReservationId),
    /// An address group.
    AddressGroup(AddressGroupId),
    /// A security group.
    SecurityGroup(SecurityGroupId),
    /// A router.
    Router(RouterId),
    /// A router's way to an external network.
    Gateway(GatewayId),
    /// A floating IP.
    FloatingIp(FloatingIpId),
    /// A port of a floating IP.
    PortForwarding(PortForwardingId),
    /// A port.
    Port(PortId),
    /// A cap.
    Cap(CapId),
    /// An instance.
    Instance(InstanceId),
    /// A token.
    AccessToken(AccessTokenId),
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Noun {
    /// See [`Tenant`].
    Tenant,
    /// See [`PhysicalNetwork`].
    PhysicalNetwork,
    /// See [`Host`].
    Host,
    /// See [`Network`].
    Network,
    /// See [`Subnet`].
    Subnet,
    /// See [`Reservation`].
    Reservation,
    /// See [`AddressGroup`].
    AddressGroup,
    /// See [`SecurityGroup`].
    SecurityGroup,
    /// See [`Router`].
    Router,
    /// See [`Gateway`].
    Gateway,
    /// See [`FloatingIp`].
    FloatingIp,
    /// See [`PortForwarding`].
    PortForwarding,
    /// See [`Port`].
    Port,
    /// See [`Cap`].
    Cap,
    /// See [`PluggedInstance`].
    Instance,
    /// See [`AccessToken`].
    AccessToken,
}

impl Noun {
    /// Every noun with its table in the store, each after those it refers to.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Tenant, "tenant"),
        (Self::PhysicalNetwork, "physical_network"),
        (Self::Host, "host"),
        (Self::Network, "network"),
        (Self::Subnet, "subnet"),
        (Self::Reservation, "reservation"),
        (Self::AddressGroup, "address_group"),
        (Self::SecurityGroup, "security_group"),
        (Self::Router, "router"),
        (Self::Gateway, "gateway"),
        (Self::Port, "port"),
        (Self::Cap, "cap"),
        (Self::FloatingIp, "floating_ip"),
        (Self::PortForwarding, "port_forwarding"),
        (Self::Instance, "instance"),
        (Self::AccessToken, "access_token"),
    ];

    /// The name of its table, which the audit log uses too.
    #[must_use]
    pub fn table(self) -> &'static str {
        let found = Self::ALL.iter().find(|(noun, _)| *noun == self);
        found.map_or("", |(_, table)| table)
    }
}

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The object is new, or replaces the one under its key.
    Put(Object),
    /// The object is gone.
    Delete(Key),
}

impl Write {
    /// The object it is about.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Put(object) => object.key(),
            Self::Delete(key) => *key,
        }
    }
}

impl Key {
    /// What kind of object it identifies.
    #[must_use]
    pub const fn noun(self) -> Noun {
        match self {
            Self::Tenant(_) => Noun::Tenant,
            Self::PhysicalNetwork(_) => Noun::PhysicalNetwork,
            Self::Host(_) => Noun::Host,
            Self::Network(_) => Noun::Network,
            Self::Subnet(_) => Noun::Subnet,
            Self::Reservation(_) => Noun::Reservation,
            Self::AddressGroup(_) => Noun::AddressGroup,
            Self::SecurityGroup(_) => Noun::SecurityGroup,
            Self::Router(_) => Noun::Router,
            Self::Gateway(_) => Noun::Gateway,
            Self::FloatingIp(_) => Noun::FloatingIp,
            Self::PortForwarding(_) => Noun::PortForwarding,
            Self::Port(_) => Noun::Port,
            Self::Cap(_) => Noun::Cap,
            Self::Instance(_) => Noun::Instance,
            Self::AccessToken(_) => Noun::AccessToken,
        }
    }

    /// Its UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Tenant(id) => id.uuid(),
            Self::PhysicalNetwork(id) => id.uuid(),
            Self::Host(id) => id.uuid(),
            Self::Network(id) => id.uuid(),
            Self::Subnet(id) => id.uuid(),
            Self::Reservation(id) => id.uuid(),
            Self::AddressGroup(id) => id.uuid(),
            Self::SecurityGroup(id) => id.uuid(),
            Self::Router(id) => id.uuid(),
            Self::Gateway(id) => id.uuid(),
            Self::FloatingIp(id) => id.uuid(),
            Self::PortForwarding(id) => id.uuid(),
            Self::Port(id) => id.uuid(),
            Self::Cap(id) => id.uuid(),
            Self::Instance(id) => id.uuid(),
            Self::AccessToken(id) => id.uuid(),
        }
    }
}

/// A name and where it must be unique: in the pool, or in one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopedName {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) noun: Noun,
    pub(crate) name: Name,
}

impl Object {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Tenant(it) => Key::Tenant(it.id),
            Self::PhysicalNetwork(it) => Key::PhysicalNetwork(it.id),
            Self::Host(it) => Key::Host(it.id),
            Self::Network(it) => Key::Network(it.id),
            Self::Subnet(it) => Key::Subnet(it.id),
            Self::Reservation(it) => Key::Reservation(it.id),
            Self::AddressGroup(it) => Key::AddressGroup(it.id),
            Self::SecurityGroup(it) => Key::SecurityGroup(it.id),
            Self::Router(it) => Key::Router(it.id),
            Self::Gateway(it) => Key::Gateway(it.id),
            Self::FloatingIp(it) => Key::FloatingIp(it.id),
            Self::PortForwarding(it) => Key::PortForwarding(it.id),
            Self::Port(it) => Key::Port(it.id),
            Self::Cap(it) => Key::Cap(it.id),
            Self::Instance(it) => Key::Instance(it.instance.id),
            Self::AccessToken(it) => Key::AccessToken(it.id),
        }
    }

    /// Whose it is; the provider's if nobody's.
    #[must_use]
    pub fn tenant_id(&self) -> Option<TenantId> {
        match self {
            Self::Tenant(it) => Some(it.id),
            Self::PhysicalNetwork(_) | Self::Host(_) => None,
            Self::Network(it) => Some(it.tenant_id),
            Self::Subnet(it) => Some(it.tenant_id),
            Self::Reservation(it) => Some(it.tenant_id),
            Self::AddressGroup(it) => Some(it.tenant_id),
            Self::SecurityGroup(it) => Some(it.tenant_id),
            Self::Router(it) => Some(it.tenant_id),
            Self::Gateway(it) => Some(it.tenant_id),
            Self::FloatingIp(it) => Some(it.tenant_id),
            Self::PortForwarding(it) => Some(it.tenant_id),
            Self::Port(it) => Some(it.tenant_id),
            Self::Cap(it) => Some(it.tenant_id),
            Self::Instance(it) => Some(it.instance.tenant_id),
            Self::AccessToken(it) => it.tenant_id,
        }
    }

    /// Its name, where it has one.
    pub(crate) fn name(&self) -> Option<ScopedName> {
        let (tenant, name) = match self {
            Self::Tenant(it) => (None, Some(&it.name)),
            Self::PhysicalNetwork(it) => (None, Some(&it.name)),
            Self::Host(it) => (None, Some(&it.name)),
            Self::Network(it) => (Some(it.tenant_id), Some(&it.name)),
            Self::Subnet(it) => (Some(it.tenant_id), it.name.as_ref()),
            Self::Reservation(it) => (Some(it.tenant_id), it.name.as_ref()),
            Self::AddressGroup(it) => (Some(it.tenant_id), Some(&it.name)),
            Self::SecurityGroup(it) => (Some(it.tenant_id), Some(&it.name)),
            Self::Router(it) => (Some(it.tenant_id), Some(&it.name)),
            Self::Gateway(_) | Self::FloatingIp(_) | Self::PortForwarding(_) | Self::Cap(_) => {
                return None;
            }
            Self::Port(it) => (Some(it.tenant_id), it.name.as_ref()),
            Self::Instance(it) => (Some(it.instance.tenant_id), Some(&it.instance.name)),
            Self::AccessToken(it) => (it.tenant_id, Some(&it.name)),
        };
        Some(ScopedName {
            tenant,
            noun: self.key().noun(),
            name: name?.clone(),
        })
    }

    /// Its JSON form, as the store keeps it.
    ///
    /// # Errors
    /// Never for an object that was made by this program.
    pub fn to_json(&self) -> serde_json::Result<String> {
        match self {
            Self::Tenant(it) => serde_json::to_string(it),
            Self::PhysicalNetwork(it) => serde_json::to_string(it),
            Self::Host(it) => serde_json::to_string(it),
            Self::Network(it) => serde_json::to_string(it),
            Self::Subnet(it) => serde_json::to_string(it),
            Self::Reservation(it) => serde_json::to_string(it),
            Self::AddressGroup(it) => serde_json::to_string(it),
            Self::SecurityGroup(it) => serde_json::to_string(it),
            Self::Router(it) => serde_json::to_string(it),
            Self::Gateway(it) => serde_json::to_string(it),
            Self::FloatingIp(it) => serde_json::to_string(it),
            Self::PortForwarding(it) => serde_json::to_string(it),
            Self::Port(it) => serde_json::to_string(it),
            Self::Cap(it) => serde_json::to_string(it),
            Self::Instance(it) => serde_json::to_string(it),
            Self::AccessToken(it) => serde_json::to_string(it),
        }
    }

    /// The object that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// The text is not the JSON form of such an object.
    pub fn from_json(noun: Noun, text: &str) -> serde_json::Result<Self> {
        Ok(match noun {
            Noun::Tenant => Self::Tenant(serde_json::from_str(text)?),
            Noun::PhysicalNetwork => Self::PhysicalNetwork(serde_json::from_str(text)?),
            Noun::Host => Self::Host(serde_json::from_str(text)?),
            Noun::Network => Self::Network(serde_json::from_str(text)?),
            Noun::Subnet => Self::Subnet(serde_json::from_str(text)?),
            Noun::Reservation => Self::Reservation(serde_json::from_str(text)?),
            Noun::AddressGroup => Self::AddressGroup(serde_json::from_str(text)?),
            Noun::SecurityGroup => Self::SecurityGroup(serde_json::from_str(text)?),
            Noun::Router => Self::Router(serde_json::from_str(text)?),
            Noun::Gateway => Self::Gateway(serde_json::from_str(text)?),
            Noun::FloatingIp => Self::FloatingIp(serde_json::from_str(text)?),
            Noun::PortForwarding => Self::PortForwarding(serde_json::from_str(text)?),
            Noun::Port => Self::Port(serde_json::from_str(text)?),
            Noun::Cap => Self::Cap(serde_json::from_str(text)?),
            Noun::Instance => Self::Instance(serde_json::from_str(text)?),
            Noun::AccessToken => Self::AccessToken(serde_json::from_str(text)?),
        })
    }
}
