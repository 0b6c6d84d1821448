//! Every bound of the simulated world.
//!
//! Invariant: the settling time is longer than any deadline that the engine may still have to
//! keep when the load stops, so what is left after it has leaked.

/// Data threads, each with its own engine.
pub const THREADS: usize = 2;

/// One virtual second, in the world's unit.
pub const SECOND_US: u64 = 1_000_000;

/// How long the world runs on after the load stopped (virtual microseconds).
pub const SETTLE_US: u64 = 150 * SECOND_US;

/// Monotonic clock at the beginning (milliseconds): not zero, so that nobody can rely on it.
pub const ORIGIN_MS: u64 = 777_000;

/// Wall clock at the beginning (microseconds since the epoch).
pub const WALL_ORIGIN_US: i64 = 1_795_000_000_000_000;

/// Client slots that keep a busy load balancer busy.
pub const CLIENTS_BUSY: usize = 10;

/// Client slots of the load balancer that no command names.
pub const CLIENTS_STILL: usize = 3;

/// Addresses that each target group may register.
pub const TARGETS_PER_GROUP: usize = 4;

/// Target groups that commands name; one more is left alone.
pub const GROUPS_BUSY: usize = 3;

/// Largest body in either direction (bytes).
pub const BODY_MAX: u32 = 24_000;

/// Longest wait of a client for the next byte before it calls the request lost: three connect
/// timeouts, two idle timeouts, and what the network adds (virtual microseconds).
pub const PATIENCE_US: u64 = 60 * SECOND_US;

/// Idle timeout of the load balancer that is left alone (seconds).
pub const IDLE_STILL_S: u64 = 30;

/// Longest idle timeout that a command gives to a busy load balancer (seconds).
pub const IDLE_BUSY_MAX_S: u32 = 14;

/// What the network and the run-again list may add to a deadline (virtual microseconds).
pub const SLACK_US: u64 = SECOND_US;

/// Events of one seed; more means that something runs in circles.
pub const EVENTS_MAX: u64 = 20_000_000;

/// Reads of one connection in one turn.
pub const READS_PER_TURN: usize = 4;

/// Largest single read (bytes).
pub const READ_MAX: u32 = 16_384;

const _: () = assert!(SETTLE_US > PATIENCE_US + 2 * IDLE_STILL_S * SECOND_US);
const _: () = assert!((IDLE_BUSY_MAX_S as u64) < IDLE_STILL_S);
