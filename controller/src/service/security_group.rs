//! Security groups and their rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{SecurityGroupCreate, SecurityGroupUpdate};
use model::{
    Allowance, Direction, Id, Remote, Rule, RuleForm, SecurityGroup, SecurityGroupId,
    SecurityGroupNumber, TenantId, Timestamp, Tracking,
};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(
    intent: &Intent,
    request: SecurityGroupCreate,
) -> Outcome<Draft<SecurityGroup>> {
    let mut faults = Faults::default();
    let tenant = request.tenant_id;
    faults.known("tenant_id", tenant, intent.tenants.get(&tenant));
    faults.unique_name(intent, Some(tenant), Noun::SecurityGroup, &request.name);
    let id = Id::generate();
    let rules = request.rules.unwrap_or_else(|| everything_out().into());
    let owner = Owner { intent, tenant, id };
    owner.check(("rules", &rules), &[], &mut faults);
    faults.check()?;
    let group = SecurityGroup {
        id,
        tenant_id: tenant,
        name: request.name,
        number: next_number(intent)?,
        tracking: request.tracking.unwrap_or_default(),
        rules: rules.into_iter().map(rule).collect(),
        created_at: Timestamp::now(),
    };
    Ok(put(group))
}

/// The group that is made with a tenant: within it everything is allowed, from others nothing comes
/// in, and everything goes out.
pub(super) fn default_of(intent: &Intent, tenant: TenantId) -> Outcome<SecurityGroup> {
    let id = Id::generate();
    let mut within = RuleForm::new(Direction::Ingress);
    within.remote_group_id = Some(id);
    let within = within.check().ok();
    let name = SecurityGroup::DEFAULT_NAME.parse();
    Ok(SecurityGroup {
        id,
        tenant_id: tenant,
        name: name.map_err(|_| Problem::new(Code::Internal, "the default group has no name"))?,
        number: next_number(intent)?,
        tracking: Tracking::Stateful,
        rules: within
            .into_iter()
            .chain(everything_out())
            .map(rule)
            .collect(),
        created_at: Timestamp::now(),
    })
}

fn everything_out() -> [Allowance; 1] {
    [Allowance {
        direction: Direction::Egress,
        family: None,
        protocol: model::Protocol::Any,
        remote: Remote::Any,
        logged: false,
    }]
}

fn rule(allows: Allowance) -> Rule {
    Rule {
        id: Id::generate(),
        allows,
    }
}

fn next_number(intent: &Intent) -> Outcome<SecurityGroupNumber> {
    let next = intent.last_security_group_number.checked_add(1);
    let number = next.and_then(|next| next.try_into().ok());
    number.ok_or_else(|| Problem::new(Code::Exhausted, "every number of a group was used"))
}

fn put(group: SecurityGroup) -> Draft<SecurityGroup> {
    Draft {
        writes: vec![Write::Put(Object::SecurityGroup(Arc::new(group.clone())))],
        answer: group,
    }
}

/// Adds rules and takes rules away, all at one instant.
pub(super) fn update(
    intent: &Intent,
    id: SecurityGroupId,
    request: SecurityGroupUpdate,
) -> Outcome<Draft<SecurityGroup>> {
    let group = find(intent, id)?;
    let mut faults = Faults::default();
    for (index, gone) in request.remove_rules.iter().enumerate() {
        if !group.rules.iter().any(|rule| rule.id == *gone) {
            let message = format!("the group has no rule {gone}; expected one that it has");
            let field = format!("remove_rules[{index}]");
            faults.add(&field, FieldCode::UnknownReference, message);
        }
    }
    let kept = group.rules.iter();
    let mut rules: Vec<Rule> = kept
        .filter(|rule| !request.remove_rules.contains(&rule.id))
        .cloned()
        .collect();
    let owner = Owner {
        intent,
        tenant: group.tenant_id,
        id,
    };
    owner.check(("add_rules", &request.add_rules), &rules, &mut faults);
    faults.check()?;
    rules.extend(request.add_rules.into_iter().map(rule));
    let nothing = rules == group.rules;
    let mut draft = put(SecurityGroup {
        rules,
        ..SecurityGroup::clone(group)
    });
    if nothing {
        draft.writes.clear();
    }
    Ok(draft)
}

fn find(intent: &Intent, id: SecurityGroupId) -> Outcome<&Arc<SecurityGroup>> {
    let group = intent.security_groups.get(&id);
    group.ok_or_else(|| Problem::not_found("security group", id))
}

/// The group that rules are for, and whose it is.
struct Owner<'a> {
    intent: &'a Intent,
    tenant: TenantId,
    id: SecurityGroupId,
}

