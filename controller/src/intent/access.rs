//! Who may do what: tokens by their secrets, and what is there for a tenant.

use std::sync::Arc;

use api::access::Sight;
use imbl::{OrdMap, OrdSet};
use model::{AccessToken, AccessTokenId, Id, TenantId};
use uuid::Uuid;

use super::{Intent, within};
use crate::object::{Key, Object};

/// What is needed to find tokens without looking at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GivenOut {
    by_digest: OrdMap<String, AccessTokenId>,
    by_tenant: OrdSet<(TenantId, AccessTokenId)>,
}

/// Every kind of object that an id could be of, those first that are asked for most.
fn keys(id: Uuid) -> [Key; 16] {
    [
        Key::Port(Id::from(id)),
        Key::Network(Id::from(id)),
        Key::Subnet(Id::from(id)),
        Key::SecurityGroup(Id::from(id)),
        Key::Instance(Id::from(id)),
        Key::FloatingIp(Id::from(id)),
        Key::Router(Id::from(id)),
        Key::Gateway(Id::from(id)),
        Key::PortForwarding(Id::from(id)),
        Key::AddressGroup(Id::from(id)),
        Key::Reservation(Id::from(id)),
        Key::Cap(Id::from(id)),
        Key::Tenant(Id::from(id)),
        Key::AccessToken(Id::from(id)),
        Key::Host(Id::from(id)),
        Key::PhysicalNetwork(Id::from(id)),
    ]
}

/// Everything that can be looked up without a search.
impl Intent {
    /// Whether the object with this id is there for a tenant: its own objects are, and networks
    /// shared with all tenants with their subnets.
    #[must_use]
    pub fn sight(&self, tenant: TenantId, id: Uuid) -> Sight {
        match self.object_with(id) {
            None => Sight::Nothing,
            Some(object) if self.is_visible(tenant, &object) => Sight::Visible,
            Some(_) => Sight::Hidden,
        }
    }

    /// The object with this id, of whatever kind.
    pub(crate) fn object_with(&self, id: Uuid) -> Option<Object> {
        keys(id).into_iter().find_map(|key| self.get(key))
    }

    fn is_visible(&self, tenant: TenantId, object: &Object) -> bool {
        let is_shared = match object {
            Object::Network(it) => it.sharing.shared,
            Object::Subnet(it) => {
                let network = self.networks.get(&it.network_id);
                network.is_some_and(|network| network.sharing.shared)
            }
            _ => false,
        };
        is_shared || object.tenant_id() == Some(tenant)
    }

    /// The token whose secret has this digest.
    #[must_use]
    pub fn token_with(&self, digest: &str) -> Option<&Arc<AccessToken>> {
        self.tokens.get(self.given_out.by_digest.get(digest)?)
    }

    /// The tokens of a tenant, by id.
    pub fn tokens_of(&self, tenant: TenantId) -> impl Iterator<Item = AccessTokenId> + '_ {
        let pairs = self.given_out.by_tenant.range(within(tenant));
        pairs.map(|(_, token)| *token)
    }
}

/// How it changes.
impl Intent {
    pub(super) fn put_token(&mut self, it: Arc<AccessToken>) {
        let given_out = &mut self.given_out;
        given_out.by_digest.insert(it.digest.clone(), it.id);
        let tenant = it.tenant_id.map(|tenant| (tenant, it.id));
        given_out.by_tenant.extend(tenant);
        self.tokens.insert(it.id, it);
    }

    pub(super) fn delete_token(&mut self, it: &AccessToken) {
        let given_out = &mut self.given_out;
        given_out.by_digest.remove(&it.digest);
        if let Some(tenant) = it.tenant_id {
            given_out.by_tenant.remove(&(tenant, it.id));
        }
        self.tokens.remove(&it.id);
    }
}
