//! The reference store: plain collections behind one lock.
//!
//! It says what every backend must do; it also carries the simulator and the tests of the control
//! plane, which can break it on purpose.
//!
//! Invariant: a commit checks everything first and then cannot fail, so it is all or nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weir_core::catalog::{AuditRecord, Change, Resource, ResourceKey, Revision};
use weir_core::limits;
use weir_core::time::Now;

use crate::blob::{BlobName, Blobs};
use crate::contract::{Commit, Store};
use crate::encode::{EncodedCommit, encode};
use crate::error::{CommitError, LeaseError, Outage, SinceError};
use crate::event::{Event, EventPage, EventQuery, Looked};
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
    /// Sequences by event id.
    audit_ids: BTreeMap<String, u64>,
    sequence: u64,
    /// With the time of the last put, in milliseconds since the epoch.
    blobs: BTreeMap<BlobName, (i64, Arc<[u8]>)>,
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
            audit_ids: BTreeMap::new(),
            sequence: 0,
            blobs: BTreeMap::new(),
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
        let within = |event: &&Event| match &query.event_id {
            Some(id) => *id == event.record.event_id,
            None => query.covers(event.record.time_ms),
        };
        let events = || kept.audit.iter().map(|audited| &audited.event);
        let first = events().find(within).map_or(u64::MAX, |event| event.sequence);
        let last = events().rfind(within).map_or(0, |event| event.sequence);
        let before = query.before.unwrap_or(u64::MAX);
        let span = |event: &&Event| {
            event.sequence < before && event.sequence >= first && event.sequence <= last
        };
        query.page(events().rev().filter(span).map(|event| {
            let wanted = query.wants(&event.record);
            Ok(Looked { sequence: event.sequence, event: wanted.then(|| event.clone()) })
        }))
    }
}

impl Blobs for Memory {
    async fn put_blob(&self, bytes: Arc<[u8]>, now_ms: i64) -> Result<BlobName, Outage> {
        let name = BlobName::of(&bytes);
        self.writable()?.blobs.insert(name.clone(), (now_ms, bytes));
        Ok(name)
    }

    async fn blob(&self, name: BlobName) -> Result<Option<Vec<u8>>, Outage> {
        let kept = self.readable()?;
        Ok(kept.blobs.get(&name).map(|(_, bytes)| bytes.to_vec()))
    }

    async fn sweep_blobs(&self, keep: BTreeSet<BlobName>, before_ms: i64) -> Result<usize, Outage> {
        let mut kept = self.writable()?;
        let before = kept.blobs.len();
        kept.blobs.retain(|name, (put_ms, _)| keep.contains(name) || *put_ms >= before_ms);
        Ok(before - kept.blobs.len())
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
            match self.audit_ids.get(&record.event_id) {
                Some(sequence) => self.complete(*sequence, record, encoded.bytes),
                None => self.append(record, encoded.bytes),
            }
        }
    }

    fn append(&mut self, record: AuditRecord, bytes: u64) {
        self.sequence += 1;
        self.audit_bytes += bytes;
        self.audit_ids.insert(record.event_id.clone(), self.sequence);
        let event = Event { sequence: self.sequence, revision: self.revision, record };
        self.audit.push_back(Audited { event, bytes });
    }

    /// Replaces what is known of a call; its place, time and revision stay.
    fn complete(&mut self, sequence: u64, record: AuditRecord, bytes: u64) {
        let place = self.audit.partition_point(|audited| audited.event.sequence < sequence);
        let audited = &mut self.audit[place];
        self.audit_bytes = self.audit_bytes + bytes - audited.bytes;
        audited.bytes = bytes;
        audited.event.record.resources = record.resources;
        audited.event.record.document = record.document;
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
            if let Some(oldest) = self.audit.pop_front() {
                self.audit_ids.remove(&oldest.event.record.event_id);
            }
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
