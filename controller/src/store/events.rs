//! The events on disk: the newest of them, and for longer those that are no routine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Event;
use rusqlite::{Connection, OpenFlags, Row, Transaction, params};

use super::{BUSY_TIMEOUT, Store, StoreError, while_doing};

/// How many of the newest events are kept, and how many of those that are no routine.
pub(crate) const KEPT: u64 = 100_000;
pub(crate) const KEPT_TOLD: usize = 1_000;

/// Old events are looked for whenever this many numbers were given.
const PRUNED_EVERY: u64 = 1_000;

impl Store {
    /// The highest number that an event has; 0 before the first.
    pub(crate) fn last_event(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT coalesce(max(id), 0) FROM event", [], |row| {
                row.get(0)
            })
            .map_err(while_doing("read the last event"))
    }

    /// The newest events that operators are told, oldest first.
    pub(crate) fn told_events(&self) -> Result<Vec<Arc<Event>>, StoreError> {
        let sql = "SELECT body FROM event WHERE routine = 0 ORDER BY id DESC LIMIT ?1";
        let mut told = events(&self.connection, sql, [KEPT_TOLD as u64])?;
        told.reverse();
        Ok(told)
    }
}

/// Writes events beside the changes that they may tell of.
pub(super) fn write(
    transaction: &Transaction<'_>,
    events: &[Arc<Event>],
) -> Result<(), StoreError> {
    let writing = while_doing("write an event");
    for event in events {
        let body = serde_json::to_string(event)?;
        transaction
            .prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![event.id, event.kind.is_routine(), body]))
            .map_err(&writing)?;
    }
    let ends = |event: &Arc<Event>| event.id.is_multiple_of(PRUNED_EVERY);
    match events.iter().rfind(|event| ends(event)) {
        Some(event) => prune(transaction, event.id).map_err(while_doing("forget old events")),
        None => Ok(()),
    }
}

fn prune(transaction: &Transaction<'_>, newest: u64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM event WHERE id <= ?1 AND (routine = 1 OR id < coalesce(( \
               SELECT id FROM event WHERE routine = 0 ORDER BY id DESC LIMIT 1 OFFSET ?2), 0))";
    let mut delete = transaction.prepare_cached(sql)?;
    delete.execute(params![forgotten_through(newest), KEPT_TOLD as u64 - 1])?;
    Ok(())
}

/// Through which number events may be gone, when this is the newest.
pub(crate) const fn forgotten_through(newest: u64) -> u64 {
    newest.saturating_sub(KEPT)
}

/// Reads the store beside the writer's thread, which never waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    path: PathBuf,
}

impl Reader {
    /// A reader of the store in this file.
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// The oldest events after this one, at most `limit`, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn events_after(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let sql = "SELECT body FROM event WHERE id > ?1 ORDER BY id LIMIT ?2";
        events(&self.open()?, sql, params![after, limit as u64])
    }

    pub(super) fn open(&self) -> Result<Connection, StoreError> {
        let opening = while_doing("open the file to read");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(&opening)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(&opening)?;
        Ok(connection)
    }
}

fn events(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Arc<Event>>, StoreError> {
    let reading = while_doing("read events");
    let mut statement = connection.prepare(sql).map_err(&reading)?;
    let event = |row: &Row<'_>| -> rusqlite::Result<String> { row.get(0) };
    let bodies = statement.query_map(parameters, event).map_err(&reading)?;
    let mut events = Vec::new();
    for body in bodies {
        let body = body.map_err(&reading)?;
        events.push(Arc::new(serde_json::from_str(&body)?));
    }
    Ok(events)
}
