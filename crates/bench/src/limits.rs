//! Every bound of the bench in one place.
//!
//! Invariant: nothing in this crate loops, waits or grows without one of these.

use std::time::Duration;

/// Connections that may be between `connect` and their first answer at once.
pub const OPENING_MAX: usize = 64;
/// An answer later than this is an error and its connection is replaced.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Failures in a row after which a run gives up: the proxy is not there.
pub const FAILURES_IN_A_ROW_MAX: u32 = 2_000;
/// Latency samples that a run keeps; the ones after are counted, not kept.
pub const SAMPLES_MAX: usize = 1 << 20;
/// Bytes of an answer's or a request's head.
pub const HEAD_MAX: usize = 16 * 1024;
/// Scratch buffer of a loop.
pub const BUFFER_BYTES: usize = 256 * 1024;
/// Events taken from the kernel in one turn.
pub const EVENTS: usize = 1_024;
/// The longest a turn waits, so that deadlines are noticed.
pub const TURN_MAX: Duration = Duration::from_millis(100);
/// Everything that opens connections must be done by then.
pub const OPEN_WITHIN: Duration = Duration::from_secs(20);
/// Between the last event and a reading of memory.
pub const SETTLE: Duration = Duration::from_millis(300);
/// A proxy must answer its first request by then.
pub const START_WITHIN: Duration = Duration::from_secs(10);
/// A process that was told to end gets this long before it is killed.
pub const STOP_WITHIN: Duration = Duration::from_secs(3);
/// How often a waiting loop looks.
pub const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Source addresses that connections are spread over: 127.200.0.1 and on.
pub const SOURCES: u32 = 250;
/// A stray target or relay ends by itself.
pub const HELPER_LIVES: Duration = Duration::from_secs(3_600);
/// How long a load process may take beyond its warm-up and window.
pub const LOAD_GRACE: Duration = Duration::from_secs(40);
/// A call of the API that is not answered by then has failed.
pub const CALL_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of an answer of the API.
pub const PAGE_MAX: usize = 16 * 1024 * 1024;
/// Load balancers that are asked for a page, at least.
pub const DOORS: usize = 50;
/// Rounds that may be asked for.
pub const ROUNDS_MAX: u32 = 50;
/// Rules of an equal engine.
pub const RULES: u32 = 20;
/// Idle connections; a relay holds two descriptors for each, of 20,000.
pub const IDLE_CONNECTIONS: usize = 8_000;
/// Connections before the memory of an idle proxy is read for the first time.
pub const IDLE_WARM: usize = 64;
/// Streams of the server-sent events workload.
pub const SSE_STREAMS: usize = 1_000;
/// Between two events of one stream.
pub const SSE_PERIOD: Duration = Duration::from_millis(40);
/// Bytes of one event, its end included.
pub const SSE_EVENT_BYTES: usize = 64;
/// Share of its core above which a proxy counts as saturated, so that a rate may be quoted.
pub const SATURATED: f64 = 0.90;
