//! A request head as the decisions see it: borrowed, and independent of its encoding.
//!
//! The parser's crate is not visible from here and must not be. So the facts are plain slices, a
//! set of bits with a fixed layout, and one small trait for the header lines, which the plane
//! implements for its views: building the facts copies a few words and touches no header.
//!
//! Invariant: [`Anomalies`] has the bit layout of `weir_wire::http1::Anomalies`; a test of the
//! plane, which sees both, compares them.

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// The name as it was sent: the classifier has to see the blanks around it.
    pub name: &'a [u8],
    /// The value, without the blanks around it.
    pub value: &'a [u8],
}

/// The header lines of a head, in order.
///
/// Implemented by the plane for its parsed heads, and here for slices of [`HeaderView`].
pub trait Headers {
    /// Number of header lines.
    fn count(&self) -> usize;
    /// The line at `index`, which is below [`Headers::count`].
    fn line(&self, index: usize) -> HeaderView<'_>;

    /// All lines, in order.
    fn lines(&self) -> impl Iterator<Item = HeaderView<'_>> {
        (0..self.count()).map(|index| self.line(index))
    }

    /// The values of all lines with this name, without regard to case, in order.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let wanted = name.as_bytes();
        self.lines().filter(|line| line.name.eq_ignore_ascii_case(wanted)).map(|line| line.value)
    }
}

/// Everything about a request head that a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a, H> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// The request target, as sent.
    pub target: &'a [u8],
    /// The version word, as sent; empty for a simple HTTP/0.9 request.
    pub version: &'a [u8],
    /// What the parser found odd.
    pub anomalies: Anomalies,
    /// The raw-parse finding of the Ambiguous tier that came first, one bit or none.
    pub first_ambiguous: Anomalies,
    /// What the length headers say, when it is plain.
    pub framing: FramingHint,
    /// The header lines.
    pub headers: H,
}

/// What the length headers of a head say, when it can be said without judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FramingHint {
    /// Neither `Content-Length` nor `Transfer-Encoding`.
    #[default]
    None,
    /// Exactly one `Content-Length`, plain digits, and no `Transfer-Encoding`.
    Length(u64),
    /// Exactly one `Transfer-Encoding`, which is `chunked`, and no `Content-Length`.
    Chunked,
    /// Anything else: the header lines decide.
    Odd,
}

/// What was odd about a head, as a set of bits.
///
/// An empty set promises: method and header names are tokens, no value holds a control
/// character, no name merely resembles a length header, the target is not empty and holds no
/// space or control character, the version is exactly `HTTP/1.0` or `HTTP/1.1`, and every line
/// ended in CR LF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies(u16);

/// The methods that some decision distinguishes. Methods are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
    /// Any other token.
    Other,
}

/// The version word of a request line, read the way the mitigation reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Absent, or `HTTP/0.9`.
    Http09,
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    Http11,
    /// `HTTP/1.2` to `HTTP/1.9`: treated as 1.1.
    Http1x,
    /// `HTTP/2` and above: not a version for this connection.
    Http2OrLater,
    /// Not a version at all.
    Invalid,
}

// === impl Headers ===

impl Headers for [HeaderView<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn line(&self, index: usize) -> HeaderView<'_> {
        self[index]
    }
}

impl<H: Headers + ?Sized> Headers for &H {
    #[inline]
    fn count(&self) -> usize {
        (**self).count()
    }

    #[inline]
    fn line(&self, index: usize) -> HeaderView<'_> {
        (**self).line(index)
    }
}

// === impl RequestFacts ===

impl<H> RequestFacts<'_, H> {
    /// The method, classified.
    #[inline]
    pub fn method(&self) -> Method {
        Method::of(self.method)
    }

    /// The version, classified.
    #[inline]
    pub fn version(&self) -> Version {
        Version::of(self.version)
    }
}

// === impl Anomalies ===

