//! What tenants moved in a time, port by port and class by class, as caps count it: by the pipeline, the
//! figure that is billed.

use std::collections::BTreeSet;

use model::{BothWays, CapSpan, PortId, TenantId, TrafficClass};
use rusqlite::{Connection, params_from_iter};

use crate::ledger::{bytes, id};
use crate::report::{AMOUNTS, both_ways, sums};
use crate::rollup::{self, Cuts};

/// What one port moved of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose the port is, or was.
    pub tenant: TenantId,
    /// Who moved it.
    pub port: PortId,
    /// What it was.
    pub class: TrafficClass,
    /// How much.
    pub moved: BothWays,
}

/// All that these tenants moved in intervals that began in the span, adjustments included.
pub(crate) fn moved(
    connection: &Connection,
    span: CapSpan,
    tenants: &BTreeSet<TenantId>,
) -> rusqlite::Result<Vec<Moved>> {
    let sums_of = AMOUNTS.map(|amount| format!("sum({amount} >> 32), sum({amount} & 0xffffffff)"));
    let sql = format!(
        "{} SELECT tenant, port, meter, class, {} FROM part
         WHERE meter = 0 AND tenant IN (SELECT unhex(value) FROM json_each(?)) GROUP BY 1, 2, 3, 4",
        rollup::ALL,
        sums_of.join(", ")
    );
    let cuts = Cuts::of(span.from.unix_seconds(), span.to.unix_seconds(), i64::MAX);
    let tenants: Vec<String> = tenants.iter().map(|it| hex(bytes(*it))).collect();
    let tenants = format!("[{}]", tenants.join(","));
    let range = cuts.parameters().map(rusqlite::types::Value::from);
    let values = range.into_iter().chain([tenants.into()]);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut moved = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(class) = TrafficClass::from_code(row.get(3)?) else {
            continue;
        };
        moved.push(Moved {
            tenant: id(row, 0)?,
            port: id(row, 1)?,
            class,
            moved: both_ways(sums(row)?),
        });
    }
    Ok(moved)
}

/// As a text of JSON.
fn hex(id: [u8; 16]) -> String {
    format!("\"{:032x}\"", u128::from_be_bytes(id))
}

#[cfg(test)]
mod tests;
