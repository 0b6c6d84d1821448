//! A batch as the bytes that are stored, checked against its bounds before anything is written.
//!
//! Both backends encode first, so both refuse the same batches and count the same bytes.
//!
//! Invariant: nothing after this step can fail because of what the caller passed.

use serde::Serialize;
use weir_core::catalog::{AuditRecord, Change, ResourceKey};
use weir_core::limits;

use crate::contract::Commit;
use crate::error::CommitError;

/// One change, ready to be written.
pub(crate) struct EncodedChange {
    /// Whose record.
    pub key: ResourceKey,
    /// JSON of the record; `None` removes it.
    pub body: Option<String>,
}

/// What an audited call needs beside its record to be written.
pub(crate) struct EncodedAudit {
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// JSON of the resources.
    pub resources: String,
    /// What the record counts for.
    pub bytes: u64,
}

/// One commit, ready to be written.
pub(crate) struct EncodedCommit {
    /// In order.
    pub changes: Vec<EncodedChange>,
    /// The trace.
    pub audit: Option<EncodedAudit>,
}

// === impl EncodedChange ===

impl EncodedChange {
    fn new(change: &Change) -> Result<Self, CommitError> {
        let key = change.key();
        let body = match change {
            Change::Put(resource) => {
                let what = || format!("{} {}", key.kind(), key.id());
                Some(json(resource.as_ref(), what)?)
            }
            Change::Delete(_) => None,
        };
        Ok(Self { key, body })
    }

    /// What the change counts for in the log.
    pub fn bytes(&self) -> u64 {
        (self.key.id().len() + self.body.as_ref().map_or(0, String::len)) as u64
    }
}

// === impl EncodedAudit ===

impl EncodedAudit {
    fn new(record: &AuditRecord) -> Result<Self, CommitError> {
        let what = || format!("audit record {}", record.request_id);
        let resources = json(&record.resources, what)?;
        bounded(record.document.len(), limits::RECORD_BYTES_MAX, what)?;
        let bytes = record.event_id.len() + resources.len() + record.document.len();
        Ok(Self { time_ms: record.time_ms, resources, bytes: bytes as u64 })
    }
}

/// Encodes a batch, or says which part of it is too large.
pub(crate) fn encode(batch: &[Commit]) -> Result<Vec<EncodedCommit>, CommitError> {
    let total: usize = batch.iter().map(|commit| commit.changes.changes.len()).sum();
    // A batch of audited calls alone is bounded like one of changes.
    let size = total.max(batch.len());
    bounded(size, limits::CHANGES_PER_BATCH_MAX, || String::from("batch"))?;
    batch
        .iter()
        .map(|commit| {
            Ok(EncodedCommit {
                changes: commit
                    .changes
                    .changes
                    .iter()
                    .map(EncodedChange::new)
                    .collect::<Result<_, _>>()?,
                audit: commit.audit.as_ref().map(EncodedAudit::new).transpose()?,
            })
        })
        .collect()
}

fn json(value: &impl Serialize, what: impl Fn() -> String) -> Result<String, CommitError> {
    let body = serde_json::to_string(value)
        .expect("invariant: records are structs, enums and maps with text keys");
    bounded(body.len(), limits::RECORD_BYTES_MAX, what)?;
    Ok(body)
}

fn bounded(size: usize, max: usize, what: impl Fn() -> String) -> Result<(), CommitError> {
    if size > max {
        return Err(CommitError::TooLarge { what: what(), size, max });
    }
    Ok(())
}