impl Anomalies {
    /// Nothing odd.
    pub const NONE: Self = Self(0);
    /// A line ended in LF without CR.
    pub const BARE_LF: Self = Self(1);
    /// A line began with a blank.
    pub const FOLDED: Self = Self(1 << 1);
    /// The bytes ended inside a line.
    pub const PARTIAL_LINE: Self = Self(1 << 2);
    /// The bytes ended before the empty line.
    pub const NO_EMPTY_LINE: Self = Self(1 << 3);
    /// A header line had no colon.
    pub const NO_COLON: Self = Self(1 << 4);
    /// The request line had no target.
    pub const NO_TARGET: Self = Self(1 << 5);
    /// Some header line needs to be looked at byte by byte.
    pub const ODD_HEADER: Self = Self(1 << 6);
    /// The method is not a token.
    pub const ODD_METHOD: Self = Self(1 << 7);
    /// The version is not exactly `HTTP/1.0` or `HTTP/1.1`.
    pub const ODD_VERSION: Self = Self(1 << 8);
    /// The target holds a space or a control character.
    pub const ODD_TARGET: Self = Self(1 << 9);

    /// The set with these bits; bits without a meaning are kept and count as odd.
    #[inline]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits.
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

    /// Both sets together.
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

// === impl Method ===

impl Method {
    /// Classifies a method. Exact: `get` is a method of its own.
    #[inline]
    pub fn of(method: &[u8]) -> Self {
        match method {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }

    /// Whether a body of such a request has no defined meaning.
    // spec: alb §3.9 Desync mitigation
    #[inline]
    pub fn is_without_body(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }

    /// Whether doing it twice is the same as doing it once, so that a request whose connection
    /// died may be sent again.
    #[inline]
    pub fn is_idempotent(self) -> bool {
        matches!(
            self,
            Method::Get
                | Method::Head
                | Method::Put
                | Method::Delete
                | Method::Options
                | Method::Trace
        )
    }
}

// === impl Version ===

impl Version {
    /// Reads a version word; blanks around it are ignored (they are an anomaly of their own).
    #[inline]
    pub fn of(word: &[u8]) -> Self {
        match word {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            _ => Self::of_odd(super::bytes::trim(word)),
        }
    }

    fn of_odd(word: &[u8]) -> Self {
        match word {
            b"" | b"HTTP/0.9" => Version::Http09,
            b"HTTP/1.0" => Version::Http10,
            b"HTTP/1.1" => Version::Http11,
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Version::Http1x,
            [b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', rest @ ..] if is_minor(rest) => {
                Version::Http2OrLater
            }
            _ => Version::Invalid,
        }
    }
}

fn is_minor(rest: &[u8]) -> bool {
    matches!(rest, [] | [b'.', b'0'..=b'9'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (word, version) in [
            (&b""[..], Version::Http09),
            (b"HTTP/0.9", Version::Http09),
            (b"HTTP/1.0", Version::Http10),
            (b"HTTP/1.1", Version::Http11),
            (b"HTTP/1.1 ", Version::Http11),
            (b"HTTP/1.7", Version::Http1x),
            (b"HTTP/2.0", Version::Http2OrLater),
            (b"HTTP/3", Version::Http2OrLater),
            (b"HTTP/1.10", Version::Invalid),
            (b"HTTP/1", Version::Invalid),
            (b"http/1.1", Version::Invalid),
            (b"HTTP/2.0x", Version::Invalid),
            (b"FTP/1.1", Version::Invalid),
        ] {
            assert_eq!(Version::of(word), version, "{}", word.escape_ascii());
        }
        assert!(Version::Http09 < Version::Http10 && Version::Http10 < Version::Http11);
    }

    #[test]
    fn values_of_a_name_come_in_order() {
        let lines = [
            HeaderView { name: b"A", value: b"1" },
            HeaderView { name: b"b", value: b"2" },
            HeaderView { name: b"a", value: b"3" },
        ];
        let values: Vec<_> = lines[..].values("a").collect();
        assert_eq!(values, [b"1", b"3"]);
    }
}
