//! The chain of history: each record's hash covers the one before it, so that nobody changes, takes
//! out, puts in or exchanges what was written without its being seen.
//!
//! ```text
//!   hash(n) = SHA-256( "bulkhead history 1" | hash(n-1) | revision | each text, behind its length )
//!   hash(0) = 32 zero bytes
//! ```
//!
//! What a chain cannot show: that its newest records were cut off, or that all of it was written anew
//! by somebody who computes like this program. For the first there is what the controller has in
//! memory, for both a [`HistoryMark`] that is kept elsewhere.

use std::collections::BTreeSet;

use model::{HistoryFault, HistoryMark, HistoryVerification};
use ring::digest::{Context, SHA256};
use rusqlite::{Connection, OptionalExtension, Row, Statement, Transaction, params};
use uuid::Uuid;

use super::history::{self, Entry};
use super::{StoreError, while_doing};

/// The hash of a record.
pub(super) type Hash = [u8; 32];

/// What is hashed first, so that no hash of anything else can stand for one of these.
const LABEL: &[u8] = b"bulkhead history 1";

/// The columns that a record's hash covers, in the order of [`Sealed`].
const COLUMNS: &str = "revision, at, actor, tenant_id, source, request_id, verb, objects";

/// What of a record its hash covers: the texts as they stand in its row.
pub(super) struct Sealed<'a> {
    pub(super) revision: u64,
    /// `at`, `actor`, `tenant_id`, `source`, `request_id`, `verb`, `objects`.
    pub(super) texts: [Option<&'a str>; 7],
}

impl<'a> Sealed<'a> {
    fn of_row(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let mut texts = [None; 7];
        for (index, text) in texts.iter_mut().enumerate() {
            *text = row.get_ref(index + 1)?.as_str_or_null()?;
        }
        Ok(Self {
            revision: row.get(0)?,
            texts,
        })
    }

