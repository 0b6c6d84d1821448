//! The six promises that the control plane asks of durability, and the closed set of backends.
//!
//! `changed` is only a hint. That lets one trait fit every backend, and makes the restart path
//! and the notification path the same path: read what is there.
//!
//! Invariant: only `commit` moves the revision, by exactly one per change set that is not empty,
//! and only when the store is still at the revision that the caller decided on.

use std::future::Future;

use weir_core::catalog::{AuditRecord, ChangeSet, Resource, Revision};
use weir_core::time::Now;

use crate::error::{CommitError, LeaseError, Outage, SinceError};
use crate::event::{EventPage, EventQuery};
use crate::lease::{Lease, LeaseName, NodeId};
use crate::log::ChangePage;
use crate::{Memory, Sqlite};

/// What one decided command leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The records that change; empty for a refused call or an idempotent repeat.
    pub changes: ChangeSet,
    /// The trace of the call, or what completes a trace that is there already; `None` when nobody
    /// called (upkeep that is not worth a line).
    pub audit: Option<AuditRecord>,
}

/// Everything the control plane asks of durability.
///
/// A call whose future is dropped may still happen: what was handed over is not taken back.
pub trait Store: Send + Sync + 'static {
    /// The revision and every record at that revision, ordered by [`Resource::key`].
    fn load(&self) -> impl Future<Output = Result<(Revision, Vec<Resource>), Outage>> + Send;

    /// Writes a batch in one transaction, all or nothing, if the store is still at `expected`.
    ///
    /// Each commit whose change set is not empty gets the next revision; the last one is
    /// returned. An audited call without changes is recorded at the revision before it. After
    /// [`Outage::TimedOut`] or [`Outage::Io`] the fate is unknown until the next commit or load;
    /// every other error means that nothing happened.
    fn commit(
        &self,
        expected: Revision,
        batch: Vec<Commit>,
    ) -> impl Future<Output = Result<Revision, CommitError>> + Send;

    /// Changes after `revision`, in order, whole revisions only, about
    /// [`CHANGES_PER_READ_MAX`](weir_core::limits::CHANGES_PER_READ_MAX) at a time.
    fn since(
        &self,
        revision: Revision,
    ) -> impl Future<Output = Result<ChangePage, SinceError>> + Send;

    /// Returns when the revision may differ from `revision`. A hint: may be early, late or lost,
    /// so the caller brings the deadline.
    fn changed(&self, revision: Revision) -> impl Future<Output = ()> + Send;

    /// Takes or renews a named lease for `ttl_ms` from `now`; zero gives it back.
    fn lease(
        &self,
        name: LeaseName,
        holder: NodeId,
        ttl_ms: u64,
        now: Now,
    ) -> impl Future<Output = Result<Lease, LeaseError>> + Send;

    /// Audited calls, newest first.
    fn events(&self, query: EventQuery) -> impl Future<Output = Result<EventPage, Outage>> + Send;
}

/// Any backend: the set is closed, so no boxed futures.
#[derive(Debug)]
pub enum AnyStore {
    /// Lost with the process; the reference.
    Memory(Memory),
    /// One file in the data directory.
    Sqlite(Sqlite),
}

// === impl AnyStore ===

impl From<Memory> for AnyStore {
    fn from(store: Memory) -> Self {
        Self::Memory(store)
    }
}

impl From<Sqlite> for AnyStore {
    fn from(store: Sqlite) -> Self {
        Self::Sqlite(store)
    }
}

impl Store for AnyStore {
    async fn load(&self) -> Result<(Revision, Vec<Resource>), Outage> {
        match self {
            Self::Memory(store) => store.load().await,
            Self::Sqlite(store) => store.load().await,
        }
    }

    async fn commit(
        &self,
        expected: Revision,
        batch: Vec<Commit>,
    ) -> Result<Revision, CommitError> {
        match self {
            Self::Memory(store) => store.commit(expected, batch).await,
            Self::Sqlite(store) => store.commit(expected, batch).await,
        }
    }

    async fn since(&self, revision: Revision) -> Result<ChangePage, SinceError> {
        match self {
            Self::Memory(store) => store.since(revision).await,
            Self::Sqlite(store) => store.since(revision).await,
        }
    }

    async fn changed(&self, revision: Revision) {
        match self {
            Self::Memory(store) => store.changed(revision).await,
            Self::Sqlite(store) => store.changed(revision).await,
        }
    }

    async fn lease(
        &self,
        name: LeaseName,
        holder: NodeId,
        ttl_ms: u64,
        now: Now,
    ) -> Result<Lease, LeaseError> {
        match self {
            Self::Memory(store) => store.lease(name, holder, ttl_ms, now).await,
            Self::Sqlite(store) => store.lease(name, holder, ttl_ms, now).await,
        }
    }

    async fn events(&self, query: EventQuery) -> Result<EventPage, Outage> {
        match self {
            Self::Memory(store) => store.events(query).await,
            Self::Sqlite(store) => store.events(query).await,
        }
    }
}
