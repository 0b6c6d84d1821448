//! Audited calls on their way to the store: what is not committed with a change of its own.
//!
//! ```text
//! reads ────┐  at most a second              ┌─▶ with the next batch of changes
//! refusals ─┼─▶ bounded queue ─▶ the writer ─┤
//! answers ──┘  at most a tenth of one        └─▶ in a transaction of their own
//! ```
//!
//! A call never waits for its trace. When the queue is full, because the disk is slower than the
//! callers, records are lost; that is counted and logged.
//!
//! Invariant: the queue is bounded in records and in bytes, and records of one call reach the
//! store in the order in which they were offered.
// spec: nlb-gwlb-clb §5.1 Record fields

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use weir_core::catalog::AuditRecord;

/// Records that may wait.
const QUEUE_MAX: usize = 16_384;
/// Their bytes.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Records that one transaction takes along, so that no change waits long for the traces of
/// others.
const PER_COMMIT_MAX: usize = 256;
/// A read is written at most this much later: within a second, the commit included.
const READ_DELAY: Duration = Duration::from_millis(700);
/// A refusal, or the answer of a change that is committed already.
const MUTATION_DELAY: Duration = Duration::from_millis(100);
/// How long a search waits for what was offered before it.
const FLUSH_WAIT: Duration = Duration::from_secs(2);
/// What a record occupies beside its document.
const OVERHEAD_BYTES: usize = 512;

/// The end that calls hold.
#[derive(Debug)]
pub(crate) struct Trail {
    queue: mpsc::Sender<Message>,
    bytes: Arc<AtomicUsize>,
    lost: AtomicU64,
}

/// The end that the writer holds.
#[derive(Debug)]
pub(crate) struct Pending {
    inbox: mpsc::Receiver<Message>,
    bytes: Arc<AtomicUsize>,
    records: Vec<AuditRecord>,
    flushes: Vec<oneshot::Sender<()>>,
    due: Option<Instant>,
}

#[derive(Debug)]
enum Message {
    Record { record: Box<AuditRecord>, due: Instant },
    Flush(oneshot::Sender<()>),
}

/// Both ends.
pub(crate) fn trail() -> (Trail, Pending) {
    let (queue, inbox) = mpsc::channel(QUEUE_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let (records, flushes) = (Vec::new(), Vec::new());
    let pending = Pending { inbox, bytes: Arc::clone(&bytes), records, flushes, due: None };
    (Trail { queue, bytes, lost: AtomicU64::new(0) }, pending)
}

// === impl Trail ===

impl Trail {
    /// Hands a record over, without waiting.
    pub fn offer(&self, record: AuditRecord) {
        let size = size(&record);
        let delay = if record.read_only { READ_DELAY } else { MUTATION_DELAY };
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let fits = before + size <= QUEUE_BYTES_MAX;
        let message = Message::Record { record: Box::new(record), due: Instant::now() + delay };
        if !fits || self.queue.try_send(message).is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.lose(1);
        }
    }

    /// Returns when what was offered before is in the store, or cannot be, or takes too long.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        let flushed = async {
            if self.queue.send(Message::Flush(done)).await.is_ok() {
                // Dropped when the writer ends: there is nothing left to wait for.
                let _ = answer.await;
            }
        };
        let _ = timeout(FLUSH_WAIT, flushed).await;
    }

    /// Counts records that did not reach the store.
    pub fn lose(&self, count: u64) {
        let before = self.lost.fetch_add(count, Ordering::Relaxed);
        let lost = before + count;
        // At every doubling: a full queue is full for a while.
        if lost.checked_ilog2() != before.checked_ilog2() {
            tracing::error!(lost, "audit records are lost: the store does not keep up");
        }
    }

    /// Records that did not reach the store.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

// === impl Pending ===

impl Pending {
    /// Returns when records should be written now. May be dropped and asked again.
    pub async fn ready(&mut self) {
        while !self.is_due() {
            let next = match self.due {
                None => self.inbox.recv().await,
                Some(due) => tokio::select! {
                    message = self.inbox.recv() => message,
                    () = sleep_until(due) => return,
                },
            };
            match next {
                Some(message) => self.accept(message),
                // No call can come any more; the writer ends for the same reason.
                None => return std::future::pending().await,
            }
        }
    }

