//! The intent on disk: SQLite, and nothing but SQLite. Only this module knows that.
//!
//! The writer's thread owns the [`Store`]; reads are answered from memory and never come here.

pub(crate) mod chain;
pub(crate) mod events;
mod history;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{Event, HistoryMark, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::change::{Change, KeptAnswer, Step};
use crate::intent::Intent;
use crate::object::{Noun, Object, Write};

/// Every layout the store ever had, oldest first: each turns the one before it into itself.
const MIGRATIONS: &[&str] = &[
    include_str!("store/1.sql"),
    include_str!("store/2.sql"),
    include_str!("store/3.sql"),
    include_str!("store/4.sql"),
    include_str!("store/5.sql"),
    include_str!("store/6.sql"),
    include_str!("store/7.sql"),
    include_str!("store/8.sql"),
    include_str!("store/9.sql"),
    include_str!("store/10.sql"),
    include_str!("store/11.sql"),
    include_str!("store/12.sql"),
    include_str!("store/13.sql"),
];

/// Before this layout, records of history were not chained.
const CHAINED: usize = 13;

/// How long to wait for another program that holds the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite could not.
    #[error("could not {doing} in the store")]
    Sqlite {
        /// What we were doing.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// A row does not hold what this program writes.
    #[error("could not understand {noun:?} {id} in the store")]
    Body {
        /// The kind of object.
        noun: Noun,
        /// Its id, as it stands.
        id: String,
        /// What is wrong with its JSON.
        #[source]
        source: serde_json::Error,
    },
    /// An object could not be put into words.
    #[error("could not write an object as JSON")]
    Encode(#[from] serde_json::Error),
    /// After a change of the layout, an object refers to one that is not there. Nothing was changed.
    #[error("an object in the store refers to one that is not there; its layout was not changed")]
    Dangling,
    /// A newer program made the file.
    #[error("the store has layout {found}, this program knows up to {known}: use a newer program")]
    TooNew {
        /// The file's layout.
        found: usize,
        /// The newest layout known here.
        known: usize,
    },
}

/// The open store.
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// Which request an answer was kept for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// The change that made it.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who asked.
    pub actor: String,
    /// The client's name for it.
    pub key: String,
    /// SHA-256 of the request.
    pub fingerprint: [u8; 32],
}

/// Puts what was being done beside SQLite's reason.
fn while_doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Sqlite { doing, source }
}

impl Store {
    /// Opens the store, makes it if there is none, and brings its layout up to date.
    ///
    /// # Errors
    /// The file cannot be opened, is no store, or is a newer program's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path).map_err(while_doing("open the file"))?;
        configure(&connection).map_err(while_doing("set the journal mode"))?;
        migrate(&mut connection)?;
        let path = path.into();
        Ok(Self { connection, path })
    }

    /// What reads the same file beside this.
    pub(crate) fn reader(&self) -> events::Reader {
        events::Reader::of(&self.path)
    }

    /// The newest record of history and its hash; none before the first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn history_mark(&self) -> Result<Option<HistoryMark>, StoreError> {
        let revision = self.last_revision()?;
        let hash = chain::head(&self.connection)?;
        Ok((revision > 0).then(|| HistoryMark {
            revision,
            hash: chain::hex(&hash),
        }))
    }

    /// Reads everything back.
    ///
    /// # Errors
    /// The file cannot be read, or holds what this program did not write.
    pub fn load(&self) -> Result<Intent, StoreError> {
        let mut intent = Intent::default();
        intent.revision = self.last_revision()?;
        for (noun, table) in Noun::ALL {
            self.load_table(&mut intent, *noun, table)?;
        }
        intent.last_network_number = self.last_number("last_network_number")?;
        intent.last_security_group_number = self.last_number("last_security_group_number")?;
        Ok(intent)
    }

    fn last_number(&self, table: &str) -> Result<u32, StoreError> {
        let sql = format!("SELECT value FROM {table}");
        self.connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(while_doing("read the last number given"))
    }

    fn load_table(&self, intent: &mut Intent, noun: Noun, table: &str) -> Result<(), StoreError> {
        let reading = while_doing("read a table");
        let sql = format!("SELECT id, body FROM {table} ORDER BY id");
        let mut statement = self.connection.prepare(&sql).map_err(&reading)?;
        let mut rows = statement.query([]).map_err(&reading)?;
        while let Some(row) = rows.next().map_err(&reading)? {
            let id: String = row.get(0).map_err(&reading)?;
            let body = row
                .get_ref(1)
                .and_then(|body| Ok(body.as_str()?))
                .map_err(&reading)?;
            let object = Object::from_json(noun, body).map_err(|source| StoreError::Body {
                noun,
                id,
                source,
            })?;
            intent.put(&object);
        }
        Ok(())
    }

    /// The number of the newest durable change; 0 before the first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn last_revision(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT coalesce(max(revision), 0) FROM audit", [], |row| {
                row.get(0)
            })
            .map_err(while_doing("read the last revision"))
    }

    /// Makes all these changes durable, in one transaction: all of them or none.
    ///
    /// # Errors
    /// The file cannot be written, or a constraint is violated. Nothing was changed then.
    pub fn commit(&mut self, changes: &[&Change]) -> Result<(), StoreError> {
        self.commit_told(changes, &[])
    }

    /// The same, with the events that tell of them, and others.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn commit_told(
        &mut self,
        changes: &[&Change],
        events: &[Arc<Event>],
    ) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .transaction()
            .map_err(while_doing("begin"))?;
        let mut head = chain::head(&transaction)?;
        for change in changes {
            write_change(&transaction, change, &mut head)?;
        }
        events::write(&transaction, events)?;
        transaction.commit().map_err(while_doing("commit"))
    }

    /// Every request whose answer is kept, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kept_keys(&self) -> Result<Vec<KeptKey>, StoreError> {
        let reading = while_doing("read the idempotency keys");
        let sql = "SELECT revision, at, actor, key, fingerprint FROM idempotency ORDER BY revision";
        let mut statement = self.connection.prepare(sql).map_err(&reading)?;
        let rows = statement.query_map([], |row| {
            let at: String = row.get(1)?;
            Ok(KeptKey {
                revision: row.get(0)?,
                at: at.parse().unwrap_or(Timestamp::from_unix_seconds(0)),
                actor: row.get(2)?,
                key: row.get(3)?,
                fingerprint: row.get(4)?,
            })
        });
        rows.map_err(&reading)?
            .collect::<Result<_, _>>()
            .map_err(&reading)
    }

    /// What was answered to the change of this revision.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kept_answer(&self, revision: u64) -> Result<Option<String>, StoreError> {
        self.connection
            .query_row(
                "SELECT answer FROM idempotency WHERE revision = ?1",
                [revision],
                |row| row.get(0),
            )
            .optional()
            .map_err(while_doing("read a kept answer"))
    }
}

