//! Caps.

use std::future::Future;

use model::billing::Way;
use model::{BitRate, Cap, CapAction, CapBytes, CapClass, CapPeriod, PortId, Share, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::problem::FieldCode;
use crate::request::{CapCreate, CapUpdate, Lifted};
use crate::resource::CapView;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::value::{FieldValue, number, word};

const CLASS: Kind = Kind::Word(&["all", "tenant-internal", "pool-internal", "public"]);
const WAY: Kind = Kind::Word(&["sent", "received", "both"]);
const PERIOD: Kind = Kind::Word(&["hour", "day", "month"]);
const THEN: Kind = Kind::Word(&["throttle", "suspend"]);
const STANDING: Kind = Kind::Word(&["below", "reached", "lifted"]);

impl Listed for CapView {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.cap.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.cap.tenant_id.uuid())),
        field("port_id", Kind::Id, |it| {
            Key::of(it.cap.port_id, |id| Key::Id(id.uuid()))
        }),
        field("class", CLASS, |it| Key::text(it.cap.class.name())),
        field("way", WAY, |it| Key::text(name_of(it.cap.way))),
        field("period", PERIOD, |it| Key::text(it.cap.period.name())),
        field("bytes", Kind::Number, |it| Key::Number(it.cap.bytes.get())),
        field("then", THEN, |it| Key::text(it.cap.action.name())),
        field("rate", Kind::Text, |it| {
            let rate = match it.cap.action {
                CapAction::Throttle { rate } => Some(rate),
                CapAction::Suspend => None,
            };
            Key::of(rate, |it| Key::Text(it.to_string().into()))
        }),
        field("standing", STANDING, |it| {
            Key::text(it.cap.state.standing.name())
        }),
        field("period_start", Kind::Time, |it| {
            Key::Time(it.cap.state.period_start)
        }),
        field("warned_at", Kind::Number, |it| {
            let share = it.cap.state.warned_at;
            Key::of(share, |it| Key::Number(it.percent().into()))
        }),
        field("noted_bytes", Kind::Number, |it| {
            Key::Number(it.cap.state.noted_bytes)
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.cap.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.caps()
    }
}

impl Shown for CapView {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.cap(id.into())
    }
}

impl Made for CapView {
    fn read(fields: &mut Fields) -> Option<CapCreate> {
        let (tenant_id, port_id) = (fields.optional("tenant_id"), fields.optional("port_id"));
        let class = fields.optional("class").unwrap_or_default();
        let way = fields.optional("way").unwrap_or(Way::Both);
        let period = fields.optional("period").unwrap_or_default();
        let bytes = fields.required("bytes");
        let warn_at = warn_at(fields);
        let action = action(fields);
        refuse_owner(fields, tenant_id, port_id);
        Some(CapCreate {
            tenant_id,
            port_id,
            class,
            way,
            period,
            bytes: bytes?,
            warn_at,
            action: action?,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: CapCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.cap_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.cap_delete(caller, id.into())
    }
}

impl Changed for CapView {
    fn read_update(fields: &mut Fields) -> CapUpdate {
        CapUpdate {
            bytes: fields.optional("bytes"),
            warn_at: warn_at(fields),
            rate: fields.optional("rate"),
            standing: fields.optional("standing"),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: CapUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.cap_update(caller, id.into(), request)
    }
}

/// A cap is of a tenant or of one port: of a port it is known whose that is.
fn refuse_owner(fields: &mut Fields, tenant_id: Option<TenantId>, port_id: Option<PortId>) {
    match (tenant_id, port_id) {
        (None, None) => {
            let message = "is missing; expected the id of a tenant, or `port_id`";
            fields.refuse("tenant_id", FieldCode::Required, message);
        }
        (Some(_), Some(port)) => {
            let message = format!("got {port} besides a tenant; expected one of the two");
            fields.refuse("port_id", FieldCode::Inconsistent, message);
        }
        _ => {}
    }
}

fn warn_at(fields: &mut Fields) -> Option<Vec<Share>> {
    let mut shares: Vec<Share> = fields.list("warn_at", Cap::WARNINGS_MAX)?;
    shares.sort_unstable();
    shares.dedup();
    Some(shares)
}

/// A rate goes with throttling, and with nothing else.
fn action(fields: &mut Fields) -> Option<CapAction> {
    let then = fields.required("then");
    // One that could not be read has its fault already.
    let given = fields.has("rate");
    let rate: Option<BitRate> = fields.optional("rate");
    match then? {
        Then::Throttle if !given => {
            let message = format!("is missing; expected {}", BitRate::EXPECTED);
            fields.refuse("rate", FieldCode::Required, message);
            None
        }
        Then::Throttle => Some(CapAction::Throttle { rate: rate? }),
        Then::Suspend => {
            if given {
                let message = "what is suspended has no rate; leave it out, or say then=throttle";
                fields.refuse("rate", FieldCode::Inconsistent, message);
            }
            Some(CapAction::Suspend)
        }
    }
}

#[derive(Clone, Copy)]
enum Then {
    Throttle,
    Suspend,
}

fn name_of(way: Way) -> &'static str {
    let found = Way::ALL.iter().find(|(it, _)| *it == way);
    found.map_or("", |(_, name)| name)
}

impl FieldValue for Then {
    const EXPECTED: &'static str = "one of \"throttle\", \"suspend\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let all = [(Self::Throttle, "throttle"), (Self::Suspend, "suspend")];
        word(value, &all)
    }
}

impl FieldValue for Lifted {
    const EXPECTED: &'static str = "\"lifted\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, &[(Self::Lifted, "lifted")])
    }
}

impl FieldValue for CapClass {
    const EXPECTED: &'static str =
        "one of \"all\", \"tenant-internal\", \"pool-internal\", \"public\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for CapPeriod {
    const EXPECTED: &'static str = "one of \"hour\", \"day\", \"month\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for Way {
    const EXPECTED: &'static str = "one of \"sent\", \"received\", \"both\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for CapBytes {
    const EXPECTED: &'static str = "a number of bytes from 1 to 1000000000000000000";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let bytes: u64 = number(value)?;
        bytes.try_into().map_err(|_| FieldCode::OutOfRange)
    }
}

impl FieldValue for Share {
    const EXPECTED: &'static str = "a whole number of percent from 1 to 100";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let percent: u8 = number(value)?;
        percent.try_into().map_err(|_| FieldCode::OutOfRange)
    }
}

#[cfg(test)]
mod tests;
