//! The log archive: access-record chunks → plain-text spool files → gzipped objects in S3's folder
//! layout below a local directory.
//!
//! ```text
//! chunk ─ append ─> spool/<log>/<end>_<random>.log ─ rotate ─> root/<bucket>/AWSLogs/…/*.log.gz
//! ```
//!
//! One thread owns a [`LogSpool`]; the data threads' side of the channel never blocks. A disk that
//! is full or read-only costs log lines, counted and logged once a minute, never traffic or memory.
//! A segment's random part is chosen with its spool file, so archiving it again after a crash
//! writes the same object again instead of a second one.
//!
//! Invariant: an object appears under its final name only when it is complete and on disk, and a
//! spool file disappears only after that.

mod destination;
mod segment;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::destination::{LogDestination, LogKind};
use self::segment::{Segment, Shipment};

/// Length of a segment, as AWS has it (microseconds).
// spec: alb §11 Logs
pub const INTERVAL_US: u64 = 300 * 1_000_000;

/// How often the thread looks at the clock when no chunk arrives.
const TICK: Duration = Duration::from_millis(500);

/// Pause before a failed shipment is tried again, and between two lines about it (microseconds).
const RETRY_US: u64 = 10 * 1_000_000;
const COMPLAIN_US: u64 = 60 * 1_000_000;

/// Bytes of all logs together that wait in memory for a disk that does not take them.
const PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Log slots (as records carry them) and where their lines go. Shared with the control side.
#[derive(Debug, Default)]
pub struct LogDirectory {
    by_slot: RwLock<BTreeMap<u32, Arc<Bound>>>,
}

/// A destination with the name of its directory, made once and not for every record.
#[derive(Debug)]
struct Bound {
    destination: Arc<LogDestination>,
    key: String,
}

/// Counters of the archive, read by the scrape.
#[derive(Debug, Default)]
pub struct SpoolStats {
    /// Records appended to spool files.
    pub records_written: AtomicU64,
    /// Records lost: no destination, or no disk and no room in memory.
    pub records_dropped: AtomicU64,
    /// Objects completed.
    pub objects_written: AtomicU64,
    /// Failed writes of any kind.
    pub errors: AtomicU64,
}

/// Where the archive lives and how long a segment is.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// Spool files: `<data-dir>/logs/spool`.
    pub spool: PathBuf,
    /// The directory that stands for S3: one subdirectory per bucket.
    pub root: PathBuf,
    /// Length of a segment (microseconds), aligned to the wall clock; [`INTERVAL_US`].
    pub interval_us: u64,
}

/// Collects records into segments and ships the finished ones.
pub struct LogSpool {
    config: SpoolConfig,
    directory: Arc<LogDirectory>,
    stats: Arc<SpoolStats>,
    open: BTreeMap<String, Segment>,
    shipments: Vec<Shipment>,
    retry_us: u64,
    complained_us: Option<u64>,
}

// === impl LogDirectory ===

impl LogDirectory {
    /// Sends the records of `slot` to `destination`. A slot must not be given to another load
    /// balancer while records of the former may be on their way: use each number once.
    pub fn bind(&self, slot: u32, destination: LogDestination) {
        let bound = Bound { key: destination.key(), destination: Arc::new(destination) };
        let mut slots = self.by_slot.write().unwrap_or_else(PoisonError::into_inner);
        slots.insert(slot, Arc::new(bound));
    }

    /// Forgets a slot; its later records are dropped and counted.
    pub fn unbind(&self, slot: u32) {
        self.by_slot.write().unwrap_or_else(PoisonError::into_inner).remove(&slot);
    }

    fn bound(&self, slot: u32) -> Option<Arc<Bound>> {
        self.by_slot.read().unwrap_or_else(PoisonError::into_inner).get(&slot).cloned()
    }
}

// === impl LogSpool ===

impl LogSpool {
    /// A spool that first takes over what an earlier process has left in its directory.
    /// A directory that cannot be used is an outage to be retried, not an error of the start.
    pub fn new(config: SpoolConfig, directory: Arc<LogDirectory>, stats: Arc<SpoolStats>) -> Self {
        assert!(config.interval_us > 0, "a segment has a length");
        let shipments = segment::left_over(&config.spool);
        Self {
            config,
            directory,
            stats,
            open: BTreeMap::new(),
            shipments,
            retry_us: 0,
            complained_us: None,
        }
    }

