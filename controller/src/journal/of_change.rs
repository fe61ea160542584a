//! What a change of the intent is told as: one event for each object, with the names of the fields
//! that are otherwise. Their values are in the audit log only.

use model::{EventKind, Standing};
use serde_json::{Map, Value};

use super::Note;
use crate::change::{Change, Step};
use crate::object::{Object, Write};

/// The most fields that are named.
const FIELDS_MAX: usize = 20;

/// What is told of a change.
pub(crate) fn notes_of(change: &Change) -> Vec<Note> {
    let steps = change.steps.iter();
    let notes = steps.flat_map(|step| {
        let standing = standing_note(change, step);
        note_of(change, step).into_iter().chain(standing)
    });
    notes.collect()
}

/// What operators are told of a tenant that was suspended, or is so no more.
fn standing_note(change: &Change, step: &Step) -> Option<Note> {
    let (Some(Object::Tenant(before)), Write::Put(Object::Tenant(after))) =
        (&step.before, &step.write)
    else {
        return None;
    };
    let (actor, name) = (&change.actor, &after.name);
    let (kind, message) = match (&before.standing, &after.standing) {
        (Standing::Active, Standing::Suspended { reason, .. }) => {
            let why = reason.as_ref().map(|it| format!(": {it}"));
            let message = format!("{actor} suspended tenant {name}{}", why.unwrap_or_default());
            (EventKind::TenantSuspended, message)
        }
        (Standing::Suspended { .. }, Standing::Active) => {
            let message = format!("{actor} resumed tenant {name}");
            (EventKind::TenantResumed, message)
        }
        _ => return None,
    };
    Some(Note {
        at: change.at,
        tenant_id: Some(after.id),
        noun: Some("tenant"),
        object_id: Some(after.id.uuid()),
        revision: Some(change.revision),
        ..Note::new(kind, message)
    })
}

fn note_of(change: &Change, step: &Step) -> Option<Note> {
    let before = step.before.as_ref().and_then(fields);
    let after = match &step.write {
        Write::Put(object) => fields(object),
        Write::Delete(_) => None,
    };
    let (kind, what) = match (&before, &after) {
        (None, Some(_)) => (EventKind::ObjectCreated, "created".to_owned()),
        (Some(_), None) => (EventKind::ObjectDeleted, "deleted".to_owned()),
        (Some(before), Some(after)) => {
            let changed = changed_fields(before, after);
            let named: Vec<&str> = changed.iter().take(FIELDS_MAX).copied().collect();
            if named.is_empty() {
                return None;
            }
            let what = format!("changed: {}", named.join(", "));
            (EventKind::ObjectChanged, what)
        }
        (None, None) => return None,
    };
    let key = step.write.key();
    let noun = key.noun().table();
    let object = after.or(before)?;
    let name = match object.get("name") {
        Some(Value::String(name)) => name.clone(),
        _ => key.uuid().to_string(),
    };
    let owner = match noun {
        "tenant" => object.get("id"),
        _ => object.get("tenant_id"),
    };
    let owner = owner.and_then(Value::as_str).and_then(|id| id.parse().ok());
    Some(Note {
        at: change.at,
        tenant_id: owner,
        noun: Some(noun),
        object_id: Some(key.uuid()),
        revision: Some(change.revision),
        ..Note::new(kind, format!("{} {name} {what}", noun.replace('_', " ")))
    })
}

/// The fields of an object as the store keeps them.
fn fields(object: &Object) -> Option<Map<String, Value>> {
    let json = object.to_json().ok()?;
    serde_json::from_str(&json).ok()
}

/// The fields that are otherwise afterwards, in alphabetical order.
fn changed_fields<'a>(
    before: &'a Map<String, Value>,
    after: &'a Map<String, Value>,
) -> Vec<&'a str> {
    let mut names: Vec<&str> = before
        .keys()
        .chain(after.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| before.get(*name) != after.get(*name));
    names
}
