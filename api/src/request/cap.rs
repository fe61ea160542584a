//! Caps.

use model::billing::Way;
use model::{BitRate, CapAction, CapBytes, CapClass, CapPeriod, PortId, Share, TenantId};
use serde::{Deserialize, Serialize};

/// `POST /v1/caps`: of a tenant or of one port, and not of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapCreate {
    /// The tenant whose traffic counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The port whose traffic counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// Of which class; all of it if absent.
    #[serde(default)]
    pub class: CapClass,
    /// Which way; both if absent.
    #[serde(default = "both_ways")]
    pub way: Way,
    /// How long each period is; a month if absent.
    #[serde(default)]
    pub period: CapPeriod,
    /// How much may be moved in a period.
    pub bytes: CapBytes,
    /// At which shares operators are warned; at 80 % and 90 % if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_at: Option<Vec<Share>>,
    /// What comes of it when that much was moved: `then`, and `rate` if it is throttled.
    #[serde(flatten)]
    pub action: CapAction,
}

/// `PATCH /v1/caps/{id}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapUpdate {
    /// How much may be moved in a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<CapBytes>,
    /// At which shares operators are warned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_at: Option<Vec<Share>>,
    /// The rate that ports are held to when the cap is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<BitRate>,
    /// Lifts a cap that is reached, for the rest of its period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Lifted>,
}

/// The one standing that an operator may give a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifted {
    /// It bounds nothing for the rest of its period.
    Lifted,
}

const fn both_ways() -> Way {
    Way::Both
}
