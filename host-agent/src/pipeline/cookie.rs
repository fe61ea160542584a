//! Cookies: which flows are ours, and which network or security group each belongs to.
//!
//! ```text
//!    63            48 47            32 31                              0
//!   +----------------+----------------+---------------------------------+
//!   | our mark b01d  | 0: network     | its number, 0: infrastructure   |
//!   |                | 1: sec. group  | its number                      |
//!   +----------------+----------------+---------------------------------+
//! ```

use model::{NetworkNumber, SecurityGroupNumber};

/// What the cookies of all our flows begin with. Flows without it are an operator's own.
pub const MARK: u64 = 0xb01d << 48;

/// The bits of a cookie that hold [`MARK`].
pub const MARK_MASK: u64 = 0xffff << 48;

/// Whether a flow with this cookie is ours.
#[must_use]
pub const fn is_ours(cookie: u64) -> bool {
    cookie & MARK_MASK == MARK
}

/// Flows that are compiled and compared together: those of one network, of one security group, or of
/// neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(u64);

/// What says that a number is a security group's.
const SECURITY_GROUP: u64 = 1 << 32;

impl Group {
    /// What belongs to no network.
    pub const INFRASTRUCTURE: Self = Self(0);

    /// The flows of the network with this number, which is never 0.
    #[must_use]
    pub const fn of(number: NetworkNumber) -> Self {
        Self(number.get() as u64)
    }

    /// The flows of the security group with this number.
    #[must_use]
    pub const fn of_security_group(number: SecurityGroupNumber) -> Self {
        Self(SECURITY_GROUP | number.get() as u64)
    }

    /// The group of a flow of ours.
    #[must_use]
    pub fn from_cookie(cookie: u64) -> Option<Self> {
        is_ours(cookie).then_some(Self(cookie & !MARK_MASK))
    }

    /// The number of the network that it is, if it is one.
    #[must_use]
    pub fn network(self) -> Option<NetworkNumber> {
        u32::try_from(self.0).ok()?.try_into().ok()
    }

    /// The cookie of its flows.
    #[must_use]
    pub const fn cookie(self) -> u64 {
        MARK | self.0
    }
}
