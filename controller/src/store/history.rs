//! History on disk: one record per change, in the change's own transaction.

use std::collections::{BTreeMap, BTreeSet};

use api::request::HistoryQuery;
use model::{
    FieldChange, HistoryChange, HistoryKind, HistoryRecord, HistoryVerification, TenantId,
    Timestamp,
};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row, Transaction, params, params_from_iter};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::chain::{self, Expected, Hash, Sealed, hex};
use super::events::Reader;
use super::{StoreError, while_doing};
use crate::change::{Change, Step};
use crate::object::{Noun, Object, Write};

/// What a record says of one write.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    pub(super) noun: String,
    pub(super) id: Uuid,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
}

/// The entries of a record.
pub(super) fn entries(objects: &str) -> serde_json::Result<Vec<Entry<'_>>> {
    serde_json::from_str(objects)
}

impl Entry<'_> {
    /// The tenant that owns the object.
    pub(super) fn owner(&self) -> Option<Uuid> {
        #[derive(Deserialize)]
        struct Owned {
            tenant_id: Option<Uuid>,
        }
        if self.noun == Noun::Tenant.table() {
            return Some(self.id);
        }
        let object = self.after.or(self.before)?;
        let owned: Owned = serde_json::from_str(object.get()).ok()?;
        owned.tenant_id
    }

    /// What became otherwise; none if nothing did.
    fn change(&self) -> Option<HistoryChange> {
        let (before, after) = (fields(self.before), fields(self.after));
        let kind = match (self.before, self.after) {
            (None, Some(_)) => HistoryKind::Created,
            (Some(_), None) => HistoryKind::Deleted,
            (Some(_), Some(_)) => HistoryKind::Changed,
            (None, None) => return None,
        };
        let name = after.get("name").or(before.get("name"));
        let name = name.and_then(Value::as_str).map(str::to_owned);
        let fields = changed(before, after);
        (!fields.is_empty()).then(|| HistoryChange {
            noun: self.noun.clone(),
            object_id: self.id,
            name,
            tenant_id: self.owner().map(TenantId::from),
            kind,
            fields,
        })
    }
}

fn fields(object: Option<&RawValue>) -> Map<String, Value> {
    let fields = object.and_then(|object| serde_json::from_str(object.get()).ok());
    fields.unwrap_or_default()
}

fn changed(
    mut before: Map<String, Value>,
    mut after: Map<String, Value>,
) -> BTreeMap<String, FieldChange> {
    let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    let change = |name: String| {
        let not_null = |it: &Value| !it.is_null();
        let change = FieldChange {
            before: before.remove(&name).filter(not_null),
            after: after.remove(&name).filter(not_null),
        };
        (change.before != change.after).then_some((name, change))
    };
    names.into_iter().filter_map(change).collect()
}

/// An object as history keeps it: without what is nobody's to read.
fn told(object: &Object) -> Result<Box<RawValue>, StoreError> {
    let json = object.to_json()?;
    let Object::AccessToken(_) = object else {
        return Ok(RawValue::from_string(json)?);
    };
    let mut fields: Map<String, Value> = serde_json::from_str(&json)?;
    fields.remove("digest");
    Ok(serde_json::value::to_raw_value(&fields)?)
}

/// Writes the record of a change after the one with this hash; gives its own.
pub(super) fn write(
    transaction: &Transaction<'_>,
    change: &Change,
    before: &Hash,
) -> Result<Hash, StoreError> {
    let writing = while_doing("write history");
    let objects = objects(&change.steps)?;
    let (at, tenant) = (
        change.at.to_string(),
        change.held_to.map(|it| it.to_string()),
    );
    let (tenant, source) = (tenant.as_deref(), change.source.as_deref());
    let sealed = Sealed {
        revision: change.revision,
        texts: [
            Some(&at),
            Some(&change.actor),
            tenant,
            source,
            Some(&change.request_id),
            Some(change.verb),
            Some(&objects),
        ],
    };
    let hash = sealed.hash_after(before);
    transaction
        .prepare_cached(
            "INSERT INTO audit \
             (revision, at, actor, tenant_id, source, request_id, verb, objects, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .map_err(&writing)?
        .execute(params![
            change.revision,
            at,
            change.actor,
            tenant,
            source,
            change.request_id,
            change.verb,
            objects,
            hash,
        ])
        .map_err(&writing)?;
    change
        .steps
        .iter()
        .try_for_each(|step| write_touched(transaction, change.revision, step))
        .map_err(&writing)?;
    Ok(hash)
}

/// Lets a record be found by an object that it is about.
fn write_touched(
    transaction: &Transaction<'_>,
    revision: u64,
    step: &Step,
) -> rusqlite::Result<()> {
    let object = match &step.write {
        Write::Put(object) => Some(object),
        Write::Delete(_) => step.before.as_ref(),
    };
    let key = step.write.key();
    let owner = object.and_then(Object::tenant_id);
    transaction
        .prepare_cached("INSERT OR IGNORE INTO audit_object VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            revision,
            key.uuid().to_string(),
            key.noun().table(),
            owner.map(|it| it.to_string()),
        ])?;
    Ok(())
}

