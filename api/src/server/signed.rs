//! A change as it arrives: who asks, under which request, and under which name of the client's.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ring::digest;

use super::guard::{RequestId, visible_name};
use crate::access::Identity;
use crate::backend::{Caller, Idempotency, Revised};
use crate::problem::{Code, Problem};
use crate::serve::{Line, Peer};

/// The header by which a client names a creation, so that it can be repeated safely.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Who asks for a change, and with which request.
pub(super) struct Signed {
    identity: Identity,
    peer: Peer,
    request_id: String,
    revised: Revised,
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
            source: self.peer.source(),
            request_id: self.request_id,
            idempotency,
            revised: self.revised,
        }
    }

    /// The caller of a change that can be repeated as it is: a deletion, or one that says how
    /// something is to be.
    pub(super) fn repeats(self) -> Caller {
        Caller {
            actor: self.identity.actor,
            held_to: self.identity.tenant_id,
            source: self.peer.source(),
            request_id: self.request_id,
            idempotency: None,
            revised: self.revised,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Were a route ever left unguarded, this refuses the change.
        let nobody = || Problem::new(Code::Unauthenticated, "nobody has signed this request");
        let identity = parts.extensions.get().cloned().ok_or_else(nobody)?;
        let RequestId(request_id) = parts.extensions.get().cloned().ok_or_else(nobody)?;
        let line: Option<&Line> = parts.extensions.get();
        Ok(Self {
            identity,
            peer: line.map(|line| line.peer).unwrap_or_default(),
            request_id,
            revised: parts.extensions.get().cloned().unwrap_or_default(),
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
