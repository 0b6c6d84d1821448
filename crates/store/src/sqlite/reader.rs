//! The thread that reads.
//!
//! Under the write-ahead log a reader never waits for the writer, nor the writer for a reader.
//!
//! Invariant: each answer comes from one read transaction, so it shows one revision.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use tokio::sync::oneshot;
use weir_core::catalog::{AuditRecord, Change, Resource, ResourceKey, Revision};

use crate::blob::BlobName;
use crate::error::{Outage, SinceError};
use crate::event::{Event, EventPage, EventQuery, Looked};
use crate::log::ChangePage;

use super::blob;
use super::dir::DataDir;
use super::fault::ReadFault;
use super::schema::Meta;

/// A question that waits for the reader.
#[derive(Debug)]
pub(super) enum Read {
    /// Everything.
    Load {
        /// Where the answer goes.
        reply: oneshot::Sender<Result<(Revision, Vec<Resource>), Outage>>,
    },
    /// What changed.
    Since {
        /// After which revision.
        revision: Revision,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<ChangePage, SinceError>>,
    },
    /// One blob.
    Blob {
        /// Which.
        name: BlobName,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Option<Vec<u8>>, Outage>>,
    },
    /// Audited calls.
    Events {
        /// Which.
        query: Box<EventQuery>,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<EventPage, Outage>>,
    },
}

/// The owner of the reading connection.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    dir: Arc<DataDir>,
}

// === impl Reader ===

impl Reader {
    /// Wraps a connection.
    pub(super) fn new(connection: Connection, dir: Arc<DataDir>) -> Self {
        Self { connection, dir }
    }

    /// Answers what comes until the queue is closed.
    pub(super) fn run(mut self, reads: &Receiver<Read>) {
        for read in reads {
            // An answer that nobody waits for any more is not an error.
            match read {
                Read::Load { reply } => drop(reply.send(self.load())),
                Read::Since { revision, reply } => drop(reply.send(self.since(revision))),
                Read::Blob { name, reply } => drop(reply.send(self.blob(&name))),
                Read::Events { query, reply } => drop(reply.send(self.events(&query))),
            }
        }
    }

    fn load(&mut self) -> Result<(Revision, Vec<Resource>), Outage> {
        load(&mut self.connection).map_err(|fault| fault.outage(&self.dir))
    }

    fn since(&mut self, revision: Revision) -> Result<ChangePage, SinceError> {
        let page = since(&mut self.connection, revision);
        page.map_err(|fault| fault.outage(&self.dir))?
    }

    fn blob(&mut self, name: &BlobName) -> Result<Option<Vec<u8>>, Outage> {
        let body = blob::read(&self.connection, name);
        body.map_err(|error| ReadFault::Sqlite(error).outage(&self.dir))
    }

    fn events(&mut self, query: &EventQuery) -> Result<EventPage, Outage> {
        events(&self.connection, query).map_err(|fault| fault.outage(&self.dir))
    }
}

fn load(connection: &mut Connection) -> Result<(Revision, Vec<Resource>), ReadFault> {
    let transaction = connection.transaction()?;
    let at = Meta::read(&transaction)?.revision;
    // In the order of the table, not of the index: one pass over the file.
    let sql = "SELECT kind, id, body FROM resource NOT INDEXED";
    let mut statement = transaction.prepare_cached(sql)?;
    let resources = statement.query_and_then([], resource)?.collect::<Result<Vec<_>, _>>();
    let mut resources = resources?;
    resources.sort_by_cached_key(Resource::key);
    Ok((Revision(at), resources))
}

fn since(
    connection: &mut Connection,
    revision: Revision,
) -> Result<Result<ChangePage, SinceError>, ReadFault> {
    let transaction = connection.transaction()?;
    let meta = Meta::read(&transaction)?;
    if revision.0 > meta.revision {
        return Ok(Err(SinceError::Ahead { actual: Revision(meta.revision) }));
    }
    if revision.0 < meta.log_floor {
        return Ok(Err(SinceError::Compacted { oldest: Revision(meta.log_floor) }));
    }
    let sql = "SELECT kind, id, body, revision FROM change_log WHERE revision > ?1 \
               ORDER BY revision, ordinal";
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_and_then([revision.0], |row| {
        Ok::<_, ReadFault>((Revision(row.get(3)?), change(row)?))
    })?;
    Ok(Ok(ChangePage::fill(revision, Revision(meta.revision), rows)?))
}

