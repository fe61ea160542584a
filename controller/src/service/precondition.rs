//! Changes that are meant for an object as their client saw it, so that no update is lost.

use api::backend::{Caller, Outcome};
use api::problem::{Code, Problem};
use ring::digest;

use crate::intent::Intent;
use crate::object::Object;
use crate::token::hexadecimal;

/// Refuses a change of an object that is no longer as its client saw it. One that is gone is for the
/// decision to tell.
pub(crate) fn check(intent: &Intent, caller: &Caller) -> Outcome<()> {
    let Some(precondition) = &caller.precondition else {
        return Ok(());
    };
    let Some(object) = intent.object_with(precondition.id) else {
        return Ok(());
    };
    let tags = &precondition.tags;
    if tags.is_empty() || tag(&object).is_some_and(|tag| tags.contains(&tag)) {
        return Ok(());
    }
    let detail = "somebody changed this since it was read, and nothing was changed now; read it again, and \
                  send what is still meant with its new ETag";
    Err(Problem::new(Code::PreconditionFailed, detail))
}

/// What an object is known by that is exactly so: 128 bits of SHA-256 over what is kept of it.
pub(super) fn tag(object: &Object) -> Option<String> {
    let json = object.to_json().ok()?;
    let digest = digest::digest(&digest::SHA256, json.as_bytes());
    Some(hexadecimal(digest.as_ref().get(..16)?))
}
