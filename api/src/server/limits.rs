//! How what bounds a port is read from a request.

use model::{BitRate, Burst, Connections, Limits, PacketRate};
use serde_json::Value;

use super::fields::Fields;
use super::value::{FieldValue, number, parse};
use crate::problem::FieldCode;
use crate::request::LimitsUpdate;

/// Limits of something new.
pub(super) fn read(fields: &mut Fields) -> Limits {
    read_update(fields).of(Limits::default())
}

/// What changes of limits.
pub(super) fn read_update(fields: &mut Fields) -> LimitsUpdate {
    LimitsUpdate {
        rate_out: fields.removable("rate_out"),
        rate_in: fields.removable("rate_in"),
        packets_out: fields.removable("packets_out"),
        packets_in: fields.removable("packets_in"),
        floods_out: fields.removable("floods_out"),
        connections: fields.removable("connections"),
        burst_milliseconds: fields.removable("burst_milliseconds"),
    }
}

/// A text with a unit, or a plain number.
fn scaled<T: std::str::FromStr>(value: &Value) -> Result<T, FieldCode> {
    match value {
        Value::Number(number) => number.to_string().parse(),
        _ => return parse(value),
    }
    .map_err(|_| FieldCode::OutOfRange)
}

impl FieldValue for BitRate {
    const EXPECTED: &'static str =
        "bits per second from 64k to 4294967295k, such as \"100M\" or \"1G\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        scaled(value)
    }
}

impl FieldValue for PacketRate {
    const EXPECTED: &'static str = "packets per second from 1 to 4000M, such as \"500\" or \"10k\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        scaled(value)
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
