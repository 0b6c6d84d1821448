//! The embedded store: one SQLite file in the data directory.
//!
//! One thread owns the writing connection and commits one batch after the other; a second thread
//! reads. Both are fed by bounded queues and answer through one-shot channels, so the control
//! runtime never waits for a disk. Write-ahead log, synchronous=FULL: an acknowledged commit was
//! synced.
//!
//! Invariant: while a `Sqlite` or one of its threads lives, this process holds the lock on the
//! data directory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use weir_core::catalog::{Resource, Revision};
use weir_core::limits;
use weir_core::time::Now;

use crate::blob::{BlobName, Blobs};
use crate::contract::{Commit, Store};
use crate::error::{CommitError, LeaseError, OpenError, Outage, SinceError};
use crate::event::{EventPage, EventQuery};
use crate::lease::{Lease, LeaseName, LocalLeases, NodeId};
use crate::log::ChangePage;
use crate::retention::Retention;

mod blob;
mod connect;
mod dir;
mod fault;
mod log;
mod reader;
mod schema;
mod worker;
mod writer;

use dir::DataDir;
use reader::{Read, Reader};
use worker::Worker;
use writer::{Write, Writer};

/// How to open a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How much history to keep.
    pub retention: Retention,
    /// Most pages (4 KiB) of the file; `None` leaves it to the disk.
    pub pages_max: Option<u32>,
}

/// A store on disk. Dropping it finishes what was handed over and gives the directory back.
#[derive(Debug)]
pub struct Sqlite {
    // Dropped in this order. The writer goes last: only a connection that may write can fold the
    // log into the file, and only when it is the last one.
    reader: Worker<Read>,
    writer: Worker<Write>,
    revision: watch::Receiver<Revision>,
    leases: LocalLeases,
    dir: Arc<DataDir>,
}

// === impl Sqlite ===

impl Sqlite {
    /// Opens the store in `dir`, creating both when they do not exist. Blocks for the disk.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let dir = Arc::new(DataDir::take(dir)?);
        let mut connection = connect::writer(&dir, options.pages_max)?;
        schema::migrate(&mut connection, &dir)?;
        let at = schema::revision(&connection).map_err(|error| dir.open_error(&error))?;
        let reading = connect::reader(&dir)?;

        let (announce, revision) = watch::channel(at);
        let reading = Reader::new(reading, Arc::clone(&dir));
        let writing = Writer::new(connection, Arc::clone(&dir), options.retention, announce);
        Ok(Self {
            reader: Worker::start("store-reader", &dir, move |reads| reading.run(reads))?,
            writer: Worker::start("store-writer", &dir, move |writes| writing.run(writes))?,
            revision,
            leases: LocalLeases::default(),
            dir,
        })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    async fn read<T, E: From<Outage>>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Read,
    ) -> Result<T, E> {
        let (reply, answer) = oneshot::channel();
        self.reader.hand_over(job(reply))?;
        wait(answer).await
    }

    async fn write<T, E: From<Outage>>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Write,
    ) -> Result<T, E> {
        let (reply, answer) = oneshot::channel();
        self.writer.hand_over(job(reply))?;
        wait(answer).await
    }
}

impl Store for Sqlite {
    async fn load(&self) -> Result<(Revision, Vec<Resource>), Outage> {
        self.read(|reply| Read::Load { reply }).await
    }

    async fn commit(
        &self,
        expected: Revision,
        batch: Vec<Commit>,
    ) -> Result<Revision, CommitError> {
        self.write(|reply| Write::Commit { expected, batch, reply }).await
    }

    async fn since(&self, revision: Revision) -> Result<ChangePage, SinceError> {
        self.read(|reply| Read::Since { revision, reply }).await
    }

    async fn changed(&self, revision: Revision) {
        // An error means that the writer ended: the next call will say so.
        let _ = self.revision.clone().wait_for(|at| *at != revision).await;
    }

    async fn lease(
        &self,
        name: LeaseName,
        holder: NodeId,
        ttl_ms: u64,
        now: Now,
    ) -> Result<Lease, LeaseError> {
        self.leases.lease(name, holder, ttl_ms, now)
    }

    async fn events(&self, query: EventQuery) -> Result<EventPage, Outage> {
        let query = Box::new(query);
        self.read(|reply| Read::Events { query, reply }).await
    }
}

impl Blobs for Sqlite {
    async fn put_blob(&self, bytes: Arc<[u8]>, now_ms: i64) -> Result<BlobName, Outage> {
        self.write(|reply| Write::BlobPut { bytes, now_ms, reply }).await
    }

    async fn blob(&self, name: BlobName) -> Result<Option<Vec<u8>>, Outage> {
        self.read(|reply| Read::Blob { name, reply }).await
    }

    async fn sweep_blobs(&self, keep: BTreeSet<BlobName>, before_ms: i64) -> Result<usize, Outage> {
        self.write(|reply| Write::BlobsSweep { keep, before_ms, reply }).await
    }
}

async fn wait<T, E: From<Outage>>(answer: oneshot::Receiver<Result<T, E>>) -> Result<T, E> {
    let limit = Duration::from_millis(limits::STORE_WAIT_MS_MAX);
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Outage::Closed.into()),
        Err(_) => Err(Outage::TimedOut(limits::STORE_WAIT_MS_MAX).into()),
    }
}
