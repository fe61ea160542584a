//! Live migrations: ports that two hosts have at once, of which one at most is lit.
//!
//! ```text
//!              runs at `to`           `from` is dark          its interface at `from` is gone
//!   Prepared ---------------> Switching -------> Switched ----------------------------> over
//!      ^ |                        |                  |
//!      | +-- called off --> over <+                  | it runs at `from` after all, or is called off
//!      |                                             v
//!      +---- `to` is dark ----------------------- Returning ---- called off, and `to` is dark ---> over
//! ```

use serde::{Deserialize, Serialize};

use crate::plan::Generation;
use crate::{HostId, Name, NetworkId, PortId, TenantId, Timestamp};

/// A migration of a port, as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Where the port was lit when it began.
    pub from: HostId,
    /// Where it is to be lit.
    pub to: HostId,
    /// How far it is.
    pub stage: MigrationStage,
    /// The first plan of this stage: what a host said before is of another one.
    pub since: Generation,
    /// When it began.
    pub began_at: Timestamp,
}

/// How far a migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationStage {
    /// The port is lit where it was; the other host has its rules in place and waits.
    Prepared,
    /// The port is dark everywhere, until the old host is known to be.
    Switching,
    /// The port is lit on the new host; the old one waits until its interface goes.
    Switched,
    /// The port is dark everywhere, until the new host is known to be; then it is as it was at first.
    Returning,
    /// The same, and then the migration is over.
    CallingOff,
}

impl Migration {
    /// How long one may be prepared before it is called off, in seconds: nobody forgets one for ever.
    pub const PREPARED_SECONDS_MAX: i64 = 3_600;

    /// Which host has the port, lit or about to be.
    #[must_use]
    pub const fn home(&self) -> HostId {
        match self.stage {
            MigrationStage::Prepared | MigrationStage::Returning | MigrationStage::CallingOff => {
                self.from
            }
            MigrationStage::Switching | MigrationStage::Switched => self.to,
        }
    }

    /// The host that the port is not to be lit on at present.
    #[must_use]
    pub fn elsewhere(&self) -> HostId {
        match self.home() == self.from {
            true => self.to,
            false => self.from,
        }
    }

    /// The one host that the port is lit on; none, while it changes.
    #[must_use]
    pub const fn lit(&self) -> Option<HostId> {
        match self.stage {
            MigrationStage::Prepared => Some(self.from),
            MigrationStage::Switched => Some(self.to),
            MigrationStage::Switching | MigrationStage::Returning | MigrationStage::CallingOff => {
                None
            }
        }
    }
}

/// A migration, as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMigration {
    /// The port.
    pub id: PortId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// The port's name.
    pub name: Option<Name>,
    /// How it stands.
    #[serde(flatten)]
    pub migration: Migration,
    /// Whether the host that the port is not lit on has its rules in place, behind an interface.
    pub ready: bool,
}