fn events(connection: &Connection, query: &EventQuery) -> Result<EventPage, ReadFault> {
    // SQLite's integers are signed; no sequence gets there.
    let before = query.before.map_or(i64::MAX, |at| i64::try_from(at).unwrap_or(i64::MAX));
    let (first, last) = span(connection, query)?;
    let sql = "SELECT sequence, revision, event_id, request_id, time_ms, source, action, region, \
               principal, username, read_only, resources, body FROM audit \
               WHERE sequence < ?1 AND sequence BETWEEN ?2 AND ?3 ORDER BY sequence DESC";
    let mut statement = connection.prepare_cached(sql)?;
    query.page(statement.query_and_then([before, first, last], |row| looked(row, query))?)
}

/// The oldest and the newest sequence that can be asked for: that of one event, or those of the
/// span of time. Clocks may have been set meanwhile, so the order of sequences is not relied on.
fn span(connection: &Connection, query: &EventQuery) -> rusqlite::Result<(i64, i64)> {
    let ends = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    if let Some(id) = &query.event_id {
        let sql = "SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM audit \
                   WHERE event_id = ?1";
        return connection.prepare_cached(sql)?.query_row([id], ends);
    }
    if query.from_ms.is_none() && query.until_ms.is_none() {
        return Ok((0, i64::MAX));
    }
    let sql = "SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM audit \
               WHERE time_ms >= ?1 AND time_ms < ?2";
    let times = [query.from_ms.unwrap_or(i64::MIN), query.until_ms.unwrap_or(i64::MAX)];
    connection.prepare_cached(sql)?.query_row(times, ends)
}

/// Columns: kind, id, body.
fn change(row: &Row<'_>) -> Result<Change, ReadFault> {
    if row.get_ref(2)? != ValueRef::Null {
        return Ok(Change::Put(Arc::new(resource(row)?)));
    }
    let (kind, id) = (text(row, 0)?, text(row, 1)?);
    let key = ResourceKey::from_parts(kind, id);
    Ok(Change::Delete(key.ok_or_else(|| unreadable(row, "unknown kind"))?))
}

/// Columns: kind, id, body.
fn resource(row: &Row<'_>) -> Result<Resource, ReadFault> {
    serde_json::from_str(text(row, 2)?).map_err(|error| unreadable(row, &place(&error)))
}

/// Columns: those of `events`. The document is read only when the event is asked for.
fn looked(row: &Row<'_>, query: &EventQuery) -> Result<Looked, ReadFault> {
    let sequence = row.get(0)?;
    let resources = text(row, 11)?;
    if !query.may_mention(resources) {
        return Ok(Looked { sequence, event: None });
    }
    let resources = serde_json::from_str(resources).map_err(|error| {
        ReadFault::Unreadable(format!("audited call {sequence}: {}", place(&error)))
    })?;
    let mut record = AuditRecord {
        event_id: row.get(2)?,
        request_id: row.get(3)?,
        time_ms: row.get(4)?,
        source: row.get(5)?,
        action: row.get(6)?,
        region: row.get(7)?,
        principal: row.get(8)?,
        username: row.get(9)?,
        read_only: row.get(10)?,
        resources,
        document: String::new(),
    };
    if !query.wants(&record) {
        return Ok(Looked { sequence, event: None });
    }
    record.document = row.get(12)?;
    let event = Event { sequence, revision: Revision(row.get(1)?), record };
    Ok(Looked { sequence, event: Some(event) })
}

fn text<'row>(row: &'row Row<'_>, column: usize) -> Result<&'row str, ReadFault> {
    let value = row.get_ref(column)?;
    value.as_str().map_err(|error| ReadFault::Sqlite(error.into()))
}

fn unreadable(row: &Row<'_>, why: &str) -> ReadFault {
    let name = |column| text(row, column).unwrap_or("?").to_owned();
    ReadFault::Unreadable(format!("{} {}: {why}", name(0), name(1)))
}

/// Where decoding stopped. The decoder's own text quotes the record, which stays out of logs.
fn place(error: &serde_json::Error) -> String {
    format!("{:?} error in column {} of its body", error.classify(), error.column())
}
