//! How far a change is carried out.

use model::{HostId, Name};
use serde::{Deserialize, Serialize};

/// `GET /v1/changes/{revision}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    /// The change's number.
    pub revision: u64,
    /// How it stands with all hosts together: the least far of them.
    pub state: ChangeState,
    /// The hosts that it touches, by name; none to tenants.
    pub hosts: Vec<ChangeOnHost>,
}

/// How it stands with a change on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeOnHost {
    /// Which host.
    pub host_id: HostId,
    /// Its name.
    pub name: Name,
    /// How it stands there.
    pub state: ChangeState,
    /// Why it is not realized, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a change is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeState {
    /// It is.
    Realized,
    /// It is on its way.
    Waiting,
    /// It is tried again and again, and fails.
    Failing,
}

impl ChangeView {
    /// A change that these hosts are to carry out.
    #[must_use]
    pub fn of(revision: u64, mut hosts: Vec<ChangeOnHost>) -> Self {
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        let worst = hosts.iter().map(|it| it.state).max();
        Self {
            revision,
            state: worst.unwrap_or(ChangeState::Realized),
            hosts,
        }
    }
}
