//! What a row of the list of routes is, and how it is written.

use model::AccessVerb;

use crate::access::Access;

/// One row of [`ROUTES`](super::ROUTES).
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// What the client does.
    pub method: Method,
    /// To which path; `{id}` stands for an object's id.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What comes of it, as a phrase.
    pub what: &'static str,
    pub(in crate::server) noun: Noun,
}

/// The methods that the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes a new object.
    Post,
    /// Says how something is to be.
    Put,
    /// Says what of something is to be otherwise.
    Patch,
    /// Deletes an object.
    Delete,
}

impl Method {
    /// The method as HTTP spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// What it does, as tokens are held to it.
    #[must_use]
    pub const fn verb(self) -> AccessVerb {
        match self {
            Self::Get => AccessVerb::Read,
            Self::Post => AccessVerb::Create,
            Self::Put | Self::Patch => AccessVerb::Change,
            Self::Delete => AccessVerb::Delete,
        }
    }
}

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Noun {
    Health,
    Version,
    Whoami,
    AccessToken,
    Tenant,
    Quota,
    PhysicalNetwork,
    Topology,
    HostUplink,
    Network,
    Subnet,
    AddressGroup,
    Reservation,
    Router,
    Gateway,
    FloatingIp,
    Cap,
    PortForwarding,
    SecurityGroup,
    RuleHits,
    Port,
    PortGuest,
    SubPort,
    Migration,
    Instance,
    Host,
    Tunnel,
    FabricCheck,
    Trace,
    Event,
    Change,
    History,
    HistoryVerification,
    Usage,
    UsageSplit,
    UsageRecord,
    Bill,
    BillSummary,
    RatePlan,
    RatePlanAssignment,
    Seal,
    Verification,
    MeterFinding,
    Collector,
    Inventory,
}

pub(super) const fn get(path: &'static str, noun: Noun, what: &'static str) -> Route {
    Route {
        method: Method::Get,
        path,
        access: Access::Inspect,
        what,
        noun,
    }
}

pub(super) const fn post(path: &'static str, noun: Noun, what: &'static str) -> Route {
    Route {
        method: Method::Post,
        path,
        access: Access::Operate,
        what,
        noun,
    }
}

pub(super) const fn put(path: &'static str, noun: Noun, what: &'static str) -> Route {
    Route {
        method: Method::Put,
        path,
        access: Access::Operate,
        what,
        noun,
    }
}

pub(super) const fn patch(path: &'static str, noun: Noun, what: &'static str) -> Route {
    Route {
        method: Method::Patch,
        path,
        access: Access::Operate,
        what,
        noun,
    }
}

pub(super) const fn delete(path: &'static str, noun: Noun, what: &'static str) -> Route {
    Route {
        method: Method::Delete,
        path,
        access: Access::Operate,
        what,
        noun,
    }
}

impl Route {
    /// The same, for these.
    pub(super) const fn who(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Whether it is about one object, not about all.
    pub(in crate::server) fn is_of_one(&self) -> bool {
        self.path.ends_with("/{id}")
    }
}