impl Owner<'_> {
    /// Whether new rules fit beside those that the group keeps.
    fn check(&self, (field, rules): (&str, &[Allowance]), kept: &[Rule], faults: &mut Faults) {
        let all = kept.len() + rules.len();
        if all > SecurityGroup::RULES_MAX {
            let message = format!(
                "that makes {all} rules; expected at most {} in one group",
                SecurityGroup::RULES_MAX
            );
            faults.add(field, FieldCode::OutOfRange, message);
        }
        let mut seen: BTreeSet<&Allowance> = kept.iter().map(|rule| &rule.allows).collect();
        for (index, allows) in rules.iter().enumerate() {
            let place = format!("{field}[{index}]");
            if !seen.insert(allows) {
                let message = "the group has just this rule already; leave it out";
                faults.add(&place, FieldCode::Duplicate, message);
            }
            self.check_remote(&place, allows.remote, faults);
        }
    }

    /// Only the tenant's own groups may be named: nobody else's ports are anybody's business.
    fn check_remote(&self, place: &str, remote: Remote, faults: &mut Faults) {
        let (field, id, tenant) = match remote {
            Remote::Any | Remote::Prefix(_) => return,
            Remote::Group(id) if id == self.id => return,
            Remote::Group(id) => {
                let group = self.intent.security_groups.get(&id);
                let tenant = group.map(|group| group.tenant_id);
                ("remote_group_id", id.uuid(), tenant)
            }
            Remote::AddressGroup(id) => {
                let group = self.intent.address_groups.get(&id);
                let tenant = group.map(|group| group.tenant_id);
                ("remote_address_group_id", id.uuid(), tenant)
            }
        };
        let field = format!("{place}.{field}");
        match tenant {
            None => {
                let message = format!("there is no group {id}; expected the id of one there is");
                faults.add(&field, FieldCode::UnknownReference, message);
            }
            Some(tenant) if tenant != self.tenant => {
                let message = format!(
                    "{id} belongs to the tenant {tenant}; expected one of the group's own tenant, {}",
                    self.tenant
                );
                faults.add(&field, FieldCode::Inconsistent, message);
            }
            Some(_) => {}
        }
    }
}

/// The groups of a new port, unless told: the one that was made with its tenant.
pub(super) fn default_ids(intent: &Intent, tenant: TenantId) -> Vec<SecurityGroupId> {
    let groups = intent.security_groups_of(tenant);
    let mut groups = groups.filter_map(|id| intent.security_groups.get(&id));
    let default = groups.find(|group| group.name.as_str() == SecurityGroup::DEFAULT_NAME);
    default.map(|group| group.id).into_iter().collect()
}

/// Whether a port of this tenant may be in these groups together.
pub(super) fn check_ids(
    intent: &Intent,
    tenant: TenantId,
    ids: &[SecurityGroupId],
    faults: &mut Faults,
) {
    const FIELD: &str = "security_group_ids";
    if ids.len() > SecurityGroup::OF_PORT_MAX {
        let message = format!(
            "got {} groups; expected at most {}",
            ids.len(),
            SecurityGroup::OF_PORT_MAX
        );
        return faults.add(FIELD, FieldCode::OutOfRange, message);
    }
    let mut seen = BTreeSet::new();
    let mut ways = BTreeSet::new();
    for (index, id) in ids.iter().enumerate() {
        let field = format!("{FIELD}[{index}]");
        if !seen.insert(id) {
            let message = format!("{id} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
        }
        let Some(group) = intent.security_groups.get(id) else {
            let message =
                format!("there is no security group {id}; expected the id of one there is");
            faults.add(&field, FieldCode::UnknownReference, message);
            continue;
        };
        ways.insert(group.tracking);
        if group.tenant_id != tenant {
            let message = format!(
                "{id} belongs to the tenant {}; expected one of the port's tenant, {tenant}",
                group.tenant_id
            );
            faults.add(&field, FieldCode::Inconsistent, message);
        }
    }
    if ways.len() > 1 {
        let message = "some of these groups are stateful and some stateless; expected all alike";
        faults.add(FIELD, FieldCode::Inconsistent, message);
    }
}

pub(super) fn delete(intent: &Intent, id: SecurityGroupId) -> Outcome<Draft<()>> {
    let group = find(intent, id)?;
    let in_use = |detail: String| Err(Problem::new(Code::InUse, detail));
    if group.name.as_str() == SecurityGroup::DEFAULT_NAME {
        return in_use(format!(
            "group {id} is the one that its tenant's ports are in unless told; it goes with the tenant"
        ));
    }
    if let Some(port) = intent.ports_in(id).next() {
        return in_use(format!(
            "group {id} still has ports, such as {port}; take them out first"
        ));
    }
    let mut others = intent.naming(id).filter(|other| *other != id);
    if let Some(other) = others.next() {
        return in_use(format!(
            "a rule of group {other} names group {id}; remove that rule first"
        ));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::SecurityGroup(id))],
        answer: (),
    })
}
