//! The single writer: decides commands one after the other, makes them durable in batches, and
//! has them published.
//!
//! ```text
//! submit ─▶ queue ─▶ decide on `working` ─▶ bind sockets ─▶ commit (one transaction per batch)
//!                          │ refused: waits with    │ failed: undo, release the sockets
//!                          │ the batch it leans on  │
//!                          ▼                        ▼
//!                        reply       absorb into `visible` ─▶ publish ─▶ threads run it ─▶ reply
//! ```
//!
//! Two versions of the catalog, which share what they have in common: `working` is ahead by what
//! is being committed, `visible` is what readers see and holds only what is durable.
//!
//! Invariant: a caller is answered with success only when its change is durable, visible to
//! readers, and run by every data thread (or one of them missed the deadline, which is an outage
//! that is logged and counted).

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use weir_core::catalog::{
    AuditRecord, Catalog, Change, ChangeSet, Command, Decision, Inconsistent, Refusal, Resource,
    ResourceKey, Revision,
};
use weir_core::resource::LoadBalancerArn;
use weir_core::rng::Rng;
use weir_core::snapshot::Snapshot;
use weir_store::{AnyStore, Commit, CommitError, EventPage, EventQuery, Outage, Store};

use crate::clock;
use crate::plane::{Plane, PrepareError, Prepared};
use crate::settings::Settings;
use crate::trail::{Pending, Trail, trail};
use crate::vault::Vault;

/// Commands that may wait for the writer; more are told to come back.
const QUEUE_MAX: usize = 1_024;
/// Commands that share one transaction.
const BATCH_MAX: usize = 128;
/// How long a call waits for the data threads once its change is durable.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(1);

/// A handle to the single writer. Cheap to clone.
#[derive(Clone)]
pub struct Authority {
    inner: Arc<Inner>,
}

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError {
    /// The caller's fault, with its AWS code.
    Refused(Refusal),
    /// The world's fault: 503 `ServiceUnavailable`.
    Unavailable {
        /// For the caller: what is wrong, without secrets.
        message: String,
    },
}

/// Why the authority cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Store(#[from] Outage),
    /// Its records do not fit together.
    #[error("the stored catalog is inconsistent: {0}")]
    Catalog(#[from] Inconsistent),
}

struct Inner {
    visible: RwLock<Arc<Catalog>>,
    revision: AtomicU64,
    queue: mpsc::Sender<Submission>,
    plane: Arc<Plane>,
    settings: Settings,
    changed: watch::Sender<Revision>,
    outages: AtomicU64,
    trail: Trail,
    store: Arc<AnyStore>,
    vault: OnceLock<Arc<Vault>>,
}

struct Submission {
    command: Command,
    audit: AuditRecord,
    reply: oneshot::Sender<Result<Decision, CallError>>,
}

/// The writer's own state.
struct Writer {
    inner: Arc<Inner>,
    store: Arc<AnyStore>,
    working: Catalog,
    revision: Revision,
    rng: Rng,
    /// Traces of calls that no change carries.
    pending: Pending,
}

/// Commands that become durable and are answered together.
#[derive(Default)]
struct Batch {
    decided: Vec<Decided>,
    /// Refused because of what the batch is about to change, perhaps: told so only once that is
    /// durable and visible. Otherwise a caller could be refused for something that never was.
    refused: Vec<(Refusal, oneshot::Sender<Result<Decision, CallError>>)>,
}

/// A decided command that waits for its batch to become durable.
struct Decided {
    decision: Decision,
    prepared: Prepared,
    audit: AuditRecord,
    reply: oneshot::Sender<Result<Decision, CallError>>,
}

// === impl Authority ===

