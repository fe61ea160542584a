//! Quotas: what there is of each quantity, what there may be, and the refusal of more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, FieldError, Problem};
use api::request::QuotaUpdate;
use api::resource::{QuotaLine, QuotaView};
use model::{Quantity, QuotaLimit, Tenant, TenantId};

use crate::intent::{Intent, counted};
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

/// How a change alters what tenants have.
type Growth = BTreeMap<(TenantId, Quantity), i128>;

/// Refuses a change after which a tenant would have more than its quota, of what the change adds to: whoever
/// asks for it. It is decided under the writer's lock, on top of all changes before, so that no number of
/// clients together gets past it; and it costs what the change costs, not what the tenant has.
pub(crate) fn check(intent: &Intent, writes: &[Write]) -> Outcome<()> {
    let faults = growth(intent, writes).into_iter();
    let faults = faults.filter_map(|(place, growth)| excess(intent, place, growth));
    let errors: Vec<FieldError> = faults.collect();
    if errors.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = errors.iter().map(|it| it.field.as_str()).collect();
    let detail = format!(
        "nothing was changed: the tenant's quota of {} is used up",
        names.join(", ")
    );
    Err(Problem {
        errors,
        ..Problem::new(Code::QuotaExceeded, detail)
    })
}

fn growth(intent: &Intent, writes: &[Write]) -> Growth {
    let mut growth = Growth::new();
    // What follows from a change may write the same object once more.
    let mut latest: HashMap<Key, Option<Object>> = HashMap::new();
    for write in writes {
        let key = write.key();
        let after = match write {
            Write::Put(object) => Some(object.clone()),
            Write::Delete(_) => None,
        };
        let held = latest.insert(key, after.clone());
        let before = held.unwrap_or_else(|| intent.get(key));
        for (place, count) in before.iter().flat_map(counted) {
            *growth.entry(place).or_default() -= i128::from(count);
        }
        for (place, count) in after.iter().flat_map(counted) {
            *growth.entry(place).or_default() += i128::from(count);
        }
    }
    growth
}

/// What is wrong when a tenant gets so much more. One that is only being made has what it is made with.
fn excess(
    intent: &Intent,
    (id, quantity): (TenantId, Quantity),
    growth: i128,
) -> Option<FieldError> {
    let more = u64::try_from(growth).ok().filter(|it| *it > 0)?;
    let tenant = intent.tenants.get(&id)?;
    let limit = tenant.quota.limit(&intent.default_quota, quantity);
    let used = intent.count_of(id, quantity);
    if limit.allows(used.saturating_add(more)) {
        return None;
    }
    let name = quantity.name();
    let message = format!(
        "{used} of {limit} are in use, and this takes {more} more; delete what is not needed, or ask an \
         operator to raise it: netctl quota-set {} {}=...",
        tenant.name,
        name.replace('_', "-")
    );
    Some(FieldError::new(name, FieldCode::OverQuota, message))
}

/// What the tenant has and may have.
pub(super) fn view(intent: &Intent, tenant: &Tenant) -> QuotaView {
    let lines = Quantity::ALL.iter().map(|(quantity, ..)| {
        let quantity = *quantity;
        let line = QuotaLine {
            limit: tenant.quota.limit(&intent.default_quota, quantity),
            used: quantity
                .is_counted()
                .then(|| intent.count_of(tenant.id, quantity)),
            is_default: tenant.quota.said(quantity).is_none(),
        };
        (quantity, line)
    });
    QuotaView {
        tenant_id: tenant.id,
        state: tenant.standing.state(),
        quantities: lines.collect(),
    }
}

/// Sets quotas. Less than there is takes nothing away: it only refuses more.
pub(super) fn update(intent: &Intent, id: TenantId, request: &QuotaUpdate) -> Outcome<Draft<()>> {
    let tenant = intent.tenants.get(&id);
    let tenant = tenant.ok_or_else(|| Problem::not_found("tenant", id))?;
    let mut changed = Tenant::clone(tenant);
    for (quantity, limit) in &request.0 {
        changed.quota.say(*quantity, *limit);
    }
    let mut writes = Vec::new();
    if changed != **tenant {
        writes.push(Write::Put(Object::Tenant(Arc::new(changed))));
    }
    Ok(Draft { writes, answer: () })
}

/// How many calls of the API a second the tenant's tokens may make together.
pub(super) fn requests_per_second(intent: &Intent, id: TenantId) -> QuotaLimit {
    match intent.tenants.get(&id) {
        Some(tenant) => {
            let quantity = Quantity::RequestsPerSecond;
            tenant.quota.limit(&intent.default_quota, quantity)
        }
        None => QuotaLimit::Unlimited,
    }
}
