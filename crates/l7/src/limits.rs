//! Every bound of the HTTP plane that is not a limit of the wire format itself.
//!
//! Invariant: whatever a client or a target can make grow has its bound here or in
//! `weir_wire::http1::limits`.

/// Longest wait for a target to accept a connection (milliseconds).
// spec: alb §1.4 Timers
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;

/// Targets that are tried for one request.
pub const ATTEMPTS_MAX: usize = 3;

/// Bytes of a request (head and body) that are kept so that it can be sent again.
pub const REPLAY_BYTES_MAX: usize = 64 * 1024;

/// Idle connections that one thread keeps to one target.
pub const POOL_IDLE_MAX: usize = 1_024;

/// Empty buffers that one thread keeps for the next message.
pub const BUFFERS_SPARE_MAX: usize = 256;

/// A larger buffer is freed instead of kept.
pub const BUFFER_SPARE_BYTES_MAX: usize = 8 * 1024;

/// First capacity of a buffer.
pub const BUFFER_FIRST_BYTES: usize = 1_024;

/// Exchanges whose memory one thread keeps for the next request.
pub const EXCHANGES_SPARE_MAX: usize = 256;

/// Body bytes that are read and thrown away so that a connection can be used again after an
/// answer that did not need them.
pub const SKIP_BYTES_MAX: u64 = 64 * 1024;

/// Bytes read from a client after our last byte to it, so that closing does not destroy the
/// answer on its way.
pub const LINGER_BYTES_MAX: u64 = 1024 * 1024;

/// Longest time of the same (milliseconds).
pub const LINGER_MS: u64 = 2_000;

/// Scratch buffers that one connection may have read in one turn; the rest runs again.
pub const READS_PER_TURN: usize = 4;

/// Slices that one send may consist of.
pub const PARTS_MAX: usize = 8;

/// Messages of several parts up to this size are copied together: one plain send costs less than
/// gathering.
pub const JOIN_BYTES_MAX: usize = 4 * 1024;

const _: () = assert!(REPLAY_BYTES_MAX >= BUFFER_SPARE_BYTES_MAX);