impl Authority {
    /// Loads the catalog, publishes it, and starts the writer on the current runtime.
    ///
    /// # Errors
    /// A store that cannot be read, or records that do not fit together.
    pub async fn start(
        store: Arc<AnyStore>,
        plane: Arc<Plane>,
        settings: Settings,
    ) -> Result<Self, StartError> {
        let (revision, resources) = store.load().await?;
        let catalog = Catalog::from_resources(settings.catalog.clone(), resources)?;
        plane.start(&catalog, revision);
        let (queue, submissions) = mpsc::channel(QUEUE_MAX);
        let (trail, pending) = trail();
        let inner = Arc::new(Inner {
            visible: RwLock::new(Arc::new(catalog.clone())),
            revision: AtomicU64::new(revision.0),
            queue,
            plane,
            settings,
            changed: watch::channel(revision).0,
            outages: AtomicU64::new(0),
            trail,
            store: Arc::clone(&store),
            vault: OnceLock::new(),
        });
        let rng = Rng::new(clock::seed());
        let working = catalog;
        let writer = Writer { inner: Arc::clone(&inner), store, working, revision, rng, pending };
        tokio::spawn(writer.run(submissions));
        Ok(Self { inner })
    }

    /// Brings the keys. They are needed by calls, not by traffic, and the catalog tells whether
    /// there must be any; so they come after the start. A second vault is ignored.
    pub fn attach(&self, vault: Vault) {
        let _ = self.inner.vault.set(Arc::new(vault));
    }

    /// Keys and objects, if they were brought.
    pub fn vault(&self) -> Option<Arc<Vault>> {
        self.inner.vault.get().cloned()
    }

    /// Decides, commits with the audit row, publishes, and waits until every data thread runs it.
    pub async fn submit(
        &self,
        command: Command,
        audit: AuditRecord,
    ) -> Result<Decision, CallError> {
        let (reply, answer) = oneshot::channel();
        let submission = Submission { command, audit, reply };
        self.inner
            .queue
            .try_send(submission)
            .map_err(|_| CallError::unavailable("Too many changes are waiting. Try again."))?;
        let lost = || CallError::unavailable("The server is shutting down.");
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Leaves the trace of a call that no change carries, or the answer of one that a change did
    /// carry. Does not wait; it is in the store within a second.
    pub fn record(&self, record: AuditRecord) {
        self.inner.trail.offer(record);
    }

    /// Returns when every trace that was left before is in the store, or cannot be soon.
    pub async fn settle_records(&self) {
        self.inner.trail.flush().await;
    }

    /// Traces that were lost because the store did not keep up.
    pub fn records_lost(&self) -> u64 {
        self.inner.trail.lost()
    }

    /// A page of audited calls.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn events(&self, query: EventQuery) -> Result<EventPage, Outage> {
        self.inner.store.events(query).await
    }

    /// Reads the committed catalog, as it is now: a long answer holds nobody up.
    pub fn read<R>(&self, f: impl FnOnce(&Catalog) -> R) -> R {
        f(&self.inner.visible())
    }

    /// The revision that readers see.
    pub fn revision(&self) -> Revision {
        Revision(self.inner.revision.load(Ordering::Acquire))
    }

    /// The newest snapshot, for measured state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.plane.snapshot()
    }

    /// Why a load balancer cannot serve on some address, if so.
    pub fn impairment(&self, lb: &LoadBalancerArn) -> Option<String> {
        self.inner.plane.impairment(lb)
    }

    /// Account, regions, credentials.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Becomes a new value after every change; a wake-up for reconcilers, without data.
    pub fn changes(&self) -> watch::Receiver<Revision> {
        self.inner.changed.subscribe()
    }

    /// Commits that failed for the world's reasons.
    pub fn outages(&self) -> u64 {
        self.inner.outages.load(Ordering::Relaxed)
    }

    /// The plane behind it.
    pub fn plane(&self) -> &Arc<Plane> {
        &self.inner.plane
    }
}

// === impl Inner ===

