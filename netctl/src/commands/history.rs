//! `history` and `history-verify`: who changed what, and that nobody rewrote it since.

use api::client::Client;
use api::request::HistoryQuery;
use api::sheet::harmless;
use clap::Args;
use model::{
    FieldChange, HistoryChange, HistoryKind, HistoryMark, HistoryRecord, Tenant, Timestamp,
};
use serde_json::Value;
use uuid::Uuid;

use super::usage::{Seconds, parse_duration, parse_time};
use super::{Done, Outcome, id_of};
use crate::exit::Exit;
use crate::names::Names;
use crate::print::{Column, Listing, Output, column, json};
use crate::resolve::Scope;

/// The most characters of a value that are shown in a table.
const SHOWN_CHARS: usize = 60;

/// Which changes to list, newest first.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of the object with this id, which may be gone
    #[arg(long)]
    object: Option<Uuid>,
    /// Only those of objects of this kind, such as port or security_group
    #[arg(long)]
    noun: Option<String>,
    /// Only those of objects of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only those by this actor, as the list names them
    #[arg(long)]
    actor: Option<String>,
    /// Only those from this address, or from uid:0 for root on the controller's machine
    #[arg(long)]
    source: Option<String>,
    /// Only those of this request
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only those by which this was asked for, such as port_create
    #[arg(long)]
    verb: Option<String>,
    /// Only those from this time on: 2026-11-22, or 2026-11-22T12:30:00Z
    #[arg(long, value_parser = parse_time, conflicts_with = "last")]
    from: Option<Timestamp>,
    /// Only those before this time
    #[arg(long, value_parser = parse_time)]
    to: Option<Timestamp>,
    /// Only those of the last so long: 15m, 1h, 7d
    #[arg(long, value_parser = parse_duration)]
    last: Option<Seconds>,
    /// Show at most so many: the newest
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// What to compare history with.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A mark that was printed before and kept elsewhere: history up to it must still be the same
    #[arg(long)]
    mark: Option<HistoryMark>,
}

const COLUMNS: &[Column<HistoryRecord>] = &[
    column("revision", |it, _| it.revision.to_string().into()),
    column("at", |it, _| it.at.to_string().into()),
    column("actor", |it, _| it.actor.as_str().into()),
    column("source", |it, _| {
        it.source.clone().unwrap_or_default().into()
    }),
    column("verb", |it, _| it.verb.as_str().into()),
    column("changes", |it, names| changes(it, names).into()),
    column("request", |it, _| it.request_id.as_str().into()),
];

impl List {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let tenant = id_of::<Tenant>(client, self.tenant.as_deref(), Scope::Pool).await?;
        let query = HistoryQuery {
            object_id: self.object,
            noun: self.noun.clone(),
            tenant_id: tenant.map(Into::into),
            actor: self.actor.clone(),
            source: self.source.clone(),
            request_id: self.request.clone(),
            verb: self.verb.clone(),
            from: self.from.or(self.last.map(Seconds::before_now)),
            to: self.to,
            ..HistoryQuery::default()
        };
        let records = client.history(&query, self.limit).await?;
        let names = Names::default().with::<Tenant>(client).await?;
        let id = |record: &HistoryRecord| record.revision.to_string();
        let listing = Listing::with_ids(&records, COLUMNS, &names, id);
        Ok(Output::List(listing).into())
    }
}

impl Verify {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let verification = client.history_verify(self.mark.as_ref()).await?;
        let (text, exit) = match (&verification.fault, &verification.newest) {
            (Some(fault), _) => (format!("does not fit: {}", fault.message), Exit::NotSo),
            (None, None) => ("there is no history".to_owned(), Exit::Done),
            (None, Some(mark)) => {
                let count = verification.records;
                (format!("{count} records fit; mark {mark}"), Exit::Done)
            }
        };
        let mark = verification.newest.as_ref();
        let output = Output::Said {
            id: mark.map(ToString::to_string).unwrap_or_default(),
            json: json(&verification),
            text,
        };
        Ok(Done { output, exit })
    }
}

/// What became otherwise, object by object, in one line.
fn changes(record: &HistoryRecord, names: &Names) -> String {
    let changes = record.changes.iter().map(|it| change(it, names));
    changes.collect::<Vec<_>>().join("; ")
}

fn change(change: &HistoryChange, names: &Names) -> String {
    let name = change.name.clone();
    let name = name.unwrap_or_else(|| change.object_id.to_string());
    let noun = change.noun.replace('_', " ");
    let owner = names.of_some(change.tenant_id.map(model::Id::uuid));
    let owner = match owner.is_empty() || change.noun == "tenant" {
        true => String::new(),
        false => format!(" of {owner}"),
    };
    let became = match change.kind {
        HistoryKind::Created => " created".to_owned(),
        HistoryKind::Deleted => " deleted".to_owned(),
        HistoryKind::Changed => {
            let fields = change.fields.iter();
            let fields: Vec<String> = fields.map(|(name, it)| field(name, it)).collect();
            format!(": {}", fields.join(", "))
        }
    };
    harmless(&format!("{noun} {name}{owner}{became}"))
}

fn field(name: &str, change: &FieldChange) -> String {
    let (before, after) = (shown(change.before.as_ref()), shown(change.after.as_ref()));
    format!("{name} {before} -> {after}")
}

/// A value for people: cut short, `-` for none.
fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
