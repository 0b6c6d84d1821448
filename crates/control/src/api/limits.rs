//! Bounds of the API's front: connections, bytes, waits, list sizes.
//!
//! Invariant: with every connection at its worst, the front holds at most
//! [`CONNECTIONS_MAX`] × [`HEAD_BYTES_MAX`] of heads and [`BODY_KIB_IN_FLIGHT_MAX`] KiB of bodies.

use std::time::Duration;

/// Open connections; beyond it the longest idle one is closed for the newcomer.
pub const CONNECTIONS_MAX: usize = 512;
/// One request head (line and fields), in bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header fields of one request.
pub const HEADERS_MAX: usize = 100;
/// One request body, in bytes. The codecs have the same bound.
// spec: control-plane §1.5 awsQuery wire format
pub const BODY_BYTES_MAX: usize = weir_wire::limits::BODY_BYTES_MAX;
/// Bodies up to this size, in bytes, are taken without waiting for room: nearly every call is
/// small, and must get through while big bodies trickle in. The bound on connections bounds them.
pub const BODY_SMALL_BYTES_MAX: usize = 64 * 1024;
/// All bigger request bodies that are held at once, in KiB.
pub const BODY_KIB_IN_FLIGHT_MAX: usize = 64 * 1024;
/// Body bytes that are read and thrown away after a refusal, so that the client reads the answer.
pub const DISCARD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// From the first moment of a connection, or the end of the last response, to a whole head.
pub const HEAD_WAIT_MAX: Duration = Duration::from_secs(60);
/// From the first moment of a connection to the end of its TLS handshake.
pub const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(10);
/// From a whole head to a whole body, including the wait for room.
pub const BODY_WAIT_MAX: Duration = Duration::from_secs(30);
/// The longest a call may take; what it committed stays committed.
pub const CALL_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long open connections may finish after the shutdown signal.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(5);
/// The pause after the listener failed to accept (for want of descriptors, say).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Items of one page when the caller names no `PageSize`.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
pub const PAGE_SIZE_DEFAULT: usize = 50;
/// Largest `PageSize`, and the default of lists that hardly ever grow.
pub const PAGE_SIZE_MAX: usize = 400;
/// Markers that are remembered after they were given out.
pub const MARKERS_REMEMBERED_MAX: usize = 4_096;
/// Items of one EC2 page when the caller names no `MaxResults`.
pub const EC2_PAGE_SIZE_DEFAULT: usize = 1_000;
/// Bounds of `MaxResults`.
pub const EC2_PAGE_SIZE_MIN: i32 = 5;
/// Bounds of `MaxResults`.
pub const EC2_PAGE_SIZE_MAX: i32 = 1_000;
/// Filters of one EC2 call.
pub const EC2_FILTERS_MAX: usize = 50;
/// Values of one EC2 filter.
pub const EC2_FILTER_VALUES_MAX: usize = 200;
/// Bytes of a call's parameters, and of its answer, that the audit keeps.
// spec: nlb-gwlb-clb §5.1 Record fields
pub const AUDIT_PARAMETERS_MAX: usize = 100 * 1024;
/// Bytes of an error message, and of a user agent, that the audit keeps.
// spec: nlb-gwlb-clb §5.1 Record fields
pub const AUDIT_TEXT_MAX: usize = 1024;
/// Resources that one audit record lists.
pub const AUDIT_RESOURCES_MAX: usize = 50;

const _: () = assert!(BODY_BYTES_MAX / 1024 <= BODY_KIB_IN_FLIGHT_MAX);
const _: () = assert!(CONNECTIONS_MAX * BODY_SMALL_BYTES_MAX / 1024 <= BODY_KIB_IN_FLIGHT_MAX);
