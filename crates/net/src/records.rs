//! Access records on their way off a data thread: framed, collected into chunks, sent without ever
//! blocking.
//!
//! A record is `[slot u32 LE][length u32 LE][bytes]`; `slot` says whose log it belongs to. A chunk
//! leaves when it is full or [`limits::CHUNK_AGE_MS`] old. When the spool is behind, the chunk is
//! dropped and counted: logs are best effort, traffic is not. Sent buffers come back by themselves
//! when the reader drops the [`Chunk`].
//!
//! Invariant: memory is bounded by [`limits::CHUNKS_QUEUED`] chunks plus one per thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::clock::Now;
use crate::limits;
use crate::telemetry::ThreadCounters;

const HEADER_BYTES: usize = 8;

/// Collects the records of one data thread.
pub struct ChunkWriter {
    chunk: Vec<u8>,
    records: u64,
    started_ms: u64,
    sender: SyncSender<Chunk>,
    home: SyncSender<Vec<u8>>,
    returned: Receiver<Vec<u8>>,
    counters: Arc<ThreadCounters>,
}

/// Whole records, in order. Its buffer goes back to the writer on drop.
pub struct Chunk {
    bytes: Vec<u8>,
    home: SyncSender<Vec<u8>>,
}

/// The bounded channel between the data threads and the log spool.
pub fn chunk_channel() -> (SyncSender<Chunk>, Receiver<Chunk>) {
    sync_channel(limits::CHUNKS_QUEUED)
}

// === impl ChunkWriter ===

impl ChunkWriter {
    /// A writer of one thread that sends to the spool behind `sender`.
    pub fn new(sender: SyncSender<Chunk>, counters: Arc<ThreadCounters>) -> Self {
        let (home, returned) = sync_channel(limits::CHUNKS_RECYCLED);
        Self { chunk: Vec::new(), records: 0, started_ms: 0, sender, home, returned, counters }
    }

    /// Appends one record. One that cannot fit into any chunk is dropped and counted.
    pub fn push(&mut self, now: Now, slot: u32, record: &[u8]) {
        let framed = HEADER_BYTES + record.len();
        let Ok(length) = u32::try_from(record.len()) else {
            return self.counters.records_dropped.add(1);
        };
        if framed > limits::CHUNK_BYTES {
            return self.counters.records_dropped.add(1);
        }
        if self.chunk.len() + framed > limits::CHUNK_BYTES {
            self.flush();
        }
        if self.chunk.is_empty() {
            self.started_ms = now.mono_ms();
            if self.chunk.capacity() == 0 {
                self.chunk = self.buffer();
            }
        }
        self.chunk.extend_from_slice(&slot.to_le_bytes());
        self.chunk.extend_from_slice(&length.to_le_bytes());
        self.chunk.extend_from_slice(record);
        self.records += 1;
    }

    /// When [`ChunkWriter::tick`] is due (monotonic milliseconds), if anything is collected.
    pub fn deadline_ms(&self) -> Option<u64> {
        (!self.chunk.is_empty()).then_some(self.started_ms + limits::CHUNK_AGE_MS)
    }

    /// Sends the chunk if it is old enough.
    pub fn tick(&mut self, now: Now) {
        if self.deadline_ms().is_some_and(|deadline| deadline <= now.mono_ms()) {
            self.flush();
        }
    }

    /// Sends what is collected, whatever its age. Never blocks.
    pub fn flush(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.chunk);
        let records = std::mem::take(&mut self.records);
        // Full, or the spool is gone: both mean that these records are lost.
        if self.sender.try_send(Chunk { bytes, home: self.home.clone() }).is_err() {
            self.counters.chunks_dropped.add(1);
            self.counters.records_dropped.add(records);
        }
    }

    fn buffer(&self) -> Vec<u8> {
        let recycled = self.returned.try_recv();
        recycled.unwrap_or_else(|_none| Vec::with_capacity(limits::CHUNK_BYTES))
    }
}

impl Drop for ChunkWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

// === impl Chunk ===

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        // Full or gone: the buffer is simply freed.
        let _freed = self.home.try_send(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now { mono_us: ms * 1_000, wall_us: 0 }
    }

    fn writer(sender: SyncSender<Chunk>) -> (ChunkWriter, Arc<ThreadCounters>) {
        let counters = Arc::new(ThreadCounters::default());
        (ChunkWriter::new(sender, counters.clone()), counters)
    }

    #[test]
    fn frames_records_and_sends_by_age() {
        let (sender, chunks) = chunk_channel();
        let (mut writer, _) = writer(sender);
        assert_eq!(writer.deadline_ms(), None);
        writer.push(at(5), 7, b"line\n");
        writer.tick(at(5 + limits::CHUNK_AGE_MS - 1));
        assert!(chunks.try_recv().is_err());
        writer.tick(at(5 + limits::CHUNK_AGE_MS));
        let chunk = chunks.try_recv().unwrap();
        assert_eq!(chunk.as_ref(), b"\x07\0\0\0\x05\0\0\0line\n");
    }

    #[test]
    fn a_full_chunk_leaves_at_once_and_buffers_come_back() {
        let (sender, chunks) = chunk_channel();
        let (mut writer, counters) = writer(sender);
        let record = vec![b'x'; limits::CHUNK_BYTES / 2];
        writer.push(at(0), 0, &record);
        writer.push(at(0), 0, &record);
        let first = chunks.try_recv().unwrap();
        let place = first.as_ref().as_ptr();
        drop(first);
        writer.push(at(0), 0, &record);
        let second = chunks.try_recv().unwrap();
        drop(second);
        writer.flush();
        assert_eq!(chunks.try_recv().unwrap().as_ref().as_ptr(), place, "recycled");
        writer.push(at(0), 0, &vec![0; limits::CHUNK_BYTES]);
        assert_eq!(counters.records_dropped.value(), 1, "larger than any chunk");
    }

    #[test]
    fn a_spool_that_is_behind_costs_records_and_nothing_else() {
        let (sender, chunks) = chunk_channel();
        let (mut writer, counters) = writer(sender);
        for _ in 0..limits::CHUNKS_QUEUED + 2 {
            writer.push(at(0), 0, b"a");
            writer.push(at(0), 0, b"b");
            writer.flush();
        }
        assert_eq!(counters.chunks_dropped.value(), 2);
        assert_eq!(counters.records_dropped.value(), 4);
        assert_eq!(chunks.try_iter().count(), limits::CHUNKS_QUEUED);
    }
}
