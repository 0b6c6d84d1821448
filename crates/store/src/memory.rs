//! The reference store: plain collections behind one lock.
//!
//! It says what every backend must do; it also carries the simulator and the tests of the control
//! plane, which can break it on purpose.
//!
//! Invariant: a commit checks everything first and then cannot fail, so it is all or nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weir_core::catalog::{Change, Resource, ResourceKey, Revision};
use weir_core::limits;
use weir_core::time::Now;

use crate::contract::{Commit, Store};
use crate::encode::{EncodedCommit, encode};
use crate::error::{CommitError, LeaseError, Outage, SinceError};
use crate::event::{Event, EventPage, EventQuery};
use crate::lease::{Lease, LeaseName, LocalLeases, NodeId};
use crate::log::ChangePage;
use crate::retention::Retention;

/// A store that is lost with its last handle.
#[derive(Debug)]
pub struct Memory {
    kept: Arc<Mutex<Kept>>,
    revision: watch::Sender<Revision>,
    leases: LocalLeases,
}

/// What a disk would keep.
#[derive(Debug)]
struct Kept {
    retention: Retention,
    broken: Option<Outage>,
    revision: Revision,
    resources: BTreeMap<ResourceKey, Resource>,
    log: VecDeque<Logged>,
    log_bytes: u64,
    /// The newest revision whose changes are no longer in the log.
    log_floor: Revision,
    audit: VecDeque<Audited>,
    audit_bytes: u64,
    sequence: u64,
}

#[derive(Debug)]
struct Logged {
    revision: Revision,
    change: Change,
    bytes: u64,
}

#[derive(Debug)]
struct Audited {
    event: Event,
    bytes: u64,
}

// === impl Memory ===

impl Default for Memory {
    fn default() -> Self {
        Self::new(Retention::default())
    }
}

impl Memory {
    /// An empty store at revision 0.
    pub fn new(retention: Retention) -> Self {
        let kept = Kept {
            retention,
            broken: None,
            revision: Revision(0),
            resources: BTreeMap::new(),
            log: VecDeque::new(),
            log_bytes: 0,
            log_floor: Revision(0),
            audit: VecDeque::new(),
            audit_bytes: 0,
            sequence: 0,
        };
        Self::over(Arc::new(Mutex::new(kept)))
    }

    /// What a restart finds: the same content, no leases, no memory of who waited.
    pub fn reopened(&self) -> Self {
        Self::over(Arc::clone(&self.kept))
    }

    /// Makes commits fail with `outage` until it is cleared by `None`; reads too, unless the
    /// outage (full disk, read-only directory) leaves them possible.
    pub fn set_outage(&self, outage: Option<Outage>) {
        self.locked().broken = outage;
    }

    fn over(kept: Arc<Mutex<Kept>>) -> Self {
        let at = kept.lock().unwrap_or_else(PoisonError::into_inner).revision;
        Self { kept, revision: watch::Sender::new(at), leases: LocalLeases::default() }
    }

    fn locked(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writable(&self) -> Result<MutexGuard<'_, Kept>, Outage> {
        let kept = self.locked();
        match &kept.broken {
            Some(outage) => Err(outage.clone()),
            None => Ok(kept),
        }
    }

    fn readable(&self) -> Result<MutexGuard<'_, Kept>, Outage> {
        let kept = self.locked();
        match &kept.broken {
            Some(Outage::DiskFull(_) | Outage::ReadOnly(_)) | None => Ok(kept),
            Some(outage) => Err(outage.clone()),
        }
    }
}

impl Store for Memory {
    async fn load(&self) -> Result<(Revision, Vec<Resource>), Outage> {
        let kept = self.readable()?;
        Ok((kept.revision, kept.resources.values().cloned().collect()))
    }

    async fn commit(
        &self,
        expected: Revision,
        batch: Vec<Commit>,
    ) -> Result<Revision, CommitError> {
        let encoded = encode(&batch)?;
        let mut kept = self.writable()?;
        if kept.revision != expected {
            return Err(CommitError::Stale { actual: kept.revision });
        }
        for (commit, encoded) in batch.into_iter().zip(&encoded) {
            kept.absorb(commit, encoded);
        }
        kept.prune_log();
        kept.prune_audit(&encoded);
        let at = kept.revision;
        self.revision.send_replace(at);
        Ok(at)
    }

