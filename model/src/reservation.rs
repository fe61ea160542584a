//! Reservations: addresses that are never allocated by themselves.

use serde::{Deserialize, Serialize};

use crate::{AddressRange, Id, Name, NetworkId, TenantId, Timestamp};

/// The identifier of a [`Reservation`].
pub type ReservationId = Id<Reservation>;

/// Addresses of a network that are kept for whom they are given to by name: no port gets one unless
/// it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its identifier.
    pub id: ReservationId,
    /// Who owns it: the network's tenant.
    pub tenant_id: TenantId,
    /// The network whose addresses they are.
    pub network_id: NetworkId,
    /// Its name, unique in the tenant where given.
    pub name: Option<Name>,
    /// The addresses, all of one subnet.
    pub addresses: AddressRange,
    /// When it was made.
    pub created_at: Timestamp,
}