    /// Its hash, after the one with this hash.
    pub(super) fn hash_after(&self, before: &Hash) -> Hash {
        let mut context = Context::new(&SHA256);
        context.update(LABEL);
        context.update(before);
        context.update(&self.revision.to_be_bytes());
        for text in self.texts {
            // None is told from an empty text.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(text.unwrap_or_default().as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }
}

/// The hash that the next record goes on from.
pub(super) fn head(connection: &Connection) -> Result<Hash, StoreError> {
    let sql = "SELECT hash FROM audit ORDER BY revision DESC LIMIT 1";
    let head = connection
        .prepare_cached(sql)
        .and_then(|mut select| select.query_row([], |row| row.get(0)).optional())
        .map_err(while_doing("read the newest record of history"))?;
    Ok(head.unwrap_or_default())
}

/// Chains the records that were written before there was a chain.
pub(super) fn begin(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE revision > ?1 ORDER BY revision LIMIT 1");
    let mut next = transaction.prepare(&sql)?;
    let mut write = transaction.prepare("UPDATE audit SET hash = ?2 WHERE revision = ?1")?;
    let (mut revision, mut before) = (0, Hash::default());
    loop {
        let sealed = next.query_row([revision], |row| {
            let sealed = Sealed::of_row(row)?;
            Ok((sealed.revision, sealed.hash_after(&before)))
        });
        let Some((found, hash)) = sealed.optional()? else {
            return Ok(());
        };
        write.execute(params![found, hash])?;
        (revision, before) = (found, hash);
    }
}

/// What the chain is compared with.
pub(crate) struct Expected {
    /// The newest record that the controller knows it wrote.
    pub(crate) newest: u64,
    /// A record that somebody kept the hash of.
    pub(crate) mark: Option<HistoryMark>,
}

/// Recomputes the whole chain, as of one moment.
pub(super) fn verify(
    connection: &mut Connection,
    expected: &Expected,
) -> Result<HistoryVerification, StoreError> {
    let reading = while_doing("read history");
    let snapshot = connection.transaction().map_err(&reading)?;
    let sql = format!("SELECT {COLUMNS}, hash FROM audit ORDER BY revision");
    let mut statement = snapshot.prepare(&sql).map_err(&reading)?;
    let found = "SELECT object_id, tenant_id FROM audit_object WHERE revision = ?1";
    let mut check = Check {
        expected,
        found_by: snapshot.prepare(found).map_err(&reading)?,
        newest: None,
        records: 0,
    };
    let mut rows = statement.query([]).map_err(&reading)?;
    while let Some(row) = rows.next().map_err(&reading)? {
        if let Some(fault) = check.next(row).map_err(&reading)? {
            return Ok(check.ended(Some(fault)));
        }
    }
    let fault = check.at_the_end();
    Ok(check.ended(fault))
}

/// How far the recomputing is.
struct Check<'a, 's> {
    expected: &'a Expected,
    found_by: Statement<'s>,
    newest: Option<(u64, Hash)>,
    records: u64,
}

impl Check<'_, '_> {
    /// Looks at the next record; says what is wrong with it, if something is.
    fn next(&mut self, row: &Row<'_>) -> rusqlite::Result<Option<HistoryFault>> {
        let (last, before) = self.newest.unwrap_or_default();
        let revision: u64 = row.get(0)?;
        if revision != last + 1 {
            let message = format!("record {} is missing: the next one is {revision}", last + 1);
            return Ok(fault(last + 1, message));
        }
        let Ok(sealed) = Sealed::of_row(row) else {
            return Ok(fault(revision, format!("record {revision} is no record")));
        };
        let hash = sealed.hash_after(&before);
        if row.get_ref(8)?.as_blob().ok() != Some(&hash[..]) {
            let message = format!("record {revision} is not what was written there");
            return Ok(fault(revision, message));
        }
        let mark = self.expected.mark.as_ref();
        if mark.is_some_and(|mark| mark.revision == revision && mark.hash != hex(&hash)) {
            let message = format!(
                "record {revision} has another hash than the one that was kept: history was \
                 written anew"
            );
            return Ok(fault(revision, message));
        }
        if !self.is_found(&sealed)? {
            let message = format!("record {revision} cannot be found by what it touched");
            return Ok(fault(revision, message));
        }
        self.newest = Some((revision, hash));
        self.records += 1;
        Ok(None)
    }

    /// Whether the record is found by every object that it is about, and by no other.
    fn is_found(&mut self, sealed: &Sealed<'_>) -> rusqlite::Result<bool> {
        let Ok(entries) = history::entries(sealed.texts[6].unwrap_or_default()) else {
            return Ok(false);
        };
        let said: BTreeSet<(Uuid, Option<Uuid>)> = entries
            .iter()
            .map(|it: &Entry<'_>| (it.id, it.owner()))
            .collect();
        let rows = self.found_by.query_map([sealed.revision], |row| {
            let id: String = row.get(0)?;
            let tenant: Option<String> = row.get(1)?;
            let parse = |text: String| Uuid::try_parse(&text).unwrap_or_default();
            Ok((parse(id), tenant.map(parse)))
        })?;
        let found: BTreeSet<_> = rows.collect::<Result<_, _>>()?;
        Ok(said == found)
    }

    /// What is missing at the end, as far as somebody knows.
    fn at_the_end(&self) -> Option<HistoryFault> {
        let (last, _) = self.newest.unwrap_or_default();
        let marked = self.expected.mark.as_ref().map(|mark| mark.revision);
        let known = self.expected.newest.max(marked.unwrap_or(0));
        if last >= known {
            return None;
        }
        let message = format!(
            "record {} is missing: history ends before it, and went on to record {known}",
            last + 1
        );
        fault(last + 1, message)
    }

    fn ended(&self, fault: Option<HistoryFault>) -> HistoryVerification {
        HistoryVerification {
            records: self.records,
            newest: self.newest.map(|(revision, hash)| HistoryMark {
                revision,
                hash: hex(&hash),
            }),
            fault,
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it makes stands where there may be none"
)]
fn fault(revision: u64, message: String) -> Option<HistoryFault> {
    Some(HistoryFault { revision, message })
}

/// A hash as text.
pub(super) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
