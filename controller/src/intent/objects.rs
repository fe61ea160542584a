//! Objects by their keys and kinds.

use super::Intent;
use crate::object::{Key, Noun, Object};

/// Everything that can be looked up without a search.
impl Intent {
    /// The object under the key.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Object> {
        match key {
            Key::Tenant(id) => self.tenants.get(&id).cloned().map(Object::Tenant),
            Key::PhysicalNetwork(id) => {
                let found = self.physical_networks.get(&id).cloned();
                found.map(Object::PhysicalNetwork)
            }
            Key::Host(id) => self.hosts.get(&id).cloned().map(Object::Host),
            Key::Network(id) => self.networks.get(&id).cloned().map(Object::Network),
            Key::Subnet(id) => self.subnets.get(&id).cloned().map(Object::Subnet),
            Key::Reservation(id) => {
                let found = self.reservations.get(&id).cloned();
                found.map(Object::Reservation)
            }
            Key::AddressGroup(id) => {
                let found = self.address_groups.get(&id).cloned();
                found.map(Object::AddressGroup)
            }
            Key::SecurityGroup(id) => {
                let found = self.security_groups.get(&id).cloned();
                found.map(Object::SecurityGroup)
            }
            Key::Router(id) => self.routers.get(&id).cloned().map(Object::Router),
            Key::Gateway(id) => self.gateways.get(&id).cloned().map(Object::Gateway),
            Key::FloatingIp(id) => {
                let found = self.floating_ips.get(&id).cloned();
                found.map(Object::FloatingIp)
            }
            Key::PortForwarding(id) => {
                let found = self.port_forwardings.get(&id).cloned();
                found.map(Object::PortForwarding)
            }
            Key::Port(id) => self.ports.get(&id).cloned().map(Object::Port),
            Key::Cap(id) => self.caps.get(&id).cloned().map(Object::Cap),
            Key::Instance(id) => self.instances.get(&id).cloned().map(Object::Instance),
            Key::AccessToken(id) => self.tokens.get(&id).cloned().map(Object::AccessToken),
        }
    }

    /// Every object of a kind, by id.
    #[must_use]
    pub fn all(&self, noun: Noun) -> Vec<Object> {
        match noun {
            Noun::Tenant => self.tenants.values().cloned().map(Object::Tenant).collect(),
            Noun::PhysicalNetwork => {
                let all = self.physical_networks.values().cloned();
                all.map(Object::PhysicalNetwork).collect()
            }
            Noun::Host => self.hosts.values().cloned().map(Object::Host).collect(),
            Noun::Network => {
                let all = self.networks.values().cloned();
                all.map(Object::Network).collect()
            }
            Noun::Subnet => self.subnets.values().cloned().map(Object::Subnet).collect(),
            Noun::Reservation => {
                let all = self.reservations.values().cloned();
                all.map(Object::Reservation).collect()
            }
            Noun::AddressGroup => {
                let all = self.address_groups.values().cloned();
                all.map(Object::AddressGroup).collect()
            }
            Noun::SecurityGroup => {
                let all = self.security_groups.values().cloned();
                all.map(Object::SecurityGroup).collect()
            }
            Noun::Router => self.routers.values().cloned().map(Object::Router).collect(),
            Noun::Gateway => {
                let all = self.gateways.values().cloned();
                all.map(Object::Gateway).collect()
            }
            Noun::FloatingIp => {
                let all = self.floating_ips.values().cloned();
                all.map(Object::FloatingIp).collect()
            }
            Noun::PortForwarding => {
                let all = self.port_forwardings.values().cloned();
                all.map(Object::PortForwarding).collect()
            }
            Noun::Port => self.ports.values().cloned().map(Object::Port).collect(),
            Noun::Cap => self.caps.values().cloned().map(Object::Cap).collect(),
            Noun::Instance => {
                let all = self.instances.values().cloned();
                all.map(Object::Instance).collect()
            }
            Noun::AccessToken => {
                let all = self.tokens.values().cloned();
                all.map(Object::AccessToken).collect()
            }
        }
    }
}
