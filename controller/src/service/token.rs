//! Tokens: who may do what.

use std::sync::Arc;
use std::time::Duration;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::TokenCreate;
use model::{AccessToken, AccessTokenId, AccessVerb, Id, Timestamp};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

/// A token for a secret with this digest.
pub(super) fn create(
    intent: &Intent,
    request: TokenCreate,
    digest: String,
) -> Outcome<Draft<AccessToken>> {
    let mut faults = Faults::default();
    let tenant_id = request.tenant_id;
    faults.unique_name(intent, tenant_id, Noun::AccessToken, &request.name);
    if let Some(id) = tenant_id {
        faults.known("tenant_id", id, intent.tenants.get(&id));
    }
    check_scope(&request, &mut faults);
    faults.check()?;
    let mut verbs = request.verbs.unwrap_or_else(AccessVerb::every);
    verbs.sort_unstable();
    verbs.dedup();
    let (now, seconds) = (Timestamp::now(), request.valid_seconds);
    let valid = Duration::from_secs(seconds.unwrap_or(TokenCreate::DEFAULT_VALID_SECONDS).into());
    let token = AccessToken {
        id: Id::generate(),
        name: request.name,
        role: request.role,
        tenant_id,
        verbs,
        digest,
        expires_at: now.after(valid),
        created_at: now,
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::AccessToken(Arc::new(token.clone())))],
        answer: token,
    })
}

fn check_scope(request: &TokenCreate, faults: &mut Faults) {
    let role = request.role;
    if request.tenant_id.is_none() && !role.fits_pool() {
        let message = format!(
            "is missing; expected the tenant that a {} is held to",
            role.name()
        );
        faults.add("tenant_id", FieldCode::Required, message);
    }
    if request.tenant_id.is_some() && !role.fits_tenant() {
        let message = "an operator runs the whole pool; expected no tenant, or another role";
        faults.add("tenant_id", FieldCode::Inconsistent, message);
    }
    if request.verbs.as_ref().is_some_and(Vec::is_empty) {
        let message = "is empty; expected at least one verb, or leave it out for all of them";
        faults.add("verbs", FieldCode::OutOfRange, message);
    }
}

pub(super) fn delete(intent: &Intent, id: AccessTokenId) -> Outcome<Draft<()>> {
    if !intent.tokens.contains_key(&id) {
        return Err(Problem::not_found("token", id));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::AccessToken(id))],
        answer: (),
    })
}
