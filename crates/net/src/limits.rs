//! Every bound of the reactor and of the socket layer, in one place.
//!
//! A number that limits memory, work per turn or waiting lives here and nowhere else.
//! Invariant: the relations at the end of the file hold at compile time.

use std::time::Duration;

/// Bytes of the scratch buffer that a data thread lends to its handler (bytes).
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Readiness events fetched by one poll.
pub const EVENTS_PER_TURN: usize = 1_024;

/// Connections accepted from one listener in one turn.
pub const ACCEPTS_PER_TURN: usize = 64;

/// Pause of a listener after the process ran out of descriptors (milliseconds).
pub const ACCEPT_REARM_MS: u64 = 100;

/// Pending connections per listening socket; the kernel lowers it to `net.core.somaxconn`.
pub const LISTEN_BACKLOG: i32 = 4_096;

/// Letters from the control side that may wait for one data thread.
pub const MAILBOX_LETTERS: usize = 4_096;

/// Letters that a data thread reads in one turn; the rest wait for the next.
pub const LETTERS_PER_TURN: usize = 256;

/// Panics within [`BUG_WINDOW_MS`] that the process survives.
pub const BUGS_PER_WINDOW: usize = 10;

/// Window of [`BUGS_PER_WINDOW`] (milliseconds).
pub const BUG_WINDOW_MS: u64 = 60_000;

/// Descriptors kept back from the budget: store, API, logs, health checks, epoll, wakers.
pub const DESCRIPTORS_RESERVED: u64 = 512;

/// Data threads of one process.
pub const THREADS_MAX: usize = weir_core::limits::DATA_THREADS_MAX;

/// Second octet of the first loopback block that an instance may own.
pub const BLOCK_FIRST: u8 = 64;

/// Second octet of the last loopback block that an instance may own.
pub const BLOCK_LAST: u8 = 127;

/// Bytes of one chunk of access records.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Age at which an unfinished chunk is sent (milliseconds).
pub const CHUNK_AGE_MS: u64 = 1_000;

/// Chunks of all threads that may wait for the log spool.
pub const CHUNKS_QUEUED: usize = 256;

/// Empty chunk buffers that one thread keeps for reuse.
pub const CHUNKS_RECYCLED: usize = 16;

/// Time a thread may take to leave after it was told to stop at once (milliseconds).
pub const STOP_MS: u64 = 1_000;

/// How long the kernel may take for one request about addresses or links.
pub const NETLINK_WAIT: Duration = Duration::from_millis(500);

/// Addresses and links that the kernel may name in one answer.
pub const NETLINK_PARTS_MAX: usize = 262_144;

/// Lifetime of an address on a device: this long after a kill the kernel has removed it.
pub const ADDRESS_VALID: Duration = Duration::from_secs(15);

/// Between two renewals of a lifetime.
pub const ADDRESS_RENEWAL: Duration = Duration::from_secs(5);

/// Between two attempts while an address is in trouble.
pub const ADDRESS_RETRY: Duration = Duration::from_secs(1);

/// Addresses that are renewed before waiting calls get their turn.
pub const ADDRESSES_PER_TURN: usize = 64;

/// How long a host that has an address may take to say so. On a local network answers come within
/// a millisecond; the call that asks for the address waits this long.
pub const ADDRESS_PROBE_WAIT: Duration = Duration::from_millis(30);

/// Addresses whose failure is remembered so that it is logged once.
pub const ADDRESS_FAILURES_TOLD_MAX: usize = 4096;

/// Frames that are looked at while probing.
pub const ADDRESS_PROBE_FRAMES_MAX: usize = 65_536;

/// How often a new address is announced.
pub const ANNOUNCEMENTS: u32 = 3;

/// Between two announcements of one address.
pub const ANNOUNCEMENT_PAUSE: Duration = Duration::from_millis(800);

const _: () = assert!(BLOCK_FIRST <= BLOCK_LAST);
const _: () = assert!(LETTERS_PER_TURN <= MAILBOX_LETTERS);
const _: () = assert!(ACCEPTS_PER_TURN <= LISTEN_BACKLOG as usize);
const _: () = assert!(ADDRESS_RENEWAL.as_secs() * 3 <= ADDRESS_VALID.as_secs());
const _: () = assert!(ADDRESS_RETRY.as_secs() < ADDRESS_RENEWAL.as_secs());