/// Durable at every commit; a reader such as a backup never waits for us, nor we for it.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A layout may be changed only while foreign keys are off (and within a transaction they cannot be
/// switched), so they are checked once at the end.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let switching = while_doing("switch foreign keys");
    let keys = |connection: &Connection, to| connection.pragma_update(None, "foreign_keys", to);
    keys(connection, "off").map_err(&switching)?;
    bring_up_to_date(connection)?;
    keys(connection, "on").map_err(&switching)
}

fn bring_up_to_date(connection: &mut Connection) -> Result<(), StoreError> {
    let migrating = while_doing("bring the layout up to date");
    // Who reads first and writes then is not let wait for another that writes.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&migrating)?;
    let found: usize = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(&migrating)?;
    let known = MIGRATIONS.len();
    let missing = MIGRATIONS
        .get(found..)
        .ok_or(StoreError::TooNew { found, known })?;
    for migration in missing {
        transaction.execute_batch(migration).map_err(&migrating)?;
    }
    if found < CHAINED {
        chain::begin(&transaction).map_err(&migrating)?;
    }
    if !missing.is_empty() && refers_to_nothing(&transaction).map_err(&migrating)? {
        return Err(StoreError::Dangling);
    }
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(&migrating)?;
    transaction.commit().map_err(&migrating)
}

fn refers_to_nothing(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    transaction.prepare("PRAGMA foreign_key_check")?.exists([])
}

fn write_change(
    transaction: &Transaction<'_>,
    change: &Change,
    head: &mut chain::Hash,
) -> Result<(), StoreError> {
    for step in &change.steps {
        write_step(transaction, step)?;
    }
    *head = history::write(transaction, change, head)?;
    if let Some(through) = change.forget_answers_through {
        transaction
            .prepare_cached("DELETE FROM idempotency WHERE revision <= ?1")
            .and_then(|mut delete| delete.execute([through]))
            .map_err(while_doing("forget old idempotency keys"))?;
    }
    match &change.idempotency {
        Some(kept) => keep_answer(transaction, change, kept),
        None => Ok(()),
    }
}

fn write_step(transaction: &Transaction<'_>, step: &Step) -> Result<(), StoreError> {
    let key = step.write.key();
    let table = key.noun().table();
    let id = key.uuid();
    let after = match &step.write {
        Write::Put(object) => Some(object.to_json()?),
        Write::Delete(_) => None,
    };
    let writing = while_doing("write an object");
    match &after {
        Some(body) => transaction
            .prepare_cached(&format!(
                "INSERT INTO {table} (id, body) VALUES (?1, ?2) \
                 ON CONFLICT (id) DO UPDATE SET body = excluded.body"
            ))
            .and_then(|mut put| put.execute(params![id.to_string(), body])),
        None => transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))
            .and_then(|mut delete| delete.execute([id.to_string()])),
    }
    .map_err(writing)?;
    Ok(())
}

fn keep_answer(
    transaction: &Transaction<'_>,
    change: &Change,
    kept: &KeptAnswer,
) -> Result<(), StoreError> {
    let writing = while_doing("keep an answer");
    transaction
        .prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .map_err(&writing)?
        .execute(params![
            change.revision,
            change.at.to_string(),
            change.actor,
            kept.key,
            kept.fingerprint,
            kept.answer,
        ])
        .map_err(&writing)?;
    Ok(())
}
