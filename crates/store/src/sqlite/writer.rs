//! The thread that owns the writing connection.
//!
//! One batch is one transaction: records, their change log, the audited calls, the totals and
//! the pruning of history. After any error the transaction is rolled back and the next batch
//! starts afresh, so a disk that has room again needs no restart.
//!
//! Invariant: a revision is announced and answered only after its transaction was synced.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio::sync::{oneshot, watch};
use weir_core::catalog::{AuditRecord, Revision};
use weir_core::limits;

use crate::blob::BlobName;
use crate::contract::Commit;
use crate::encode::{EncodedAudit, EncodedChange, EncodedCommit, encode};
use crate::error::{CommitError, Outage};
use crate::retention::Retention;

use super::blob;
use super::dir::DataDir;
use super::fault;
use super::schema::Meta;

/// What waits for its transaction.
#[derive(Debug)]
pub(super) enum Write {
    /// A batch of changes.
    Commit {
        /// Where the batch was decided.
        expected: Revision,
        /// What to write.
        batch: Vec<Commit>,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Revision, CommitError>>,
    },
    /// One blob.
    BlobPut {
        /// Its bytes.
        bytes: Arc<[u8]>,
        /// When, in milliseconds since the epoch.
        now_ms: i64,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<BlobName, Outage>>,
    },
    /// The end of blobs that nothing names.
    BlobsSweep {
        /// What is named.
        keep: BTreeSet<BlobName>,
        /// Later ones stay, in milliseconds since the epoch.
        before_ms: i64,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<usize, Outage>>,
    },
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
        for write in writes {
            // Whoever gave up while its job waited is better not surprised; an answer that nobody
            // waits for any more is not an error.
            match write {
                Write::Commit { expected, batch, reply } if !reply.is_closed() => {
                    let _ = reply.send(self.commit_announced(expected, &batch));
                }
                Write::BlobPut { bytes, now_ms, reply } if !reply.is_closed() => {
                    let _ = reply.send(self.blob_put(&bytes, now_ms));
                }
                Write::BlobsSweep { keep, before_ms, reply } if !reply.is_closed() => {
                    let _ = reply.send(self.blobs_sweep(&keep, before_ms));
                }
                Write::Commit { .. } | Write::BlobPut { .. } | Write::BlobsSweep { .. } => {}
            }
        }
    }

    fn commit_announced(
        &mut self,
        expected: Revision,
        batch: &[Commit],
    ) -> Result<Revision, CommitError> {
        let outcome = self.commit(expected, batch);
        match &outcome {
            Ok(at) => {
                self.announce.send_replace(*at);
            }
            Err(CommitError::Outage(outage)) => {
                tracing::error!(kind = outage.kind(), %outage, "commit failed");
            }
            Err(_) => {}
        }
        outcome
    }

    fn blob_put(&mut self, bytes: &[u8], now_ms: i64) -> Result<BlobName, Outage> {
        self.dir.check_identity()?;
        let name = BlobName::of(bytes);
        let written = blob::put(&self.connection, &name, bytes, now_ms);
        written.map_err(|error| fault::of_sqlite(&self.dir, &error))?;
        Ok(name)
    }

    fn blobs_sweep(&mut self, keep: &BTreeSet<BlobName>, before_ms: i64) -> Result<usize, Outage> {
        self.dir.check_identity()?;
        let swept = blob::sweep(&mut self.connection, keep, before_ms);
        swept.map_err(|error| fault::of_sqlite(&self.dir, &error))
    }

    fn commit(&mut self, expected: Revision, batch: &[Commit]) -> Result<Revision, CommitError> {
        let encoded = encode(batch)?;
        self.dir.check_identity()?;
        let written = transact(&mut self.connection, &self.retention, expected, batch, &encoded);
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
    batch: &[Commit],
    encoded: &[EncodedCommit],
) -> rusqlite::Result<Result<Revision, Revision>> {
    // Dropped without commit, a transaction rolls back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut meta = Meta::read(&transaction)?;
    if meta.revision != expected.0 {
        return Ok(Err(Revision(meta.revision)));
    }
    for (commit, encoded) in batch.iter().zip(encoded) {
        if !encoded.changes.is_empty() {
            meta.revision += 1;
        }
        for (ordinal, change) in encoded.changes.iter().enumerate() {
            write_change(&transaction, &mut meta, ordinal, change)?;
        }
        if let (Some(record), Some(audit)) = (&commit.audit, &encoded.audit) {
            write_audit(&transaction, &mut meta, record, audit)?;
        }
    }
    prune_log(&transaction, retention, &mut meta)?;
    prune_audit(&transaction, retention, &mut meta, encoded)?;
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
    record: &AuditRecord,
    audit: &EncodedAudit,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO audit (sequence, event_id, request_id, time_ms, revision, source, \
               action, region, principal, username, read_only, resources, bytes, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
               ON CONFLICT (event_id) DO NOTHING";
    let added = connection.prepare_cached(sql)?.execute(params![
        meta.sequence + 1,
        record.event_id,
        record.request_id,
        record.time_ms,
        meta.revision,
        record.source,
        record.action,
        record.region,
        record.principal,
        record.username,
        record.read_only,
        audit.resources,
        audit.bytes,
        record.document,
    ])?;
    if added == 0 {
        return complete_audit(connection, meta, record, audit);
    }
    meta.sequence += 1;
    meta.audit_bytes += audit.bytes;
    Ok(())
}

/// Replaces what is known of a call; its place, time and revision stay.
fn complete_audit(
    connection: &Connection,
    meta: &mut Meta,
    record: &AuditRecord,
    audit: &EncodedAudit,
) -> rusqlite::Result<()> {
    let sql = "SELECT bytes FROM audit WHERE event_id = ?1";
    let before: u64 =
        connection.prepare_cached(sql)?.query_row([&record.event_id], |row| row.get(0))?;
    let sql = "UPDATE audit SET resources = ?2, bytes = ?3, body = ?4 WHERE event_id = ?1";
    let row = params![record.event_id, audit.resources, audit.bytes, record.document];
    connection.prepare_cached(sql)?.execute(row)?;
    meta.audit_bytes = meta.audit_bytes + audit.bytes - before;
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
