//! Rate plans and whose they are, in the ledger.

use api::problem::{Code, FieldCode, FieldError, Problem};
use api::request::Paging;
use model::billing::{Period, RatePlan, RatePlanAssignment, RatePlanId, RateTerms};
use model::{Name, TenantId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::ledger::{bytes, id};
use crate::seal;

const SELECT: &str = "SELECT id, name, created_at, terms FROM rate_plan";

/// Plans, by name: the page that is asked for.
pub(crate) fn page(connection: &Connection, page: Paging) -> rusqlite::Result<Vec<RatePlan>> {
    let sql = format!("{SELECT} ORDER BY name LIMIT ? OFFSET ?");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([page.limit, page.offset], plan)?;
    rows.collect()
}

fn plan(row: &Row<'_>) -> rusqlite::Result<RatePlan> {
    let (name, terms): (String, String) = (row.get(1)?, row.get(3)?);
    let broken = |column, error: Box<dyn std::error::Error + Send + Sync>| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, error)
    };
    Ok(RatePlan {
        id: id(row, 0)?,
        name: Name::try_from(name).map_err(|error| broken(1, error.into()))?,
        created_at: Timestamp::from_unix_seconds(row.get(2)?),
        terms: serde_json::from_str(&terms).map_err(|error| broken(3, error.into()))?,
    })
}

/// Makes a plan. The same again under the same name gives the one that there is.
pub(crate) fn create(
    connection: &Connection,
    name: &Name,
    terms: &RateTerms,
    now: Timestamp,
) -> rusqlite::Result<Result<RatePlan, Problem>> {
    let sql = format!("{SELECT} WHERE name = ?");
    let there = connection
        .query_row(&sql, [name.as_str()], plan)
        .optional()?;
    if let Some(there) = there {
        let same = there.terms == *terms;
        return Ok(same.then_some(there).ok_or_else(|| {
            let message = format!("there is another rate plan of the name {name}");
            Problem::invalid(vec![FieldError::new("name", FieldCode::Duplicate, message)])
        }));
    }
    let made = RatePlan {
        id: RatePlanId::generate(),
        name: name.clone(),
        terms: terms.clone(),
        created_at: Timestamp::from_unix_seconds(now.unix_seconds()),
    };
    let terms = serde_json::to_string(terms).unwrap_or_default();
    let values = params![bytes(made.id), name.as_str(), now.unix_seconds(), terms];
    connection.execute("INSERT INTO rate_plan VALUES (?, ?, ?, ?)", values)?;
    Ok(Ok(made))
}

/// Deletes a plan that no tenant has or had.
pub(crate) fn delete(
    connection: &Connection,
    plan: RatePlanId,
) -> rusqlite::Result<Result<(), Problem>> {
    let sql = "SELECT count(*) FROM rate_plan_assignment WHERE rate_plan = ?";
    let used: i64 = connection.query_row(sql, [bytes(plan)], |row| row.get(0))?;
    if used > 0 {
        let detail = format!("the rate plan is a tenant's, or was: {used} times");
        return Ok(Err(Problem::new(Code::InUse, detail)));
    }
    let gone = connection.execute("DELETE FROM rate_plan WHERE id = ?", [bytes(plan)])?;
    Ok(match gone {
        0 => Err(Problem::not_found("rate plan", plan)),
        _ => Ok(()),
    })
}

/// Makes a plan a tenant's from a period on, which must not be sealed.
pub(crate) fn assign(
    connection: &Connection,
    assignment: &RatePlanAssignment,
) -> rusqlite::Result<Result<(), Problem>> {
    let RatePlanAssignment {
        tenant_id,
        rate_plan_id,
        from,
    } = assignment;
    let sql = format!("{SELECT} WHERE id = ?");
    let found = connection
        .query_row(&sql, [bytes(*rate_plan_id)], plan)
        .optional()?;
    let Some(found) = found else {
        let message = format!("there is no rate plan {rate_plan_id}");
        let error = FieldError::new("rate_plan_id", FieldCode::UnknownReference, message);
        return Ok(Err(Problem::invalid(vec![error])));
    };
    let sealed = seal::sealed(connection, *tenant_id)?.until;
    let start = from.start_in(&found.terms.timezone).unix_seconds();
    // By how far zones may differ.
    if start + 24 * 3600 < sealed {
        let until = Timestamp::from_unix_seconds(sealed);
        let message = format!("{from} is sealed for this tenant, as all is until {until}");
        let error = FieldError::new("from", FieldCode::Inconsistent, message);
        return Ok(Err(Problem::invalid(vec![error])));
    }
    connection.execute(
        "INSERT OR REPLACE INTO rate_plan_assignment VALUES (?, ?, ?)",
        params![bytes(*tenant_id), from.to_string(), bytes(*rate_plan_id)],
    )?;
    Ok(Ok(()))
}

/// Whose plan is which from when on, by tenant and period: the page that is asked for.
pub(crate) fn assignments(
    connection: &Connection,
    page: Paging,
) -> rusqlite::Result<Vec<RatePlanAssignment>> {
    let sql = "SELECT tenant, rate_plan, starts FROM rate_plan_assignment
         ORDER BY tenant, starts LIMIT ? OFFSET ?";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([page.limit, page.offset], |row| {
        let starts: String = row.get(2)?;
        let broken = |error: model::Invalid| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(2, kind, error.into())
        };
        Ok(RatePlanAssignment {
            tenant_id: id(row, 0)?,
            rate_plan_id: id(row, 1)?,
            from: starts.parse().map_err(broken)?,
        })
    })?;
    rows.collect()
}

/// The plan of a tenant in a period.
pub(crate) fn of_tenant(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
) -> rusqlite::Result<Option<RatePlan>> {
    let sql = format!(
        "{SELECT} JOIN rate_plan_assignment ON rate_plan = id
         WHERE tenant = ? AND starts <= ? ORDER BY starts DESC LIMIT 1"
    );
    let values = params![bytes(tenant), period.to_string()];
    connection.query_row(&sql, values, plan).optional()
}
