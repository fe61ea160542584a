//! History: who changed what, when, and from where, each record chained to the one before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{TenantId, Timestamp};

/// One change, as history keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// The change's number: one more than the change before it.
    pub revision: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked: the name of a token with its id, `admin`, `host:<name>` or `controller`; to a tenant,
    /// `provider` for whoever is not the tenant's own.
    pub actor: String,
    /// The tenant that who asked was held to, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Where the request came from: an IP address, or `uid:<number>` for a user of the controller's
    /// machine; absent for what hosts and the controller do by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The request's id, as in its answer and in the controller's log.
    pub request_id: String,
    /// What was asked for, as in `port_create`.
    pub verb: String,
    /// What became otherwise, object by object.
    pub changes: Vec<HistoryChange>,
    /// SHA-256 over the hash of the record before it and all of this one, as 64 hexadecimal digits;
    /// not told to tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChange {
    /// The kind of object, such as `security_group`.
    pub noun: String,
    /// Which.
    pub object_id: Uuid,
    /// Its name at that time, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is; the provider's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Whether it came, became otherwise, or went.
    pub kind: HistoryKind,
    /// The fields that are otherwise than before.
    pub fields: BTreeMap<String, FieldChange>,
}

/// Whether an object came, became otherwise, or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryKind {
    /// It is new.
    Created,
    /// It is otherwise.
    Changed,
    /// It is gone.
    Deleted,
}

/// A field before and after a change; absent where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What came of recomputing the whole history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryVerification {
    /// How many records fit, from the first on.
    pub records: u64,
    /// The newest of them, and its hash: kept elsewhere, it shows later whether the history up to it is
    /// still the same.
    pub newest: Option<HistoryMark>,
    /// The first record that does not fit.
    pub fault: Option<HistoryFault>,
}

/// Where a history does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryFault {
    /// The record's number.
    pub revision: u64,
    /// What is wrong with it, as a sentence.
    pub message: String,
}

/// A record and its hash, which stand for everything up to it: `4711:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HistoryMark {
    /// The record's number.
    pub revision: u64,
    /// Its hash.
    pub hash: String,
}

impl std::fmt::Display for HistoryMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.revision, self.hash)
    }
}

impl std::str::FromStr for HistoryMark {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid =
            || crate::Invalid::new("a record's number, a colon and 64 hexadecimal digits");
        let (revision, hash) = text.split_once(':').ok_or_else(invalid)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit());
        if !is_hash || !revision.bytes().all(|it| it.is_ascii_digit()) {
            return Err(invalid());
        }
        Ok(Self {
            revision: revision.parse().map_err(|_| invalid())?,
            hash: hash.to_ascii_lowercase(),
        })
    }
}

impl TryFrom<String> for HistoryMark {
    type Error = crate::Invalid;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HistoryMark> for String {
    fn from(mark: HistoryMark) -> Self {
        mark.to_string()
    }
}
