//! Every bound of the HTTP/1 readers.
//!
//! The sizes are the load balancer's published hard limits; the counts are our own, because the
//! published ones name only bytes and an array must end somewhere.
//!
//! Invariant: a head that passes them fits [`HEAD_BYTES_MAX`], so a connection's receive buffer
//! never has to grow beyond that.

/// Longest request line, in bytes without its line end.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub const REQUEST_LINE_MAX: usize = 16 * 1024;
/// A header line of this many bytes (without its line end) or more is refused.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub const HEADER_LINE_MAX: usize = 16 * 1024;
/// All header lines of a request, in bytes with line ends and the closing empty line.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub const REQUEST_HEADERS_MAX: usize = 64 * 1024;
/// The whole head of a target's response, in bytes.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub const RESPONSE_HEAD_MAX: usize = 32 * 1024;
/// Header lines of one message. Not published; our own bound.
pub const HEADERS_MAX: usize = 256;
/// Empty lines that may stand before a start line.
pub const LEADING_EMPTY_LINES_MAX: usize = 4;
/// Bytes that those empty lines may take.
pub const LEADING_BYTES_MAX: usize = 2 * LEADING_EMPTY_LINES_MAX;
/// Most bytes that a request head can occupy in the receive buffer.
pub const HEAD_BYTES_MAX: usize = LEADING_BYTES_MAX + REQUEST_LINE_MAX + 2 + REQUEST_HEADERS_MAX;
/// Hexadecimal digits of one chunk size, leading zeros included.
pub const CHUNK_SIZE_DIGITS_MAX: u8 = 16;
/// Bytes of one chunk's extensions.
pub const CHUNK_EXTENSION_MAX: u32 = 4 * 1024;
/// Bytes of all chunk extensions of one body: a body made of extensions is an attack.
pub const CHUNK_EXTENSIONS_MAX: u32 = 256 * 1024;
/// Bytes of the trailer section of a chunked body.
pub const TRAILERS_MAX: u32 = 16 * 1024;

const _: () = assert!(HEADERS_MAX <= 256, "the index of first occurrences is one byte");
const _: () = assert!(HEADER_LINE_MAX <= u16::MAX as usize, "field lengths are u16");
const _: () = assert!(RESPONSE_HEAD_MAX <= u16::MAX as usize, "field lengths are u16");
const _: () = assert!(HEADER_LINE_MAX < REQUEST_HEADERS_MAX);
