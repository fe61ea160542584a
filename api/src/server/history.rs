//! History: who changed what; to a tenant, what of it is the tenant's.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use model::{AccessRole, HistoryChange, HistoryKind, HistoryMark, HistoryRecord, TenantId};

use super::billing::number;
use super::boundary::is_providers_field;
use super::fields::Fields;
use super::list::Text;
use super::respond::json;
use crate::access::Identity;
use crate::backend::{Backend, HistoryPart, Outcome};
use crate::request::HistoryQuery;
use crate::resource::Page;

#[cfg(test)]
mod tests;

/// Who asked, to a tenant, when it was not the tenant's own.
const PROVIDER: &str = "provider";

/// How often more is read when all of a part was the provider's: more is for the next page.
const PARTS_MAX: usize = 20;

pub(super) async fn list<B: Backend>(
    State(backend): State<Arc<B>>,
    Extension(identity): Extension<Identity>,
    uri: Uri,
) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let query = read(&mut fields);
    let mut query = fields.finish(Some(query))?;
    let part = match identity.tenant_id {
        None => backend.history(query).await?,
        Some(tenant) if hold(&mut query, tenant) => {
            let tell = |record| told(record, tenant, identity.role);
            part(&*backend, query, tell).await?
        }
        Some(_) => HistoryPart {
            records: Vec::new(),
            next_cursor: None,
        },
    };
    let page = Page {
        items: part.records,
        next_cursor: part.next_cursor.map(|it| it.to_string()),
    };
    Ok(json(StatusCode::OK, &page))
}

pub(super) async fn verification<B: Backend>(
    State(backend): State<Arc<B>>,
    uri: Uri,
) -> Outcome<Response> {
    let mut fields = Fields::of_query(&uri)?;
    let mark: Option<HistoryMark> = fields.optional("mark");
    let mark = fields.finish(Some(mark))?;
    Ok(json(StatusCode::OK, &backend.history_verify(mark).await?))
}

fn read(fields: &mut Fields) -> HistoryQuery {
    let most = HistoryQuery::MAX_LIMIT;
    let object_id: Option<model::Id<()>> = fields.optional("object_id");
    let cursor = fields.optional("cursor").and_then(|Text(text)| {
        let cursor = text.parse().ok();
        if cursor.is_none() {
            fields.refuse_value("cursor", &text, "the next_cursor of the page before");
        }
        cursor
    });
    let text = |fields: &mut Fields, name| fields.optional(name).map(|Text(text)| text);
    HistoryQuery {
        object_id: object_id.map(model::Id::uuid),
        noun: text(fields, "noun"),
        tenant_id: fields.optional("tenant_id"),
        actor: text(fields, "actor"),
        by_tenant_id: fields.optional("by_tenant_id"),
        source: text(fields, "source"),
        request_id: text(fields, "request_id"),
        verb: text(fields, "verb"),
        from: fields.optional("from"),
        to: fields.optional("to"),
        limit: number(fields, "limit", 1..=most, HistoryQuery::DEFAULT_LIMIT),
        cursor,
    }
}

/// Holds a query to what is a tenant's; gives whether anything can fit it then.
fn hold(query: &mut HistoryQuery, tenant: TenantId) -> bool {
    let mut named = [query.tenant_id, query.by_tenant_id].into_iter().flatten();
    if named.any(|it| it != tenant) {
        return false;
    }
    query.tenant_id = Some(tenant);
    // Who of the provider it was, and from where, is found out by no filter.
    if query.actor.is_some() || query.source.is_some() || query.request_id.is_some() {
        query.by_tenant_id = Some(tenant);
    }
    true
}

/// The records of a page that are told, from as many parts as it takes.
async fn part(
    backend: &impl Backend,
    mut query: HistoryQuery,
    tell: impl Fn(HistoryRecord) -> Option<HistoryRecord>,
) -> Outcome<HistoryPart> {
    let limit = query.limit as usize;
    let mut records = Vec::new();
    for _ in 0..PARTS_MAX {
        let part = backend.history(query.clone()).await?;
        for record in part.records {
            query.cursor = Some(record.revision);
            records.extend(tell(record));
            if records.len() == limit {
                let next_cursor = query.cursor;
                return Ok(HistoryPart {
                    records,
                    next_cursor,
                });
            }
        }
        if part.next_cursor.is_none() {
            return Ok(HistoryPart {
                records,
                next_cursor: None,
            });
        }
    }
    let next_cursor = query.cursor;
    Ok(HistoryPart {
        records,
        next_cursor,
    })
}

/// What a tenant is told of a record, if anything: its own objects, without where they are and who of
/// the provider it was.
fn told(record: HistoryRecord, tenant: TenantId, role: AccessRole) -> Option<HistoryRecord> {
    let changes = record.changes.into_iter();
    let changes: Vec<HistoryChange> = changes
        .filter(|it| it.tenant_id == Some(tenant) && may_see(role, &it.noun))
        .filter_map(told_change)
        .collect();
    if changes.is_empty() {
        return None;
    }
    let own = record.tenant_id == Some(tenant);
    Some(HistoryRecord {
        actor: if own { record.actor } else { PROVIDER.into() },
        source: record.source.filter(|_| own),
        request_id: if own {
            record.request_id
        } else {
            String::new()
        },
        tenant_id: record.tenant_id.filter(|_| own),
        changes,
        hash: None,
        ..record
    })
}

/// Tokens are listed to whoever makes them, and to who audits.
fn may_see(role: AccessRole, noun: &str) -> bool {
    noun != "access_token" || role != AccessRole::TenantMember
}

fn told_change(mut change: HistoryChange) -> Option<HistoryChange> {
    change.fields.retain(|name, _| !is_providers_field(name));
    let is_told = change.kind != HistoryKind::Changed || !change.fields.is_empty();
    is_told.then_some(change)
}