    async fn since(&self, revision: Revision) -> Result<ChangePage, SinceError> {
        let kept = self.readable()?;
        if revision > kept.revision {
            return Err(SinceError::Ahead { actual: kept.revision });
        }
        if revision < kept.log_floor {
            return Err(SinceError::Compacted { oldest: kept.log_floor });
        }
        let start = kept.log.partition_point(|logged| logged.revision <= revision);
        let changes = kept.log.range(start..);
        let changes = changes.map(|logged| Ok((logged.revision, logged.change.clone())));
        ChangePage::fill(revision, kept.revision, changes)
    }

    async fn changed(&self, revision: Revision) {
        // The sender lives in `self`, so the wait cannot end by its loss.
        let _ = self.revision.subscribe().wait_for(|at| *at != revision).await;
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
        let kept = self.readable()?;
        let before = query.before.unwrap_or(u64::MAX);
        let newest_first = kept.audit.iter().rev().map(|audited| &audited.event);
        let older = newest_first.skip_while(|event| event.sequence >= before);
        query.page(older.map(|event| Ok(event.clone())))
    }
}

// === impl Kept ===

impl Kept {
    fn absorb(&mut self, commit: Commit, encoded: &EncodedCommit) {
        if !commit.changes.is_empty() {
            self.revision.0 += 1;
        }
        for (change, encoded) in commit.changes.changes.into_iter().zip(&encoded.changes) {
            match &change {
                Change::Put(resource) => {
                    self.resources.insert(change.key(), Resource::clone(resource));
                }
                Change::Delete(key) => {
                    self.resources.remove(key);
                }
            }
            let bytes = encoded.bytes();
            self.log_bytes += bytes;
            self.log.push_back(Logged { revision: self.revision, change, bytes });
        }
        if let (Some(record), Some(encoded)) = (commit.audit, &encoded.audit) {
            self.sequence += 1;
            let bytes = encoded.body.len() as u64;
            self.audit_bytes += bytes;
            let event = Event { sequence: self.sequence, revision: self.revision, record };
            self.audit.push_back(Audited { event, bytes });
        }
    }

    fn prune_log(&mut self) {
        while self.retention.log_exceeded(self.log.len(), self.log_bytes) {
            let Some(oldest) = self.log.front().map(|logged| logged.revision) else {
                return;
            };
            while let Some(logged) = self.log.pop_front_if(|logged| logged.revision == oldest) {
                self.log_bytes -= logged.bytes;
            }
            self.log_floor = oldest;
        }
    }

    fn prune_audit(&mut self, batch: &[EncodedCommit]) {
        let times = batch.iter().filter_map(|commit| commit.audit.as_ref());
        let (added, now_ms) = times.fold((0, i64::MIN), |(n, now), a| (n + 1, now.max(a.time_ms)));
        for _ in 0..added + if added == 0 { 0 } else { limits::AUDIT_PRUNE_STEP } {
            let Some(oldest) = self.audit.front() else {
                return;
            };
            let time_ms = oldest.event.record.time_ms;
            if !self.retention.audit_exceeded(self.audit_bytes, time_ms, now_ms) {
                return;
            }
            self.audit_bytes -= oldest.bytes;
            self.audit.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outage_stops_content_and_is_forgotten_when_cleared() {
        let store = Memory::default();
        store.set_outage(Some(Outage::DiskFull(String::from("/data"))));
        let failed = store.commit(Revision(0), vec![Commit::default()]).await;
        assert!(matches!(failed, Err(CommitError::Outage(Outage::DiskFull(_)))));
        assert!(store.load().await.is_ok());
        store.set_outage(Some(Outage::Closed));
        assert!(store.load().await.is_err());
        store.set_outage(None);
        assert_eq!(store.commit(Revision(0), vec![Commit::default()]).await, Ok(Revision(0)));
    }
}
