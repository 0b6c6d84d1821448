//! HTTP/1 as bytes: heads, bodies and the small writers, without a socket in sight.
//!
//! A head is parsed into *views*: `u32` offsets into the caller's buffer, in a caller-owned head
//! that is used again for the next message. Well-known names are classified once ([`Known`]), so
//! that no later stage compares strings. A clean head takes httparse and one pass of ours over
//! its lines; whatever httparse refuses is read by the tolerant parser [`raw`], which reports
//! what is odd as [`Anomalies`] and is the source of truth.
//!
//! Bodies are read by [`body::Body`], a state machine that never copies and never allocates: the
//! proxy either forwards the bytes it validated (same framing on both sides) or takes the
//! payload spans out of them.
//!
//! Invariant: parsing a message in one piece and parsing it byte by byte give the same answer.

pub mod body;
mod bytes;
#[doc(hidden)]
pub mod checks;
pub mod chunk;
mod fields;
mod known;
pub mod limits;
pub mod raw;
pub mod request;
pub mod response;
mod scan;
pub mod write;

pub use fields::{Field, FieldFlags, Fields, Framing};
pub use known::Known;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use scan::Scan;

/// A range of the buffer that a head was parsed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// How far a parse came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The head is not complete; call again with the same bytes and more behind them.
    Partial,
    /// The head is complete.
    Complete {
        /// Bytes of the head, leading empty lines included; the body starts there.
        head_len: usize,
    },
}

/// The protocol version of a head, as far as HTTP/1 distinguishes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// No version on the request line, or `HTTP/0.9` written out.
    Http09,
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    #[default]
    Http11,
    /// Anything else; the raw bytes tell what.
    Other,
}

/// What the tolerant reading of a request head found, as a set of bits.
///
/// An empty set is a promise on which the desync classifier's fast path rests: method and header
/// names are tokens, no value holds a control character, no name merely resembles
/// `Content-Length` or `Transfer-Encoding`, the target has no space or control character, the
/// version is exactly `HTTP/1.0` or `HTTP/1.1`, and every line ended in CR LF.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Anomalies(u16);

/// Why a head was refused. Every one ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The first byte cannot begin an HTTP/1 message (a TLS hello on a plain port, for example).
    #[error("not an HTTP/1 message")]
    NotHttp,
    /// More empty lines before the start line than [`limits::LEADING_EMPTY_LINES_MAX`].
    #[error("too many empty lines before the start line")]
    EmptyLines,
    /// The request line is longer than [`limits::REQUEST_LINE_MAX`].
    #[error("request line too long")]
    RequestLineTooLong,
    /// One header line is [`limits::HEADER_LINE_MAX`] bytes or longer.
    #[error("header line too long")]
    HeaderTooLong,
    /// All header lines together exceed their limit.
    #[error("headers too large")]
    HeadersTooLarge,
    /// More header lines than [`limits::HEADERS_MAX`].
    #[error("too many header lines")]
    TooManyHeaders,
    /// A response head that breaks the grammar. Requests are never refused with this: their
    /// oddities are reported as anomalies and judged elsewhere.
    #[error("malformed response head")]
    Malformed,
}

// === impl Span ===

impl Span {
    /// The span `start..end`. Both fit because every buffer is bounded by the limits.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes of this span in the buffer that it was parsed from.
    #[inline]
    pub fn of<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        &buf[self.start as usize..self.end as usize]
    }

    /// Bytes covered.
    #[inline]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the span covers nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

// === impl Version ===

impl Version {
    /// Reads the version word of a request line; surrounding blanks make it [`Version::Other`].
    pub fn of(word: &[u8]) -> Self {
        match word {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            b"" | b"HTTP/0.9" => Version::Http09,
            _ => Version::Other,
        }
    }
}

// === impl Anomalies ===

impl Anomalies {
    /// Nothing odd.
    pub const NONE: Self = Self(0);
    /// A line ended in LF without CR (`NonCrLfLineTermination`).
    pub const BARE_LF: Self = Self(1);
    /// A line began with a blank: obsolete folding (`MultilineHeader`).
    pub const FOLDED: Self = Self(1 << 1);
    /// The bytes ended inside a line (`PartialHeaderLine`); only at the end of a connection.
    pub const PARTIAL_LINE: Self = Self(1 << 2);
    /// The bytes ended before the empty line (`MissingLastEmptyLine`); likewise.
    pub const NO_EMPTY_LINE: Self = Self(1 << 3);
    /// A header line had no colon (`MissingHeaderColon`).
    pub const NO_COLON: Self = Self(1 << 4);
    /// The request line had no target (`MissingUri`).
    pub const NO_TARGET: Self = Self(1 << 5);
    /// A header name is empty, is not a token or resembles a length header, or a value holds a
    /// control character.
    pub const ODD_HEADER: Self = Self(1 << 6);
    /// The method is not a token.
    pub const ODD_METHOD: Self = Self(1 << 7);
    /// The version is not exactly `HTTP/1.0` or `HTTP/1.1`.
    pub const ODD_VERSION: Self = Self(1 << 8);
    /// The target holds a space or a control character.
    pub const ODD_TARGET: Self = Self(1 << 9);

    /// The raw bits; `weir_core::traffic::http::Anomalies` has the same layout.
    #[inline]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether nothing odd was found.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any of `other` is set.
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds `other`.
    #[inline]
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl std::fmt::Debug for Anomalies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Anomalies({:#012b})", self.0)
    }
}
