//! The same, of caps.

use api::backend::Outcome;
use api::request::{CapCreate, CapUpdate, Lifted};
use model::billing::Way;
use model::{CapAction, CapClass, CapId, CapPeriod, Timestamp};

use super::{Op, id};
use crate::caps::decide::span;
use crate::intent::Intent;
use crate::object::{Noun, Write};
use crate::service::cap;

/// When all of it happens.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_388_400);

pub(super) fn decide(intent: &Intent, op: &Op) -> Outcome<Vec<Write>> {
    match *op {
        Op::Cap { owner, sort, bytes } => {
            let action = match sort % 2 {
                0 => CapAction::Suspend,
                _ => CapAction::Throttle {
                    rate: "64k".parse().unwrap(),
                },
            };
            let request = CapCreate {
                tenant_id: (sort < 3).then(|| id(intent, Noun::Tenant, owner)),
                port_id: (sort >= 3).then(|| id(intent, Noun::Port, owner)),
                class: CapClass::ALL[usize::from(sort) % 4].0,
                way: Way::ALL[usize::from(bytes) % 3].0,
                period: CapPeriod::Day,
                bytes: (u64::from(bytes) + 1).try_into().unwrap(),
                warn_at: None,
                action,
            };
            cap::create(intent, request, (300, NOW)).map(|draft| draft.writes)
        }
        Op::CapLook { used, days } => {
            let now = Timestamp::from_unix_seconds(NOW.unix_seconds() + i64::from(days) * 86_400);
            let caps = intent.caps.values();
            let used: Vec<_> = caps
                .map(|cap| (cap.id, span(cap, now), used.into()))
                .collect();
            Ok(cap::look(intent, &used, now).writes)
        }
        Op::CapSet { cap, bytes } => {
            let cap: CapId = id(intent, Noun::Cap, cap);
            let request = CapUpdate {
                bytes: bytes.map(|it| (u64::from(it) + 1).try_into().unwrap()),
                standing: bytes.is_none().then_some(Lifted::Lifted),
                ..CapUpdate::default()
            };
            cap::update(intent, cap, (request, NOW)).map(|draft| draft.writes)
        }
        _ => Ok(Vec::new()),
    }
}
