//! Reservations: addresses that are never allocated by themselves.

use serde::{Deserialize, Serialize};

use crate::plan::Generation;
use crate::{AddressRange, HostId, Id, Name, NetworkId, PortId, TenantId, Timestamp};

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
    /// Why nobody gets them for now, where they were a port's that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whoever had an address may still use it: its host has not said yet that it passes no more of its frames. It
/// ends when the host says so and sees nothing of the port any more, or when somebody deletes the reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The port that had the address.
    pub port_id: PortId,
    /// The host that the port was bound to.
    pub host_id: HostId,
    /// The newest plan that the host may have had the port in.
    pub after: Generation,
}