    /// Starts the thread. It ends when every sender of `chunks` is gone, after it has shipped
    /// everything that the disk takes.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn spawn<C>(mut self, chunks: Receiver<C>) -> io::Result<JoinHandle<()>>
    where
        C: AsRef<[u8]> + Send + 'static,
    {
        std::thread::Builder::new().name("weir-log-spool".into()).spawn(move || {
            loop {
                match chunks.recv_timeout(TICK) {
                    Ok(chunk) => self.append(chunk.as_ref(), wall_us()),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                self.rotate(wall_us());
            }
            self.finish(wall_us());
        })
    }

    /// Demultiplexes one chunk of `[slot u32 LE][length u32 LE][bytes]` records. Records of one
    /// slot come in runs, so what belongs to the slot is looked up once per run.
    pub fn append(&mut self, mut chunk: &[u8], now_us: u64) {
        while let Some((slot, _, _)) = split(chunk) {
            let bound = self.directory.bound(slot);
            chunk = match bound {
                Some(bound) => self.append_run(&bound, slot, chunk, now_us),
                None => {
                    count(&self.stats.records_dropped, 1);
                    split(chunk).map_or(&[], |(_, _, rest)| rest)
                }
            };
        }
        if !chunk.is_empty() {
            count(&self.stats.errors, 1);
            tracing::error!(bytes = chunk.len(), "bug: a chunk of access records is torn");
        }
        self.flush(now_us);
    }

    /// Closes the segments whose interval has ended and ships what is closed.
    pub fn rotate(&mut self, now_us: u64) {
        self.close_ended(|segment| segment.end_us <= now_us);
        self.flush(now_us);
        if now_us >= self.retry_us {
            self.ship(now_us);
        }
    }

    /// Closes and ships everything, ended or not: the process stops.
    pub fn finish(&mut self, now_us: u64) {
        self.flush(now_us);
        self.close_ended(|_| true);
        self.ship(now_us);
    }

    /// Closed segments that are not archived yet.
    pub fn backlog(&self) -> usize {
        self.shipments.len()
    }

    /// Appends the records at the start of `chunk` that belong to `slot`; returns what follows.
    fn append_run<'c>(
        &mut self,
        to: &Bound,
        slot: u32,
        mut chunk: &'c [u8],
        now_us: u64,
    ) -> &'c [u8] {
        let mut pending: usize = self.open.values().map(Segment::pending_bytes).sum();
        let ended = |segment: &Segment| segment.end_us <= now_us;
        if self.open.get(&to.key).is_some_and(ended)
            && let Some(segment) = self.open.remove(&to.key)
        {
            self.close(segment);
        }
        if !self.open.contains_key(&to.key) {
            let interval_us = self.config.interval_us;
            let end_us = (now_us / interval_us + 1) * interval_us;
            let segment = Segment::new(&self.config.spool, to.destination.clone(), end_us);
            self.open.insert(to.key.clone(), segment);
        }
        let Some(segment) = self.open.get_mut(&to.key) else { return &[] };
        while let Some((_, record, rest)) = split(chunk).filter(|(own, _, _)| *own == slot) {
            chunk = rest;
            pending += record.len();
            if pending > PENDING_BYTES_MAX {
                count(&self.stats.records_dropped, 1);
            } else {
                segment.push(record);
            }
        }
        chunk
    }

    fn flush(&mut self, now_us: u64) {
        let mut failure = None;
        for segment in self.open.values_mut() {
            match segment.flush() {
                Ok(records) => count(&self.stats.records_written, records),
                Err(error) => failure = Some((segment.path().to_owned(), error)),
            }
        }
        if let Some((path, error)) = failure {
            self.complain(now_us, &path, &error);
        }
    }

    fn close_ended(&mut self, ended: impl Fn(&Segment) -> bool) {
        let keys: Vec<String> = self.open.keys().cloned().collect();
        for key in keys {
            if self.open.get(&key).is_some_and(&ended)
                && let Some(segment) = self.open.remove(&key)
            {
                self.close(segment);
            }
        }
    }

    fn close(&mut self, mut segment: Segment) {
        // The last chance of these records: a disk that fails now has failed for seconds.
        let written = segment.flush().unwrap_or(0);
        count(&self.stats.records_written, written);
        count(&self.stats.records_dropped, segment.pending_records());
        self.shipments.extend(segment.into_shipment());
    }

    fn ship(&mut self, now_us: u64) {
        for shipment in std::mem::take(&mut self.shipments) {
            match shipment.ship(&self.config.root) {
                Ok(()) => count(&self.stats.objects_written, 1),
                Err(error) => {
                    self.retry_us = now_us + RETRY_US;
                    self.complain(now_us, &shipment.object(&self.config.root), &error);
                    self.shipments.push(shipment);
                }
            }
        }
    }

    fn complain(&mut self, now_us: u64, path: &Path, error: &io::Error) {
        count(&self.stats.errors, 1);
        if self.complained_us.is_none_or(|at| at + COMPLAIN_US <= now_us) {
            self.complained_us = Some(now_us);
            tracing::error!(path = %path.display(), %error, "the log archive cannot be written");
        }
    }
}

fn split(chunk: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (slot, rest) = chunk.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, rest) = rest.split_at_checked(length)?;
    Some((u32::from_le_bytes(*slot), record, rest))
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