impl Inner {
    fn visible(&self) -> Arc<Catalog> {
        Arc::clone(&self.visible.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn show(&self, catalog: Catalog, revision: Revision) {
        let catalog = Arc::new(catalog);
        let mut visible = self.visible.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *visible, catalog);
        self.revision.store(revision.0, Ordering::Release);
        drop(visible);
        // What only the old version held is freed without the lock.
        drop(before);
    }
}

// === impl CallError ===

impl CallError {
    /// 503 with this text.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable { message: message.into() }
    }
}

// === impl Writer ===

impl Writer {
    async fn run(mut self, mut submissions: mpsc::Receiver<Submission>) {
        loop {
            let mut next = tokio::select! {
                biased;
                first = submissions.recv() => match first {
                    Some(first) => Some(first),
                    None => return,
                },
                () = self.pending.ready() => None,
            };
            let mut batch = Batch::default();
            while let Some(submission) = next.take() {
                self.decide(submission, &mut batch).await;
                if batch.decided.len() + batch.refused.len() < BATCH_MAX {
                    next = submissions.try_recv().ok();
                }
            }
            if !batch.decided.is_empty() || self.pending.is_due() {
                self.finish(batch).await;
            }
        }
    }

    /// Applies a command to `working`. A socket that cannot be bound is answered here, and leaves
    /// nothing behind; so is a refusal that leans on nothing but what is visible.
    async fn decide(&mut self, submission: Submission, batch: &mut Batch) {
        let Submission { command, audit, reply } = submission;
        // Deciding changes nothing, so a bug in it costs this call and not the writer.
        let decide = || self.working.apply(&command, clock::now(), &mut self.rng);
        let mut decision = match catch_unwind(AssertUnwindSafe(decide)) {
            Ok(Ok(decision)) => decision,
            Ok(Err(refusal)) if batch.decided.is_empty() => {
                let _ = reply.send(Err(CallError::Refused(refusal)));
                return;
            }
            Ok(Err(refusal)) => return batch.refused.push((refusal, reply)),
            Err(_) => {
                tracing::error!(action = audit.action, "bug: deciding a change panicked");
                let _ = reply.send(Err(CallError::unavailable("An internal error occurred.")));
                return;
            }
        };
        let before = self.working.clone();
        self.working.absorb(&decision.changes);
        decision.records = records(&self.working, &decision.subjects);
        match self.prepare(&decision.changes).await {
            Ok(prepared) => batch.decided.push(Decided { decision, prepared, audit, reply }),
            Err(error) => {
                self.working = before;
                tracing::warn!(%error, "a change was not made: its address cannot be bound");
                let _ = reply.send(Err(CallError::unavailable(error.to_string())));
            }
        }
    }

