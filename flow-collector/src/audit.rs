//! Who changed what a bill rests on.

use api::backend::Caller;
use model::Timestamp;
use rusqlite::{Connection, params};

/// Notes that somebody did something, in the transaction that does it.
pub(crate) fn note(connection: &Connection, caller: &Caller, done: &str) -> rusqlite::Result<()> {
    let now = Timestamp::now().unix_milliseconds();
    let mut statement = connection.prepare_cached("INSERT INTO audit VALUES (?, ?, ?, ?)")?;
    statement.execute(params![now, caller.actor, caller.request_id, done])?;
    Ok(())
}

/// Notes that something was done as it was told to be done by itself.
pub(crate) fn note_itself(connection: &Connection, done: &str) -> rusqlite::Result<()> {
    let nobody = Caller {
        actor: String::new(),
        held_to: None,
        request_id: String::new(),
        idempotency: None,
        precondition: None,
    };
    note(connection, &nobody, done)
}