/// What the record says of a change's writes.
fn objects(steps: &[Step]) -> Result<String, StoreError> {
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let after = match &step.write {
            Write::Put(object) => Some(told(object)?),
            Write::Delete(_) => None,
        };
        let before = step.before.as_ref().map(told).transpose()?;
        kept.push((step.write.key(), before, after));
    }
    let entries: Vec<Entry<'_>> = kept
        .iter()
        .map(|(key, before, after)| Entry {
            noun: key.noun().table().to_owned(),
            id: key.uuid(),
            before: before.as_deref(),
            after: after.as_deref(),
        })
        .collect();
    Ok(serde_json::to_string(&entries)?)
}

impl Reader {
    /// The newest records that the query wants, newest first, and the cursor to more of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn history(
        &self,
        query: &HistoryQuery,
    ) -> Result<(Vec<HistoryRecord>, Option<u64>), StoreError> {
        records(&self.open()?, query)
    }

    /// Recomputes the whole history.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn history_verify(
        &self,
        expected: &Expected,
    ) -> Result<HistoryVerification, StoreError> {
        chain::verify(&mut self.open()?, expected)
    }
}

const SELECT: &str = "SELECT a.revision, a.at, a.actor, a.tenant_id, a.source, a.request_id, \
                      a.verb, a.objects, a.hash FROM ";

/// The records that a query wants, and where to go on.
pub(super) fn records(
    connection: &Connection,
    query: &HistoryQuery,
) -> Result<(Vec<HistoryRecord>, Option<u64>), StoreError> {
    let reading = while_doing("read history");
    let (sql, parameters) = select(query);
    let mut statement = connection.prepare(&sql).map_err(&reading)?;
    let parameters = params_from_iter(parameters);
    let mut rows = statement.query(parameters).map_err(&reading)?;
    let mut found: Vec<HistoryRecord> = Vec::new();
    while let Some(row) = rows.next().map_err(&reading)? {
        let at: String = row.get(1).map_err(&reading)?;
        let at = at.parse().unwrap_or(Timestamp::from_unix_seconds(0));
        // Times as text sort otherwise than as times.
        let wanted = query.from.is_none_or(|from| at >= from) && query.to.is_none_or(|to| at < to);
        if !wanted {
            continue;
        }
        if found.len() == query.limit as usize {
            let last = found.last().map(|last| last.revision);
            return Ok((found, last));
        }
        found.push(record(row, at)?);
    }
    Ok((found, None))
}

/// The statement for a query. What was touched is looked up by its index, newest first.
fn select(query: &HistoryQuery) -> (String, Vec<Sql>) {
    let text = |it: &dyn std::fmt::Display| Sql::Text(it.to_string());
    // Of the two indices, that of the object is the one to use.
    let of_tenant = match query.object_id {
        Some(_) => "+o.tenant_id = ",
        None => "o.tenant_id = ",
    };
    let of_objects = [
        ("o.object_id = ", query.object_id.map(|it| text(&it))),
        (of_tenant, query.tenant_id.map(|it| text(&it))),
        ("o.noun = ", query.noun.as_ref().map(|it| text(it))),
    ];
    let by_objects = of_objects.iter().any(|(_, value)| value.is_some());
    let cursor = query.cursor.and_then(|it| i64::try_from(it).ok());
    let of_records = [
        ("a.actor = ", query.actor.as_ref().map(|it| text(it))),
        ("a.tenant_id = ", query.by_tenant_id.map(|it| text(&it))),
        ("a.verb = ", query.verb.as_ref().map(|it| text(it))),
        (
            "a.request_id = ",
            query.request_id.as_ref().map(|it| text(it)),
        ),
        ("a.source = ", query.source.as_ref().map(|it| text(it))),
        match by_objects {
            true => ("o.revision < ", cursor.map(Sql::Integer)),
            false => ("a.revision < ", cursor.map(Sql::Integer)),
        },
    ];
    let mut sql = SELECT.to_owned();
    sql.push_str(match by_objects {
        true => "audit_object o CROSS JOIN audit a ON a.revision = o.revision",
        false => "audit a",
    });
    let mut parameters = Vec::new();
    for (condition, value) in of_objects.into_iter().chain(of_records) {
        let Some(value) = value else {
            continue;
        };
        parameters.push(value);
        let begins = if parameters.len() == 1 {
            "WHERE"
        } else {
            "AND"
        };
        sql.push_str(&format!(" {begins} {condition}?{}", parameters.len()));
    }
    sql.push_str(match by_objects {
        // A change may touch many objects of a tenant: it is one record all the same.
        true => " GROUP BY o.revision ORDER BY o.revision DESC",
        false => " ORDER BY a.revision DESC",
    });
    (sql, parameters)
}

fn record(row: &Row<'_>, at: Timestamp) -> Result<HistoryRecord, StoreError> {
    let reading = while_doing("read history");
    let objects = row.get_ref(7).map_err(&reading)?;
    let objects = objects.as_str().map_err(|it| reading(it.into()))?;
    let changes = entries(objects)?;
    let tenant: Option<String> = row.get(3).map_err(&reading)?;
    let hash: Vec<u8> = row.get(8).map_err(&reading)?;
    Ok(HistoryRecord {
        revision: row.get(0).map_err(&reading)?,
        at,
        actor: row.get(2).map_err(&reading)?,
        tenant_id: tenant.and_then(|it| it.parse().ok()),
        source: row.get(4).map_err(&reading)?,
        request_id: row.get(5).map_err(&reading)?,
        verb: row.get(6).map_err(&reading)?,
        changes: changes.iter().filter_map(Entry::change).collect(),
        hash: Some(hex(&hash)),
    })
}
