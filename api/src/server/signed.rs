//! A change as it arrives: who asks, under which request, and under which name of the client's.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ring::digest;
use uuid::Uuid;

use super::entity_tag::IfMatch;
use super::guard::{RequestId, visible_name};
use crate::access::Identity;
use crate::backend::{Backend, Caller, Idempotency, Outcome, Precondition};
use crate::problem::{Code, Problem};

/// The header by which a client names a creation, so that it can be repeated safely.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Who asks for a change, and with which request.
pub(super) struct Signed {
    identity: Identity,
    request_id: String,
    key: Option<String>,
    /// Method and path: what the same key must not be used for again with another body.
    target: String,
}

impl Signed {
    /// The caller of a creation with this body.
    pub(super) fn creates(self, body: &[u8]) -> Caller {
        let idempotency = self.key.map(|key| Idempotency {
            key,
            fingerprint: fingerprint(&self.target, body),
        });
        Caller {
            actor: self.identity.actor,
            held_to: self.identity.tenant_id,
            request_id: self.request_id,
            idempotency,
            precondition: None,
        }
    }

    /// The caller of a change that can be repeated as it is: a deletion, or one that says how
    /// something is to be.
    pub(super) fn repeats(self) -> Caller {
        Caller {
            actor: self.identity.actor,
            held_to: self.identity.tenant_id,
            request_id: self.request_id,
            idempotency: None,
            precondition: None,
        }
    }
}

/// Who asks for a change of one object, and which of its versions the change is meant for.
pub(super) struct SignedOfOne {
    signed: Signed,
    matching: Option<IfMatch>,
}

impl SignedOfOne {
    /// The caller of a change of this object.
    ///
    /// # Errors
    /// There is nothing that the client could have seen a tag of.
    pub(super) fn changes(self, backend: &impl Backend, id: Uuid) -> Outcome<Caller> {
        let mut caller = self.signed.repeats();
        if let Some(IfMatch(tags)) = self.matching {
            let there = backend.tag(id);
            there.ok_or_else(|| {
                let detail = format!("{id} has no tag that If-Match could be compared with");
                Problem::new(Code::PreconditionFailed, detail)
            })?;
            caller.precondition = Some(Precondition { id, tags });
        }
        Ok(caller)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedOfOne {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self {
            matching: IfMatch::read(&parts.headers)?,
            signed: Signed::read(parts)?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Were it passed over, the client would believe that no update is lost.
        if IfMatch::read(&parts.headers)?.is_some() {
            let detail =
                "If-Match is for changes of one object that has an ETag; leave it out here";
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
        Self::read(parts)
    }
}

impl Signed {
    fn read(parts: &Parts) -> Result<Self, Problem> {
        // Were a route ever left unguarded, this refuses the change.
        let nobody = || Problem::new(Code::Unauthenticated, "nobody has signed this request");
        let identity = parts.extensions.get().cloned().ok_or_else(nobody)?;
        let RequestId(request_id) = parts.extensions.get().cloned().ok_or_else(nobody)?;
        Ok(Self {
            identity,
            request_id,
            key: visible_name(&parts.headers, IDEMPOTENCY_KEY)?,
            target: format!("{} {}", parts.method, parts.uri.path()),
        })
    }
}

/// SHA-256 over method, path and body. Neither method nor path can hold a line feed.
fn fingerprint(target: &str, body: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(target.as_bytes());
    context.update(b"\n");
    context.update(body);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}
