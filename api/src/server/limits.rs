//! How what bounds a port is read from a request.

use model::{Burst, Connections, Limits};
use serde_json::Value;

use super::fields::Fields;
use super::value::{FieldValue, number};
use crate::problem::FieldCode;
use crate::request::LimitsUpdate;

/// Limits of something new.
pub(super) fn read(fields: &mut Fields) -> Limits {
    read_update(fields).of(Limits::default())
}

/// What changes of limits.
pub(super) fn read_update(fields: &mut Fields) -> LimitsUpdate {
    LimitsUpdate {
        rate_out: fields.setting("rate_out"),
        rate_in: fields.setting("rate_in"),
        packets_out: fields.setting("packets_out"),
        packets_in: fields.setting("packets_in"),
        floods_out: fields.setting("floods_out"),
        connections: fields.setting("connections"),
        burst_milliseconds: fields.setting("burst_milliseconds"),
    }
}

impl FieldValue for Connections {
    const EXPECTED: &'static str = "a number of connections from 1 to 3000000";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let count: u32 = number(value)?;
        count.try_into().map_err(|_| FieldCode::OutOfRange)
    }
}

impl FieldValue for Burst {
    const EXPECTED: &'static str = "a number of milliseconds from 10 to 10000";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let milliseconds: u32 = number(value)?;
        milliseconds.try_into().map_err(|_| FieldCode::OutOfRange)
    }
}
