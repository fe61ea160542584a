//! Caps: what operators ask of them, and what becomes of them.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::{CapCreate, CapUpdate};
use model::{
    Cap, CapAction, CapId, CapPeriod, CapStanding, CapState, Id, PortId, TenantId, Timestamp,
};

use super::faults::Faults;
use crate::caps::Used;
use crate::caps::decide::{News, decide, span, state_in};
use crate::intent::Intent;
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

/// Makes one. `interval_seconds`: how long an interval of the usage ledger is.
pub(super) fn create(
    intent: &Intent,
    request: CapCreate,
    (interval_seconds, now): (u32, Timestamp),
) -> Outcome<Draft<Cap>> {
    let mut faults = Faults::default();
    let tenant_id = owner(intent, (request.tenant_id, request.port_id), &mut faults);
    if request.period == CapPeriod::Hour && 3_600 % interval_seconds.max(1) != 0 {
        let message = format!(
            "the usage ledger has intervals of {interval_seconds} seconds, which do not make an \
             hour; expected \"day\" or \"month\""
        );
        faults.add("period", FieldCode::Inconsistent, message);
    }
    let cap = tenant_id.map(|tenant_id| Cap {
        id: Id::generate(),
        tenant_id,
        port_id: request.port_id,
        class: request.class,
        way: request.way,
        period: request.period,
        bytes: request.bytes,
        warn_at: request.warn_at.unwrap_or_else(|| Cap::WARN_AT.to_vec()),
        action: request.action,
        state: CapState::fresh(request.period.span(now).from),
        created_at: now,
    });
    if let Some(twin) = cap.as_ref().and_then(|cap| twin(intent, cap)) {
        let message =
            format!("the cap {twin} counts the same and has the same consequence; change that one");
        faults.add("then", FieldCode::Duplicate, message);
    }
    let cap = faults.require(cap)?;
    Ok(put(cap))
}

/// Whose traffic counts.
fn owner(
    intent: &Intent,
    (tenant, port): (Option<TenantId>, Option<PortId>),
    faults: &mut Faults,
) -> Option<TenantId> {
    if let Some(id) = port {
        let port = faults.known("port_id", id, intent.ports.get(&id));
        return port.map(|it| it.tenant_id);
    }
    let id = tenant?;
    faults
        .known("tenant_id", id, intent.tenants.get(&id))
        .map(|it| it.id)
}

/// Another cap of the same that comes to the same: of the two, one would say nothing.
fn twin(intent: &Intent, cap: &Cap) -> Option<CapId> {
    let counts = |it: &Cap| (it.port_id, it.class, it.way, it.period, it.action.name());
    let mut others = intent.caps_of(cap.tenant_id);
    others.find(|id| {
        intent
            .caps
            .get(id)
            .is_some_and(|it| counts(it) == counts(cap))
    })
}

/// Changes one, or lifts it. What it says of being reached is decided again at the next look.
pub(super) fn update(
    intent: &Intent,
    id: CapId,
    (request, now): (CapUpdate, Timestamp),
) -> Outcome<Draft<Cap>> {
    let held = known(intent, id)?;
    let mut faults = Faults::default();
    let mut cap = held.clone();
    if let Some(rate) = request.rate {
        match held.action {
            CapAction::Throttle { .. } => cap.action = CapAction::Throttle { rate },
            CapAction::Suspend => {
                let message = "what is suspended has no rate; leave it out";
                faults.add("rate", FieldCode::Inconsistent, message);
            }
        }
    }
    cap.warn_at = request.warn_at.unwrap_or(cap.warn_at);
    cap.bytes = request.bytes.unwrap_or(cap.bytes);
    if (held.bytes, &held.warn_at) != (cap.bytes, &cap.warn_at) {
        set_anew(&mut cap);
    }
    if request.standing.is_some() {
        lift(&mut cap, now, &mut faults);
    }
    faults.check()?;
    let writes = match cap == *held {
        true => Vec::new(),
        false => put(cap.clone()).writes,
    };
    Ok(Draft {
        writes,
        answer: cap,
    })
}

/// What is another amount is warned of anew, and no operator has lifted it yet.
fn set_anew(cap: &mut Cap) {
    let passed = cap.passed(cap.state.noted_bytes);
    cap.state.warned_at = cap.state.warned_at.min(passed);
    if cap.state.standing == CapStanding::Lifted {
        cap.state.standing = CapStanding::Below;
    }
}

fn lift(cap: &mut Cap, now: Timestamp, faults: &mut Faults) {
    let state = state_in(cap, span(cap, now));
    if state.standing == CapStanding::Below {
        let message = "the cap is not reached in this period, so there is nothing to lift; \
                       raise `bytes` if it should not be";
        faults.add("standing", FieldCode::Inconsistent, message);
        return;
    }
    cap.state.standing = CapStanding::Lifted;
}

pub(super) fn delete(intent: &Intent, id: CapId) -> Outcome<Draft<Cap>> {
    let answer = known(intent, id)?.clone();
    Ok(Draft {
        writes: vec![Write::Delete(Key::Cap(id))],
        answer,
    })
}

/// The caps that go with a port that goes.
pub(super) fn of_ports_gone(before: &Intent, writes: &[Write]) -> Vec<Write> {
    let gone = writes.iter().filter_map(|write| match write {
        Write::Delete(Key::Port(id)) => Some(*id),
        _ => None,
    });
    let caps = gone.flat_map(|port| before.caps_of_port(port));
    caps.map(|id| Write::Delete(Key::Cap(id))).collect()
}

/// Decides of each of these caps again, with what was moved in its period, and writes what happened.
/// A cap that is gone, or that counts in another period by now, waits for the next look.
pub(super) fn look(intent: &Intent, used: &[Used], now: Timestamp) -> Draft<Vec<(Cap, News)>> {
    let (mut writes, mut answer) = (Vec::new(), Vec::new());
    for (id, period, used) in used {
        let Some(cap) = intent.caps.get(id).filter(|cap| span(cap, now) == *period) else {
            continue;
        };
        let verdict = decide(cap, *period, *used);
        if verdict.state == cap.state {
            continue;
        }
        let cap = Cap {
            state: verdict.state,
            ..Cap::clone(cap)
        };
        let news = verdict.news.into_iter();
        answer.extend(news.map(|news| (cap.clone(), news)));
        writes.extend(put(cap).writes);
    }
    Draft { writes, answer }
}

fn known(intent: &Intent, id: CapId) -> Outcome<&Cap> {
    let cap = intent.caps.get(&id).map(Arc::as_ref);
    cap.ok_or_else(|| Problem::not_found("cap", id))
}

fn put(cap: Cap) -> Draft<Cap> {
    Draft {
        writes: vec![Write::Put(Object::Cap(Arc::new(cap.clone())))],
        answer: cap,
    }
}
