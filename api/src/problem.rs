//! Errors of the REST API: `application/problem+json` (RFC 9457) with every fault at once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a request was not carried out. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, stable for programs.
    pub code: Code,
    /// What went wrong, as a sentence for people, with what to do next.
    pub detail: String,
    /// One entry per field that is at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The name of the request, which the server's log has: put in where the answer is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field, as the request spells it.
    pub field: String,
    /// What is wrong, stable for programs.
    pub code: FieldCode,
    /// What was wrong and what is allowed.
    pub message: String,
}

/// The kinds of problems; their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not JSON, or not an object (400).
    MalformedBody,
    /// One or more fields are wrong (422).
    InvalidFields,
    /// A header or query parameter is wrong (400).
    InvalidParameter,
    /// There is no valid token (401).
    Unauthenticated,
    /// The token does not allow this (403).
    Forbidden,
    /// The tenant would have more than its quota (403).
    QuotaExceeded,
    /// The tenant is suspended: it may read, and change nothing (403).
    TenantSuspended,
    /// There is no such object (404).
    NotFound,
    /// There is no such route (404).
    NoSuchRoute,
    /// The route knows no such method (405).
    MethodNotAllowed,
    /// The object is still used by others (409).
    InUse,
    /// The `Idempotency-Key` was used with another request (409).
    IdempotencyConflict,
    /// The pool has run out: of VLAN ids, of addresses (409).
    Exhausted,
    /// A host could not do it (409).
    HostRefused,
    /// The object is no longer as `If-Match` says that it was seen (412).
    PreconditionFailed,
    /// The body is larger than allowed (413).
    TooLarge,
    /// The tenant asks too often (429).
    TooManyRequests,
    /// The request took too long (408).
    Timeout,
    /// Too many requests wait already (503).
    Busy,
    /// The store could not keep the change (503).
    StoreUnavailable,
    /// A fault of the server (500).
    Internal,
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedBody | Self::InvalidParameter => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::QuotaExceeded | Self::TenantSuspended => 403,
            Self::NotFound | Self::NoSuchRoute => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::InUse | Self::IdempotencyConflict | Self::Exhausted | Self::HostRefused => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::InvalidFields => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Busy | Self::StoreUnavailable => 503,
        }
    }
}

/// The kinds of faults of a field; their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldCode {
    /// It must be there and is not.
    Required,
    /// It is of another JSON type.
    WrongType,
    /// Its value is not among those allowed.
    OutOfRange,
    /// There is no such field.
    Unknown,
    /// It names an object that does not exist.
    UnknownReference,
    /// Another object has this value, which must be unique.
    Duplicate,
    /// It does not fit another field or the object it refers to.
    Inconsistent,
    /// There would be more of it than the tenant's quota allows.
    OverQuota,
}

impl Problem {
    /// A problem with no faulty field.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            status: code.status(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            request_id: None,
        }
    }

    /// The problem of a request with faulty fields.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        Self {
            status: Code::InvalidFields.status(),
            code: Code::InvalidFields,
            detail: format!("nothing was changed: see {}", fields.join(", ")),
            errors,
            request_id: None,
        }
    }

    /// The problem of an object that does not exist.
    #[must_use]
    pub fn not_found(noun: &str, id: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {noun} {id}"))
    }
}

impl FieldError {
    /// A fault of `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }
}
