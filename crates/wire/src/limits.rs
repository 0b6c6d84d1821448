//! Bounds on what an AWS caller may send, and on what we send back.
//!
//! Invariant: memory for decoding is at most a small multiple of [`BODY_BYTES_MAX`], whatever the
//! body says.

/// Largest query string plus body of a form request, in bytes.
// spec: control-plane §1.5 awsQuery wire format
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Most parameters in a form; the largest honest call (1,000 targets, three members each) has
/// about 3,000.
pub const PARAMETERS_MAX: usize = 20_000;

/// Longest parameter name in bytes, after decoding.
pub const KEY_BYTES_MAX: usize = 1024;

/// Most dotted parts of a parameter name, most levels of a JSON or CBOR message, and so the deepest
/// value.
pub const DEPTH_MAX: usize = 32;

/// Most values in a JSON or CBOR message: lists, maps and what they hold.
pub const DOCUMENT_NODES_MAX: usize = 100_000;

/// Most constraint violations reported for one call.
pub const VIOLATIONS_MAX: usize = 64;

/// Longest echo of an offending value, in characters.
pub const ECHO_CHARS_MAX: usize = 1024;

/// Longest `Authorization` header, or query string of a presigned request, in bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 16 << 10;

/// Most names in `SignedHeaders`.
pub const SIGNED_HEADERS_MAX: usize = 100;

/// Longest validity of a presigned request, in seconds: seven days.
// spec: control-plane §1.6 SigV4 verification
pub const PRESIGNED_EXPIRES_MAX_S: i64 = 604_800;

/// How far a request's date may be from ours, either way, in seconds: fifteen minutes.
// spec: control-plane §1.6 SigV4 verification
pub const CLOCK_SKEW_MAX_S: i64 = 900;

const _: () = assert!(KEY_BYTES_MAX >= DEPTH_MAX * 2);
const _: () = assert!(PARAMETERS_MAX < u32::MAX as usize);
