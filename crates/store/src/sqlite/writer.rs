//! The thread that owns the writing connection.
//!
//! One batch is one transaction: records, their change log, the audited calls, the totals and
//! the pruning of history. After any error the transaction is rolled back and the next batch
//! starts afresh, so a disk that has room again needs no restart.
//!
//! Invariant: a revision is announced and answered only after its transaction was synced.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio::sync::{oneshot, watch};
use weir_core::catalog::Revision;
use weir_core::limits;

use crate::contract::Commit;
use crate::encode::{EncodedAudit, EncodedChange, EncodedCommit, encode};
use crate::error::CommitError;
use crate::retention::Retention;

use super::dir::DataDir;
use super::fault;
use super::schema::Meta;

/// A batch that waits for its transaction.
#[derive(Debug)]
pub(super) struct Write {
    /// Where the batch was decided.
    pub expected: Revision,
    /// What to write.
    pub batch: Vec<Commit>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Revision, CommitError>>,
}

/// The owner of the writing connection.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    dir: Arc<DataDir>,
    retention: Retention,
    announce: watch::Sender<Revision>,
}

// === impl Writer ===

impl Writer {
    /// Wraps a connection to a file of this build's version.
    pub(super) fn new(
        connection: Connection,
        dir: Arc<DataDir>,
        retention: Retention,
        announce: watch::Sender<Revision>,
    ) -> Self {
        Self { connection, dir, retention, announce }
    }

    /// Commits what comes until the queue is closed.
    pub(super) fn run(mut self, writes: &Receiver<Write>) {
        for Write { expected, batch, reply } in writes {
            if reply.is_closed() {
                // Whoever asked gave up while this waited: better not to surprise anybody.
                continue;
            }
            let outcome = self.commit(expected, &batch);
            match &outcome {
                Ok(at) => {
                    self.announce.send_replace(*at);
                }
                Err(CommitError::Outage(outage)) => {
                    tracing::error!(kind = outage.kind(), %outage, "commit failed");
                }
                Err(_) => {}
            }
            // An answer that nobody waits for any more is not an error.
            let _ = reply.send(outcome);
        }
    }

    fn commit(&mut self, expected: Revision, batch: &[Commit]) -> Result<Revision, CommitError> {
        let batch = encode(batch)?;
        self.dir.check_identity()?;
        let written = transact(&mut self.connection, &self.retention, expected, &batch);
        match written {
            Ok(Ok(at)) => Ok(at),
            Ok(Err(actual)) => Err(CommitError::Stale { actual }),
            Err(error) => Err(fault::of_sqlite(&self.dir, &error).into()),
        }
    }
}

/// The whole transaction. The inner error is the revision where the store really is.
fn transact(
    connection: &mut Connection,
    retention: &Retention,
    expected: Revision,
    batch: &[EncodedCommit],
) -> rusqlite::Result<Result<Revision, Revision>> {
    // Dropped without commit, a transaction rolls back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut meta = Meta::read(&transaction)?;
    if meta.revision != expected.0 {
        return Ok(Err(Revision(meta.revision)));
    }
    for commit in batch {
        if !commit.changes.is_empty() {
            meta.revision += 1;
        }
        for (ordinal, change) in commit.changes.iter().enumerate() {
            write_change(&transaction, &mut meta, ordinal, change)?;
        }
        if let Some(audit) = &commit.audit {
            write_audit(&transaction, &mut meta, audit)?;
        }
    }
    prune_log(&transaction, retention, &mut meta)?;
    prune_audit(&transaction, retention, &mut meta, batch)?;
    meta.write(&transaction)?;
    transaction.commit()?;
    Ok(Ok(Revision(meta.revision)))
}

fn write_change(
    connection: &Connection,
    meta: &mut Meta,
    ordinal: usize,
    change: &EncodedChange,
) -> rusqlite::Result<()> {
    let (kind, id) = (change.key.kind(), change.key.id());
    if let Some(body) = &change.body {
        let sql = "INSERT INTO resource (kind, id, revision, body) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (kind, id) \
                   DO UPDATE SET revision = excluded.revision, body = excluded.body";
        connection.prepare_cached(sql)?.execute(params![kind, id, meta.revision, body])?;
    } else {
        let sql = "DELETE FROM resource WHERE kind = ?1 AND id = ?2";
        connection.prepare_cached(sql)?.execute(params![kind, id])?;
    }
    let bytes = change.bytes();
    let sql = "INSERT INTO change_log (revision, ordinal, kind, id, body, bytes) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let row = params![meta.revision, ordinal, kind, id, change.body, bytes];
    connection.prepare_cached(sql)?.execute(row)?;
    meta.log_changes += 1;
    meta.log_bytes += bytes;
    Ok(())
}

fn write_audit(
    connection: &Connection,
    meta: &mut Meta,
    audit: &EncodedAudit,
) -> rusqlite::Result<()> {
    meta.sequence += 1;
    let bytes = audit.body.len() as u64;
    let sql = "INSERT INTO audit (sequence, time_ms, revision, bytes, body) \
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![meta.sequence, audit.time_ms, meta.revision, bytes, audit.body];
    connection.prepare_cached(sql)?.execute(row)?;
    meta.audit_bytes += bytes;
    Ok(())
}

/// Drops the oldest revisions while the log is over its bounds.
fn prune_log(
    connection: &Connection,
    retention: &Retention,
    meta: &mut Meta,
) -> rusqlite::Result<()> {
    if !retention.log_exceeded(meta.log_changes, meta.log_bytes) {
        return Ok(());
    }
    let sql = "SELECT revision, count(*), sum(bytes) FROM change_log GROUP BY revision \
               ORDER BY revision";
    let mut oldest = connection.prepare_cached(sql)?;
    let mut rows = oldest.query([])?;
    while retention.log_exceeded(meta.log_changes, meta.log_bytes) {
        let Some(row) = rows.next()? else { break };
        meta.log_floor = row.get(0)?;
        meta.log_changes -= row.get::<_, usize>(1)?;
        meta.log_bytes -= row.get::<_, u64>(2)?;
    }
    let sql = "DELETE FROM change_log WHERE revision <= ?1";
    connection.prepare_cached(sql)?.execute([meta.log_floor])?;
    Ok(())
}

/// Drops the oldest audited calls, a few more than were added, while they are over their bounds.
fn prune_audit(
    connection: &Connection,
    retention: &Retention,
    meta: &mut Meta,
    batch: &[EncodedCommit],
) -> rusqlite::Result<()> {
    let times = || batch.iter().filter_map(|commit| Some(commit.audit.as_ref()?.time_ms));
    let Some(now_ms) = times().max() else {
        return Ok(());
    };
    for _ in 0..times().count() + limits::AUDIT_PRUNE_STEP {
        let sql = "SELECT sequence, time_ms, bytes FROM audit ORDER BY sequence LIMIT 1";
        let oldest = connection
            .prepare_cached(sql)?
            .query_row([], |row| Ok((row.get::<_, u64>(0)?, row.get(1)?, row.get::<_, u64>(2)?)))
            .optional()?;
        let Some((sequence, time_ms, bytes)) = oldest else {
            break;
        };
        if !retention.audit_exceeded(meta.audit_bytes, time_ms, now_ms) {
            break;
        }
        connection.prepare_cached("DELETE FROM audit WHERE sequence = ?1")?.execute([sequence])?;
        meta.audit_bytes -= bytes;
    }
    Ok(())
}