    /// Whether records should be written although no change is.
    pub fn is_due(&self) -> bool {
        self.records.len() >= PER_COMMIT_MAX
            || !self.flushes.is_empty()
            || self.due.is_some_and(|due| due <= Instant::now())
    }

    /// The records that go with the next transaction.
    pub fn take(&mut self) -> Vec<AuditRecord> {
        while self.records.len() < PER_COMMIT_MAX
            && let Ok(message) = self.inbox.try_recv()
        {
            self.accept(message);
        }
        self.due = None;
        std::mem::take(&mut self.records)
    }

    /// The transaction has ended, one way or the other.
    pub fn settle(&mut self) {
        for done in self.flushes.drain(..) {
            // A search that gave up is not an error.
            let _ = done.send(());
        }
    }

    fn accept(&mut self, message: Message) {
        match message {
            Message::Record { record, due } => {
                self.bytes.fetch_sub(size(&record), Ordering::Relaxed);
                self.due = Some(self.due.map_or(due, |own| own.min(due)));
                self.records.push(*record);
            }
            Message::Flush(done) => self.flushes.push(done),
        }
    }
}

// === helpers ===

fn size(record: &AuditRecord) -> usize {
    record.document.len() + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u64, read_only: bool, size: usize) -> AuditRecord {
        AuditRecord {
            event_id: format!("event-{id}"),
            request_id: String::new(),
            time_ms: 0,
            source: "ec2.amazonaws.com".into(),
            action: "X".into(),
            region: "us-east-1".into(),
            principal: "AKIA1".into(),
            username: "root".into(),
            read_only,
            resources: Vec::new(),
            document: "x".repeat(size),
        }
    }

    #[tokio::test]
    async fn refusals_are_written_sooner_than_reads() {
        let (trail, mut pending) = trail();
        let begin = Instant::now();
        trail.offer(record(1, true, 1));
        assert!(timeout(READ_DELAY / 2, pending.ready()).await.is_err());
        trail.offer(record(2, true, 1));
        pending.ready().await;
        assert!(begin.elapsed() >= READ_DELAY);
        assert_eq!(pending.take().len(), 2);
        assert!(!pending.is_due());
        trail.offer(record(3, true, 1));
        trail.offer(record(4, false, 1));
        let begin = Instant::now();
        pending.ready().await;
        assert!((MUTATION_DELAY..READ_DELAY).contains(&begin.elapsed()));
        assert_eq!(pending.take().len(), 2);
    }

    #[tokio::test]
    async fn many_records_and_searches_do_not_wait() {
        let (trail, mut pending) = trail();
        (0..PER_COMMIT_MAX as u64 + 5).for_each(|id| trail.offer(record(id, true, 1)));
        let begin = Instant::now();
        pending.ready().await;
        let ids: Vec<_> = pending.take().into_iter().map(|record| record.event_id).collect();
        assert_eq!((ids.len(), ids[0].as_str()), (PER_COMMIT_MAX, "event-0"));
        let flush = async {
            tokio::join!(trail.flush(), async {
                pending.ready().await;
                assert_eq!(pending.take().len(), 5);
                pending.settle();
            })
        };
        flush.await;
        assert!(begin.elapsed() < READ_DELAY);
    }

    #[tokio::test]
    async fn a_full_queue_loses_counts_and_recovers() {
        let (trail, mut pending) = trail();
        (0..QUEUE_MAX as u64 + 3).for_each(|id| trail.offer(record(id, true, 1)));
        assert_eq!(trail.lost(), 3);
        trail.lose(0);
        while !pending.take().is_empty() {}
        assert_eq!(trail.bytes.load(Ordering::Relaxed), 0);
        let huge = QUEUE_BYTES_MAX / 4;
        (0..5).for_each(|id| trail.offer(record(id, true, huge)));
        assert_eq!(trail.lost(), 3 + 2);
        assert_eq!(pending.take().len(), 3);
        trail.offer(record(9, true, huge));
        assert_eq!((pending.take().len(), trail.lost()), (1, 5));
    }

    #[tokio::test]
    async fn a_search_gives_up_on_a_writer_that_does_not_answer() {
        let (trail, pending) = trail();
        let begin = Instant::now();
        trail.flush().await;
        assert!(begin.elapsed() >= FLUSH_WAIT);
        drop(pending);
        let begin = Instant::now();
        trail.flush().await;
        assert!(begin.elapsed() < FLUSH_WAIT);
    }
}
