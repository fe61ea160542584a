//! The form of the ledger's file.

use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::LedgerError;

/// Each brings the file from one form to the next. Never change one that was released: add one.
const STEPS: &[&str] = &[
    "
    -- What a port moved on a host in an interval, by one source. Ids are the 16 bytes of a UUID.
    CREATE TABLE usage (
        interval_start   INTEGER NOT NULL, -- seconds since 1970
        host             BLOB    NOT NULL,
        port             BLOB    NOT NULL,
        source           INTEGER NOT NULL, -- 1: interface counters; 2: flow samples
        network          BLOB    NOT NULL,
        tenant           BLOB    NOT NULL,
        sent_bytes       INTEGER NOT NULL,
        sent_packets     INTEGER NOT NULL,
        received_bytes   INTEGER NOT NULL,
        received_packets INTEGER NOT NULL,
        samples          INTEGER NOT NULL,
        PRIMARY KEY (interval_start, host, port, source)
    ) STRICT, WITHOUT ROWID;

    -- The newest counters of each interface that are in `usage` already.
    CREATE TABLE reading (
        host             BLOB    NOT NULL,
        if_index         INTEGER NOT NULL,
        port             BLOB    NOT NULL,
        arrived          INTEGER NOT NULL, -- milliseconds since 1970
        uptime           INTEGER NOT NULL, -- milliseconds
        sequence         INTEGER NOT NULL,
        sent_bytes       INTEGER NOT NULL, -- the 64 bits of the counter
        sent_packets     INTEGER NOT NULL,
        received_bytes   INTEGER NOT NULL, -- the 64 bits of the counter
        received_packets INTEGER NOT NULL,
        PRIMARY KEY (host, if_index)
    ) STRICT, WITHOUT ROWID;

    -- One row: since when this ledger is kept.
    CREATE TABLE begun (
        at INTEGER NOT NULL -- milliseconds since 1970
    ) STRICT;
",
    "
    -- What a port moved of one class in an interval on a host, by the pipeline: what is billed.
    -- The totals are the host's meter at its last reading of the interval; a meter begins at zero
    -- with its epoch.
    CREATE TABLE account (
        tenant                 BLOB    NOT NULL,
        interval_start         INTEGER NOT NULL, -- seconds since 1970
        host                   BLOB    NOT NULL,
        port                   BLOB    NOT NULL,
        class                  INTEGER NOT NULL, -- 1: tenant-internal; 2: pool-internal; 3: public
        epoch                  BLOB    NOT NULL,
        interval_seconds       INTEGER NOT NULL,
        network                BLOB    NOT NULL,
        sent_bytes             INTEGER NOT NULL,
        sent_packets           INTEGER NOT NULL,
        received_bytes         INTEGER NOT NULL,
        received_packets       INTEGER NOT NULL,
        sent_bytes_total       INTEGER NOT NULL,
        sent_packets_total     INTEGER NOT NULL,
        received_bytes_total   INTEGER NOT NULL,
        received_packets_total INTEGER NOT NULL,
        read_at                INTEGER NOT NULL, -- milliseconds since 1970, by the host
        unread_seconds         INTEGER NOT NULL, -- at the end of which counters were lost unread
        PRIMARY KEY (tenant, interval_start, host, port, class, epoch)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX account_by_time ON account (interval_start);

    -- Which port was on which host: of these alone a host may report. Without an end it still is.
    CREATE TABLE assignment (
        host    BLOB    NOT NULL,
        port    BLOB    NOT NULL,
        network BLOB    NOT NULL,
        tenant  BLOB    NOT NULL,
        since   INTEGER NOT NULL, -- milliseconds since 1970
        until   INTEGER,          -- milliseconds since 1970
        PRIMARY KEY (host, port)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- SHA-256 over the chain before and all that the record says; none before it is sealed.
    ALTER TABLE account ADD COLUMN booked INTEGER NOT NULL DEFAULT 0; -- of use in `adjustment` only
    ALTER TABLE account ADD COLUMN chain BLOB;

    -- What came for an interval that was sealed already: what it says more, or less, than the records
    -- before it. It is billed in the period that begins at `booked`.
    CREATE TABLE adjustment (
        tenant                 BLOB    NOT NULL,
        interval_start         INTEGER NOT NULL,
        host                   BLOB    NOT NULL,
        port                   BLOB    NOT NULL,
        class                  INTEGER NOT NULL,
        epoch                  BLOB    NOT NULL,
        interval_seconds       INTEGER NOT NULL,
        network                BLOB    NOT NULL,
        sent_bytes             INTEGER NOT NULL,
        sent_packets           INTEGER NOT NULL,
        received_bytes         INTEGER NOT NULL,
        received_packets       INTEGER NOT NULL,
        sent_bytes_total       INTEGER NOT NULL,
        sent_packets_total     INTEGER NOT NULL,
        received_bytes_total   INTEGER NOT NULL,
        received_packets_total INTEGER NOT NULL,
        read_at                INTEGER NOT NULL,
        unread_seconds         INTEGER NOT NULL,
        booked                 INTEGER NOT NULL, -- seconds since 1970
        chain                  BLOB,
        PRIMARY KEY (tenant, interval_start, host, port, class, epoch, booked)
    ) STRICT, WITHOUT ROWID;

    -- Periods whose records do not change any more.
    CREATE TABLE seal (
        tenant    BLOB    NOT NULL,
        number    INTEGER NOT NULL, -- from 1 on
        period    TEXT    NOT NULL, -- a month: 2026-11
        starts    INTEGER NOT NULL, -- seconds since 1970
        ends      INTEGER NOT NULL, -- seconds since 1970, excluded
        sealed_at INTEGER NOT NULL, -- seconds since 1970
        records   INTEGER NOT NULL,
        hash      BLOB    NOT NULL, -- the chain of the last record
        PRIMARY KEY (tenant, number),
        UNIQUE (tenant, period)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE rate_plan (
        id         BLOB    NOT NULL PRIMARY KEY,
        name       TEXT    NOT NULL UNIQUE,
        created_at INTEGER NOT NULL, -- seconds since 1970
        terms      TEXT    NOT NULL  -- JSON
    ) STRICT, WITHOUT ROWID;

    -- From a period on a plan is a tenant's, until the next one is.
    CREATE TABLE rate_plan_assignment (
        tenant    BLOB NOT NULL,
        starts    TEXT NOT NULL, -- a month: 2026-11
        rate_plan BLOB NOT NULL REFERENCES rate_plan,
        PRIMARY KEY (tenant, starts)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- What a port moved in an hour or a day of UTC: sums of `account` and `usage`.
    CREATE TABLE rollup (
        seconds          INTEGER NOT NULL, -- 3600: an hour; 86400: a day
        starts           INTEGER NOT NULL, -- seconds since 1970
        tenant           BLOB    NOT NULL,
        port             BLOB    NOT NULL,
        network          BLOB    NOT NULL,
        meter            INTEGER NOT NULL, -- 0: the pipeline, of `account`; else the source of `usage`
        class            INTEGER NOT NULL, -- of `account`; 0 for the other meters, which know none
        sent_bytes       INTEGER NOT NULL,
        sent_packets     INTEGER NOT NULL,
        received_bytes   INTEGER NOT NULL,
        received_packets INTEGER NOT NULL,
        samples          INTEGER NOT NULL,
        PRIMARY KEY (seconds, starts, tenant, port, network, meter, class)
    ) STRICT, WITHOUT ROWID;

    -- Hours of tenants that were written to since they were rolled up: of these `rollup` does not hold.
    CREATE TABLE stale (
        starts INTEGER NOT NULL, -- seconds since 1970
        tenant BLOB    NOT NULL,
        PRIMARY KEY (starts, tenant)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER account_is_written AFTER INSERT ON account BEGIN
        INSERT OR IGNORE INTO stale
        VALUES (NEW.interval_start - NEW.interval_start % 3600, NEW.tenant);
    END;
    CREATE TRIGGER usage_is_written AFTER INSERT ON usage BEGIN
        INSERT OR IGNORE INTO stale
        VALUES (NEW.interval_start - NEW.interval_start % 3600, NEW.tenant);
    END;
    INSERT OR IGNORE INTO stale SELECT interval_start - interval_start % 3600, tenant FROM account;
    INSERT OR IGNORE INTO stale SELECT interval_start - interval_start % 3600, tenant FROM usage;

    -- What came of a host's sFlow in an interval, and what did not.
    CREATE TABLE heard (
        interval_start  INTEGER NOT NULL, -- seconds since 1970
        host            BLOB    NOT NULL,
        datagrams       INTEGER NOT NULL, -- taken
        missing         INTEGER NOT NULL, -- datagrams that never came
        refused         INTEGER NOT NULL, -- datagrams that came twice, far too late or did not fit
        samples         INTEGER NOT NULL, -- flow samples taken
        samples_missing INTEGER NOT NULL, -- flow samples that never came: made up for in `usage`
        sample_drops    INTEGER NOT NULL, -- samples that the switch says it dropped
        rate_least      INTEGER NOT NULL, -- one frame in so many was sampled
        rate_most       INTEGER NOT NULL,
        clock_steps     INTEGER NOT NULL, -- how often a clock was set, the host's or ours
        PRIMARY KEY (interval_start, host)
    ) STRICT, WITHOUT ROWID;

    -- Where the meters disagree by more than sampling explains.
    CREATE TABLE finding (
        interval_start   INTEGER NOT NULL, -- seconds since 1970
        interval_seconds INTEGER NOT NULL,
        host             BLOB    NOT NULL,
        port             BLOB    NOT NULL, -- empty: the whole host
        cause            TEXT    NOT NULL,
        message          TEXT    NOT NULL,
        PRIMARY KEY (interval_start, host, port, cause)
    ) STRICT, WITHOUT ROWID;

    -- Who changed what a bill rests on: seals and rate plans. Written with the change, or not at all.
    CREATE TABLE audit (
        at      INTEGER NOT NULL, -- milliseconds since 1970
        actor   TEXT    NOT NULL, -- the name of the token; empty: sealed by itself
        request TEXT    NOT NULL, -- the id of the request, as in the log
        action  TEXT    NOT NULL
    ) STRICT;

    -- Of a sealed period whose records are not kept any more: the bill as it was, as JSON.
    ALTER TABLE seal ADD COLUMN bill TEXT;
",
    "
    -- What `usage` of source 1 is the difference of: the counters of a port's interface from one
    -- reading to another, each as a datagram of sFlow told it.
    CREATE TABLE counter_run (
        interval_start        INTEGER NOT NULL, -- seconds since 1970
        host                  BLOB    NOT NULL,
        port                  BLOB    NOT NULL,
        number                INTEGER NOT NULL, -- from 0: a new run where counters began anew
        if_index              INTEGER NOT NULL,
        readings              INTEGER NOT NULL, -- in the interval
        from_arrived          INTEGER NOT NULL, -- milliseconds since 1970: of the datagram
        from_uptime           INTEGER NOT NULL, -- milliseconds: its sender's
        from_sequence         INTEGER NOT NULL, -- the datagram's sequence number
        from_sent_bytes       INTEGER NOT NULL, -- the 64 bits of the counter
        from_sent_packets     INTEGER NOT NULL, -- the 32 bits of the counter
        from_received_bytes   INTEGER NOT NULL,
        from_received_packets INTEGER NOT NULL,
        to_arrived            INTEGER NOT NULL,
        to_uptime             INTEGER NOT NULL,
        to_sequence           INTEGER NOT NULL,
        to_sent_bytes         INTEGER NOT NULL,
        to_sent_packets       INTEGER NOT NULL,
        to_received_bytes     INTEGER NOT NULL,
        to_received_packets   INTEGER NOT NULL,
        PRIMARY KEY (interval_start, host, port, number)
    ) STRICT, WITHOUT ROWID;

    -- The datagrams of a host that were taken in an interval: from one sequence number to another.
    CREATE TABLE datagram_run (
        interval_start INTEGER NOT NULL, -- seconds since 1970
        host           BLOB    NOT NULL,
        number         INTEGER NOT NULL, -- from 0: a new run where a sub-agent started anew
        sub_agent      INTEGER NOT NULL,
        taken          INTEGER NOT NULL,
        first_arrived  INTEGER NOT NULL, -- milliseconds since 1970
        first_uptime   INTEGER NOT NULL, -- milliseconds
        first_sequence INTEGER NOT NULL,
        last_arrived   INTEGER NOT NULL,
        last_uptime    INTEGER NOT NULL,
        last_sequence  INTEGER NOT NULL,
        PRIMARY KEY (interval_start, host, number)
    ) STRICT, WITHOUT ROWID;

    -- Of a record of `account`, what flows told as their last counts when they went; no row: nothing.
    CREATE TABLE last_counts (
        interval_start   INTEGER NOT NULL, -- seconds since 1970
        host             BLOB    NOT NULL,
        port             BLOB    NOT NULL,
        class            INTEGER NOT NULL,
        epoch            BLOB    NOT NULL,
        sent_bytes       INTEGER NOT NULL,
        sent_packets     INTEGER NOT NULL,
        received_bytes   INTEGER NOT NULL,
        received_packets INTEGER NOT NULL,
        PRIMARY KEY (interval_start, host, port, class, epoch)
    ) STRICT, WITHOUT ROWID;

    -- What a port sent in an interval, by flow samples: the eight largest of each class, and the rest.
    -- The last three are JSON: {cells: [{class, key, samples, bytes, packets, variance, hidden}],
    -- other: [{class, samples, ...}], floor}.
    CREATE TABLE split (
        tenant         BLOB    NOT NULL,
        interval_start INTEGER NOT NULL, -- seconds since 1970
        host           BLOB    NOT NULL,
        port           BLOB    NOT NULL,
        begun          INTEGER NOT NULL, -- milliseconds since 1970: which run of the collector's
        network        BLOB    NOT NULL,
        peers          TEXT    NOT NULL,
        protocols      TEXT    NOT NULL,
        addresses      TEXT    NOT NULL,
        PRIMARY KEY (tenant, interval_start, host, port, begun)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX split_by_time ON split (interval_start);
",
    "
    -- Datagrams that the host's agent had and could not hand on: of those that are missing.
    ALTER TABLE heard ADD COLUMN dropped_by_agent INTEGER NOT NULL DEFAULT 0;
",
];

/// Opens the file to write, in the newest form.
pub(crate) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let mut connection = Connection::open(path).map_err(LedgerError::Read)?;
    prepare(&mut connection)?;
    Ok(connection)
}

/// Opens the file to read.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(LedgerError::Read)?;
    let wait = connection.busy_timeout(Duration::from_secs(5));
    wait.map_err(LedgerError::Read)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> Result<(), LedgerError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found = set_up(connection).map_err(LedgerError::Read)?;
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= STEPS.len());
    let Some(done) = done else {
        return Err(LedgerError::TooNew { found, known });
    };
    migrate(connection, &STEPS[done..], known).map_err(LedgerError::Write)
}

/// Gives the form of the file; 0 is an empty one.
fn set_up(connection: &Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection, steps: &[&str], to: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.execute(
        "INSERT INTO begun SELECT ?1 WHERE NOT EXISTS (SELECT * FROM begun)",
        [Timestamp::now().unix_milliseconds()],
    )?;
    transaction.pragma_update(None, "user_version", to)?;
    transaction.commit()
}
