//! Address groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{AddressGroupCreate, AddressGroupUpdate};
use ipnet::IpNet;
use model::{AddressGroup, AddressGroupId, Id, Timestamp};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(intent: &Intent, request: AddressGroupCreate) -> Outcome<Draft<AddressGroup>> {
    let mut faults = Faults::default();
    let tenant = request.tenant_id;
    faults.known("tenant_id", tenant, intent.tenants.get(&tenant));
    faults.unique_name(intent, Some(tenant), Noun::AddressGroup, &request.name);
    let mut prefixes = BTreeSet::new();
    add(("prefixes", &request.prefixes), &mut prefixes, &mut faults);
    faults.check()?;
    Ok(put(AddressGroup {
        id: Id::generate(),
        tenant_id: tenant,
        name: request.name,
        prefixes: prefixes.into_iter().collect(),
        created_at: Timestamp::now(),
    }))
}

fn put(group: AddressGroup) -> Draft<AddressGroup> {
    Draft {
        writes: vec![Write::Put(Object::AddressGroup(Arc::new(group.clone())))],
        answer: group,
    }
}

fn add((field, given): (&str, &[IpNet]), prefixes: &mut BTreeSet<IpNet>, faults: &mut Faults) {
    for (index, prefix) in given.iter().enumerate() {
        if !prefixes.insert(*prefix) {
            let message = format!("the group has {prefix} already; leave it out");
            faults.add(&format!("{field}[{index}]"), FieldCode::Duplicate, message);
        }
    }
    if prefixes.len() > AddressGroup::PREFIXES_MAX {
        let message = format!(
            "that makes {} prefixes; expected at most {}",
            prefixes.len(),
            AddressGroup::PREFIXES_MAX
        );
        faults.add(field, FieldCode::OutOfRange, message);
    }
}

/// Adds prefixes and takes prefixes away, all at one instant.
pub(super) fn update(
    intent: &Intent,
    id: AddressGroupId,
    request: &AddressGroupUpdate,
) -> Outcome<Draft<AddressGroup>> {
    let group = intent.address_groups.get(&id);
    let group = group.ok_or_else(|| Problem::not_found("address group", id))?;
    let mut faults = Faults::default();
    let mut prefixes: BTreeSet<IpNet> = group.prefixes.iter().copied().collect();
    for (index, prefix) in request.remove_prefixes.iter().enumerate() {
        if !prefixes.remove(prefix) {
            let message = format!("the group does not have {prefix}; expected one that it has");
            let field = format!("remove_prefixes[{index}]");
            faults.add(&field, FieldCode::UnknownReference, message);
        }
    }
    add(
        ("add_prefixes", &request.add_prefixes),
        &mut prefixes,
        &mut faults,
    );
    faults.check()?;
    let prefixes: Vec<IpNet> = prefixes.into_iter().collect();
    let nothing = prefixes == group.prefixes;
    let mut draft = put(AddressGroup {
        prefixes,
        ..AddressGroup::clone(group)
    });
    if nothing {
        draft.writes.clear();
    }
    Ok(draft)
}

pub(super) fn delete(intent: &Intent, id: AddressGroupId) -> Outcome<Draft<()>> {
    if !intent.address_groups.contains_key(&id) {
        return Err(Problem::not_found("address group", id));
    }
    if let Some(group) = intent.naming_addresses(id).next() {
        let detail = format!(
            "a rule of security group {group} names address group {id}; remove that rule first"
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::AddressGroup(id))],
        answer: (),
    })
}
