//! Security groups with their rules.

use std::future::Future;
use std::sync::Arc;

use model::{Allowance, RuleForm, SecurityGroup, Tracking};
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::problem::FieldCode;
use crate::request::{SecurityGroupCreate, SecurityGroupUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

const TRACKING: Kind = Kind::Word(&["stateful", "stateless"]);

/// How many rules are read of a request: more than a group may have, so that who gives too many is
/// told how many are allowed along with what else is wrong.
const MAX_RULES: usize = 4 * SecurityGroup::RULES_MAX;

impl Listed for SecurityGroup {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("tracking", TRACKING, |it| match it.tracking {
            Tracking::Stateful => Key::text("stateful"),
            Tracking::Stateless => Key::text("stateless"),
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.security_groups()
    }
}

impl Shown for SecurityGroup {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.security_group(id.into())
    }
}

impl Made for SecurityGroup {
    fn read(fields: &mut Fields) -> Option<SecurityGroupCreate> {
        let tenant_id = fields.required("tenant_id");
        let name = fields.required("name");
        let tracking = fields.optional("tracking");
        let rules = fields.objects("rules", MAX_RULES, rule);
        Some(SecurityGroupCreate {
            tenant_id: tenant_id?,
            name: name?,
            tracking,
            rules,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: SecurityGroupCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.security_group_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.security_group_delete(caller, id.into())
    }
}

impl Changed for SecurityGroup {
    fn read_update(fields: &mut Fields) -> SecurityGroupUpdate {
        let add = fields.objects("add_rules", MAX_RULES, rule);
        let remove = fields.list("remove_rules", MAX_RULES);
        SecurityGroupUpdate {
            add_rules: add.unwrap_or_default(),
            remove_rules: remove.unwrap_or_default(),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: SecurityGroupUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.security_group_update(caller, id.into(), request)
    }
}

/// Reads a rule: each field for itself, and then whether they fit together.
fn rule(fields: &mut Fields) -> Option<Allowance> {
    let direction = fields.required("direction");
    let family = fields.optional("family");
    let protocol = fields.optional("protocol");
    let ports = fields.optional("ports");
    let icmp_type = fields.optional("icmp_type");
    let icmp_code = fields.optional("icmp_code");
    let remote_cidr = fields.optional("remote_cidr");
    let remote_group_id = fields.optional("remote_group_id");
    let remote_address_group_id = fields.optional("remote_address_group_id");
    let logged = fields.optional("logged");
    let form = RuleForm {
        family,
        protocol: protocol.unwrap_or_default(),
        ports,
        icmp_type,
        icmp_code,
        remote_cidr,
        remote_group_id,
        remote_address_group_id,
        logged: logged.unwrap_or(false),
        ..RuleForm::new(direction?)
    };
    match form.check() {
        Ok(allows) => Some(allows),
        Err(faults) => {
            for fault in faults {
                fields.refuse(fault.field, FieldCode::Inconsistent, fault.message);
            }
            None
        }
    }
}