    /// Binds what the changes need. An address that this process has just stopped to listen on is
    /// free once every data thread runs the publication that said so.
    async fn prepare(&self, changes: &ChangeSet) -> Result<Prepared, PrepareError> {
        let plane = &self.inner.plane;
        match plane.prepare(&self.working, changes) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                plane.settle(PUBLISH_DEADLINE).await;
                plane.prepare(&self.working, changes)
            }
            other => other,
        }
    }

    async fn finish(&mut self, batch: Batch) {
        let traces = self.pending.take();
        let carried = traces.len() as u64;
        let commits: Vec<Commit> = batch
            .decided
            .iter()
            .map(|d| Commit { changes: d.decision.changes.clone(), audit: Some(d.audit.clone()) })
            .chain(
                traces.into_iter().map(|trace| Commit { audit: Some(trace), ..Commit::default() }),
            )
            .collect();
        let (calls, begun) = (batch.decided.len(), Instant::now());
        match self.store.commit(self.revision, commits).await {
            Ok(_) if batch.decided.is_empty() => {}
            Ok(revision) => {
                let commit_us = begun.elapsed().as_micros() as u64;
                self.publish(revision, batch);
                let publish_us = begun.elapsed().as_micros() as u64 - commit_us;
                tracing::debug!(calls, commit_us, publish_us, revision = revision.0, "committed");
            }
            Err(error) => {
                self.inner.trail.lose(carried);
                self.undo(error, batch).await;
            }
        }
        self.pending.settle();
    }

    fn publish(&mut self, revision: Revision, batch: Batch) {
        self.revision = revision;
        let inner = &self.inner;
        let mut touched = std::collections::BTreeSet::new();
        for decided in &batch.decided {
            touched.extend(decided.decision.changes.changes.iter().map(Change::key));
        }
        inner.show(self.working.clone(), revision);
        let mut prepared = Vec::new();
        let mut replies = Vec::new();
        for decided in batch.decided {
            prepared.push(decided.prepared);
            replies.push((Ok(decided.decision), decided.reply));
        }
        let refused = batch.refused.into_iter();
        replies.extend(refused.map(|(why, reply)| (Err(CallError::Refused(why)), reply)));
        let epoch = inner.plane.publish(&self.working, revision, &touched, prepared);
        inner.changed.send_replace(revision);
        let plane = Arc::clone(&inner.plane);
        // Answering must not hold up the next batch.
        tokio::spawn(async move {
            plane.wait_ran(epoch, PUBLISH_DEADLINE).await;
            for (answer, reply) in replies {
                let _ = reply.send(answer);
            }
        });
    }

    /// Takes the batch back and tells its callers why.
    async fn undo(&mut self, error: CommitError, batch: Batch) {
        self.inner.outages.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, calls = batch.decided.len(), "changes could not be made durable");
        let message = format!("The change could not be stored: {error}");
        self.working = Catalog::clone(&self.inner.visible());
        let decided = batch.decided.into_iter().map(|decided| decided.reply);
        for reply in decided.chain(batch.refused.into_iter().map(|(_, reply)| reply)) {
            let _ = reply.send(Err(CallError::unavailable(message.clone())));
        }
        if unknown_fate(&error) {
            self.resync().await;
        }
    }

    /// After an error that may or may not have committed: the store decides what happened.
    async fn resync(&mut self) {
        match self.store.load().await {
            Ok((revision, _)) if revision == self.revision => {}
            Ok((revision, resources)) => self.adopt(revision, resources),
            Err(error) => tracing::error!(%error, "the store cannot be read back"),
        }
    }

    fn adopt(&mut self, revision: Revision, resources: Vec<Resource>) {
        let settings = self.inner.settings.catalog.clone();
        match Catalog::from_resources(settings, resources) {
            Ok(catalog) => {
                tracing::warn!(revision = revision.0, "took the catalog back from the store");
                self.working = catalog.clone();
                self.revision = revision;
                self.inner.show(catalog, revision);
                self.inner.plane.republish(&self.working, revision);
                self.inner.changed.send_replace(revision);
            }
            Err(error) => tracing::error!(%error, "the stored catalog is inconsistent"),
        }
    }
}

/// Whether the store may have committed although it reported an error.
fn unknown_fate(error: &CommitError) -> bool {
    match error {
        CommitError::Stale { .. } => true,
        CommitError::TooLarge { .. } => false,
        CommitError::Outage(outage) => Outage::fate_is_unknown(outage),
    }
}

/// The load-balancing subjects of a decision, from the catalog after it.
fn records(after: &Catalog, subjects: &[ResourceKey]) -> Vec<Resource> {
    let mut out = Vec::new();
    for key in subjects {
        let told = matches!(
            key,
            ResourceKey::LoadBalancer(_)
                | ResourceKey::TargetGroup(_)
                | ResourceKey::Listener(_)
                | ResourceKey::Rule(_)
                | ResourceKey::Certificate(_)
                | ResourceKey::TrustStore(_)
                | ResourceKey::ServiceRole(_)
        );
        let Some(resource) = told.then(|| after.record(key)).flatten() else { continue };
        let default = match &resource {
            Resource::Listener(listener) => after.rule(&listener.default_rule).cloned(),
            _ => None,
        };
        out.push(resource);
        out.extend(default.map(Resource::Rule));
    }
    out
}
