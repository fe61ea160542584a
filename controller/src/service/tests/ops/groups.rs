//! The same, of groups.

use api::backend::Outcome;
use api::request::{
    AddressGroupCreate, AddressGroupUpdate, SecurityGroupCreate, SecurityGroupUpdate,
};
use model::{AddressGroupId, Direction, RuleForm, SecurityGroupId, Tracking};

use super::{Op, id, name};
use crate::intent::Intent;
use crate::object::{Noun, Write};
use crate::service::{address_group, security_group};

pub(super) fn decide(intent: &Intent, op: &Op) -> Outcome<Vec<Write>> {
    match *op {
        Op::SecurityGroup {
            tenant,
            name: it,
            stateless,
        } => {
            let request = SecurityGroupCreate {
                tenant_id: id(intent, Noun::Tenant, tenant),
                name: name("g", it),
                tracking: stateless.then_some(Tracking::Stateless),
                rules: None,
            };
            security_group::create(intent, request).map(|draft| draft.writes)
        }
        Op::AddressGroup { tenant, name: it } => {
            let request = AddressGroupCreate {
                tenant_id: id(intent, Noun::Tenant, tenant),
                name: name("a", it),
                prefixes: Vec::new(),
            };
            address_group::create(intent, request).map(|draft| draft.writes)
        }
        Op::Prefix { group, last } => {
            let group: AddressGroupId = id(intent, Noun::AddressGroup, group);
            let request = AddressGroupUpdate {
                add_prefixes: vec![format!("192.0.2.{last}/32").parse().unwrap()],
                remove_prefixes: Vec::new(),
            };
            address_group::update(intent, group, &request).map(|draft| draft.writes)
        }
        Op::Rule {
            group,
            remote,
            sort,
        } => {
            let group: SecurityGroupId = id(intent, Noun::SecurityGroup, group);
            let mut form = RuleForm::new(Direction::Ingress);
            match sort {
                0 => form.remote_group_id = Some(id(intent, Noun::SecurityGroup, remote)),
                1 => form.remote_address_group_id = Some(id(intent, Noun::AddressGroup, remote)),
                _ => {}
            }
            let first = intent.security_groups.get(&group);
            let first = first.and_then(|group| group.rules.first());
            let request = SecurityGroupUpdate {
                add_rules: vec![form.check().unwrap()],
                remove_rules: first.map(|rule| rule.id).into_iter().collect(),
            };
            security_group::update(intent, group, request).map(|draft| draft.writes)
        }
        _ => Ok(Vec::new()),
    }
}
