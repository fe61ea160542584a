//! Everything that is wrong with a request, collected so that one answer says all of it.
//!
//! A message shows the value, says what is wrong with it, and what is allowed.

use std::fmt;

use api::backend::Outcome;
use api::problem::{FieldCode, FieldError, Problem};
use model::{Name, TenantId};

use crate::intent::Intent;
use crate::object::{Noun, ScopedName};

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    /// One more.
    pub(super) fn add(&mut self, field: &str, code: FieldCode, message: impl Into<String>) {
        self.0.push(FieldError::new(field, code, message));
    }

    /// The object that a field refers to, or a fault.
    pub(super) fn known<T>(
        &mut self,
        field: &str,
        id: impl fmt::Display,
        found: Option<T>,
    ) -> Option<T> {
        if found.is_none() {
            let noun = field.trim_end_matches("_id").replace('_', " ");
            let message = format!("there is no {noun} {id}; expected the id of one there is");
            self.add(field, FieldCode::UnknownReference, message);
        }
        found
    }

    /// A fault if the name is taken, in the pool or in the tenant.
    pub(super) fn unique_name(
        &mut self,
        intent: &Intent,
        tenant: Option<TenantId>,
        noun: Noun,
        name: &Name,
    ) {
        let scoped = ScopedName {
            tenant,
            noun,
            name: name.clone(),
        };
        if let Some(owner) = intent.named(&scoped) {
            let noun = noun.table().replace('_', " ");
            let name = name.as_str();
            let message = format!("{name:?} is the name of the {noun} {owner}; choose another");
            self.add("name", FieldCode::Duplicate, message);
        }
    }

    /// The end of checking: a problem if there was any fault.
    pub(super) fn check(self) -> Outcome<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Problem::invalid(self.0)),
        }
    }

    /// The value that all faults were looked for in, if there were none.
    pub(super) fn require<T>(self, found: Option<T>) -> Outcome<T> {
        self.check()?;
        // Whatever is missing has its fault, so this is never reached without one.
        found.ok_or_else(|| Problem::invalid(Vec::new()))
    }
}
