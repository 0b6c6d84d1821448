//! Request heads.
//!
//! The hot path is one httparse pass over a head that arrived whole and is clean. A head in
//! pieces is scanned for its end first ([`Scan`]); a head that httparse refuses goes to
//! [`raw`](super::raw), which reads everything that has lines.
//!
//! Invariant: where httparse and the tolerant parser both accept, they read the same message;
//! `checks::request_head` states it, proptest and a fuzz target try to break it.

use std::mem::MaybeUninit;

use super::scan::Bounds;
use super::{Anomalies, Fields, ParseError, Scan, Span, Status, Version, limits, raw};

/// One request head, as views into the buffer that it was parsed from.
///
/// Make one per thread (or per connection with a request under way) and use it again: it owns the
/// header array, which is allocated once.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Span,
    /// The request target, as sent.
    pub target: Span,
    /// The version.
    pub version: Version,
    /// The version word, as sent; empty for a simple HTTP/0.9 request.
    pub version_text: Span,
    /// The header lines.
    pub fields: Fields,
    /// What was odd.
    pub anomalies: Anomalies,
    /// The raw-parse finding (one bit) of the Ambiguous tier that came first in the bytes, or
    /// nothing: the classifier reports the first.
    pub first_ambiguous: Anomalies,
    /// The bytes of the request line, as sent and without its line end, for the access log.
    pub line: Span,
}

const BOUNDS: Bounds = Bounds {
    start_line_max: limits::REQUEST_LINE_MAX,
    header_line_max: limits::HEADER_LINE_MAX,
    total_max: limits::REQUEST_HEADERS_MAX,
    total_from_start: false,
    is_whole_head: raw::is_simple_request,
    must_begin_with_token: true,
};

/// What httparse made of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fast {
    /// A complete head of this length.
    Complete(usize),
    /// No error yet.
    Partial,
    /// Not clean enough.
    Refused,
}

/// Parses the head at the start of `buf`.
///
/// Call it with everything received since the end of the previous message. After
/// [`Status::Partial`] call it again with the same bytes and more behind them, and the same
/// `scan`. For the next message, start with `Scan::default()`; `head` is reused as it is.
///
/// # Errors
/// A limit was passed, or the bytes cannot be a request. The connection has to be closed.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub fn parse(buf: &[u8], scan: &mut Scan, head: &mut RequestHead) -> Result<Status, ParseError> {
    if scan.is_fresh() {
        // Leading empty lines are counted by the scan; no limit can be passed by a head that is
        // shorter than one header line may be.
        let plain = !matches!(buf.first(), None | Some(b'\r' | b'\n'));
        if plain
            && let Fast::Complete(head_len) = parse_fast(buf, 0, head)
            && head_len < limits::HEADER_LINE_MAX
        {
            return Ok(Status::Complete { head_len });
        }
    }
    let Some(head_len) = scan.advance(buf, &BOUNDS)? else {
        return Ok(Status::Partial);
    };
    if parse_fast(&buf[..head_len], scan.start(), head) != Fast::Complete(head_len) {
        raw::parse(&buf[..head_len], scan.start(), head);
    }
    Ok(Status::Complete { head_len })
}

/// Reads what there is of a head when the peer has finished sending: the missing rest becomes an
/// anomaly. Returns whether there was anything to read; empty lines alone are nothing.
///
/// # Errors
/// The same as for [`parse`].
// spec: alb §3.9 Desync mitigation
pub fn parse_at_end(
    buf: &[u8],
    scan: &mut Scan,
    head: &mut RequestHead,
) -> Result<bool, ParseError> {
    if let Status::Complete { .. } = parse(buf, scan, head)? {
        return Ok(true);
    }
    if scan.start() == buf.len() {
        return Ok(false);
    }
    raw::parse(buf, scan.start(), head);
    Ok(true)
}

/// One httparse pass over `buf[start..]`, and our checks of what httparse lets pass.
pub(crate) fn parse_fast(buf: &[u8], start: usize, head: &mut RequestHead) -> Fast {
    let mut slots = [const { MaybeUninit::uninit() }; limits::HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    let input = &buf[start..];
    let parsed = config.parse_request_with_uninit_headers(&mut request, input, &mut slots);
    let end = match parsed {
        Ok(httparse::Status::Complete(len)) => start + len,
        Ok(httparse::Status::Partial) => return Fast::Partial,
        Err(_) => return Fast::Refused,
    };
    let (Some(method), Some(path), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Fast::Refused;
    };
    let offset = Offset(buf.as_ptr().addr());
    head.clear();
    head.method = offset.span(method.as_bytes());
    head.target = offset.span(path.as_bytes());
    head.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let version_start = head.target.end as usize + 1;
    head.version_text = Span::new(version_start, version_start + b"HTTP/1.1".len());
    head.line = Span::new(start, head.version_text.end as usize);
    // Every line starts right after the end of the one before, so looking at the two bytes before
    // each line finds a bare LF without reading the head again.
    let closing = if buf[end - 2] == b'\r' { end - 2 } else { end - 1 };
    let mut crlf = buf[end - 2] == b'\r' && buf[closing - 2] == b'\r';
    for header in request.headers.iter() {
        let name = offset.span(header.name.as_bytes());
        let value = offset.span(header.value);
        crlf &= buf[name.start as usize - 2] == b'\r';
        if head.fields.push_clean(buf, name, value) {
            head.anomalies.insert(Anomalies::ODD_HEADER);
        }
    }
    if !crlf {
        head.anomalies.insert(Anomalies::BARE_LF);
    }
    head.fields.finish(closing);
    Fast::Complete(end)
}

// === impl RequestHead ===

impl RequestHead {
    /// Forgets the previous message's lines and findings; the caller sets the spans.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.anomalies = Anomalies::NONE;
        self.first_ambiguous = Anomalies::NONE;
    }
}

/// Turns slices of one buffer back into positions in it.
pub(crate) struct Offset(pub usize);

// === impl Offset ===

impl Offset {
    /// The span of `part` in the buffer. An empty part may point anywhere, so it becomes 0..0.
    #[inline]
    pub(crate) fn span(&self, part: &[u8]) -> Span {
        if part.is_empty() {
            return Span::default();
        }
        let start = part.as_ptr().addr() - self.0;
        Span::new(start, start + part.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FieldFlags, Framing, Known};
    use super::*;

    fn parsed(buf: &[u8]) -> RequestHead {
        let (mut scan, mut head) = (Scan::default(), RequestHead::default());
        let status = parse(buf, &mut scan, &mut head).unwrap();
        assert!(matches!(status, Status::Complete { .. }), "{status:?}");
        super::super::checks::request_head(buf);
        head
    }

    fn refused(buf: &[u8]) -> ParseError {
        super::super::checks::request_head(buf);
        parse(buf, &mut Scan::default(), &mut RequestHead::default()).unwrap_err()
    }

    #[test]
    fn a_clean_head_is_views_and_known_names() {
        let buf = b"POST /a?b HTTP/1.1\r\nhost: x.example:80\r\nX-My_Header: 1\r\n\
                    Cookie: a=1\r\nCookie:b=2 \r\ncontent-length: 5\r\n\r\nhello";
        let head = parsed(buf);
        assert_eq!(head.method.of(buf), b"POST");
        assert_eq!(head.target.of(buf), b"/a?b");
        assert_eq!(head.version_text.of(buf), b"HTTP/1.1");
        assert_eq!(head.line.of(buf), b"POST /a?b HTTP/1.1");
        assert!(head.anomalies.is_empty());
        let fields = &head.fields;
        assert_eq!(fields.value(Known::Host, buf), Some(&b"x.example:80"[..]));
        assert_eq!(fields.values(Known::Cookie, buf).collect::<Vec<_>>(), [b"a=1", b"b=2"]);
        assert_eq!(fields.values(Known::Te, buf).count(), 0);
        assert_eq!(fields.framing(), Framing::Length(5));
        assert!(fields.has_invalid_names());
        assert!(fields.as_slice()[1].flags.intersects(FieldFlags::INVALID_NAME));
        let text = fields.lines(2, 4);
        assert_eq!(text.of(buf), b"Cookie: a=1\r\nCookie:b=2 \r\n");
        assert_eq!(fields.lines(4, 9).of(buf), b"content-length: 5\r\n");
    }

    #[test]
    fn a_head_without_headers() {
        let buf = b"GET / HTTP/1.0\r\n\r\n";
        let head = parsed(buf);
        assert_eq!((head.version, head.fields.len()), (Version::Http10, 0));
        assert!(head.anomalies.is_empty() && head.fields.lines(0, 0).is_empty());
    }

    // spec: alb §3.9 Desync mitigation
    #[test]
    fn anomalies_of_odd_heads() {
        use Anomalies as A;
        for (text, anomalies, first) in [
            ("GET / HTTP/1.1\nA: b\n\n", A::BARE_LF, A::NONE),
            ("GET / HTTP/1.1\r\nA: b\n\r\n", A::BARE_LF, A::NONE),
            ("GET / HTTP/1.1\r\nA: b\r\n\n", A::BARE_LF, A::NONE),
            ("GET / HTTP/1.1\r\n\n", A::BARE_LF, A::NONE),
            ("GET HTTP/1.1\r\n\r\n", A::NO_TARGET, A::NO_TARGET),
            ("GET  HTTP/1.1\r\n\r\n", A::NO_TARGET, A::NO_TARGET),
            ("GET / HTTP/1.1\r\nA\r\n\r\n", A::NO_COLON, A::NO_COLON),
            ("GET / HTTP/1.1\r\nContent_Length: x\r\n\r\n", A::ODD_HEADER, A::NONE),
            ("GET / HTTP/1.1\r\nA : x\r\n\r\n", A::ODD_HEADER, A::NONE),
            ("GET / HTTP/1.1\r\nA: \x01\r\n\r\n", A::ODD_HEADER, A::NONE),
            ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", A::ODD_HEADER, A::NONE),
            ("GET /a b HTTP/1.1\r\n\r\n", A::ODD_TARGET, A::NONE),
            ("GET / HTTP/1.1 \r\n\r\n", A::ODD_VERSION, A::NONE),
            ("G\x01T / HTTP/1.1\r\n\r\n", A::ODD_METHOD, A::NONE),
        ] {
            let head = parsed(text.as_bytes());
            assert_eq!(head.anomalies, anomalies, "{text:?}");
            assert_eq!(head.first_ambiguous, first, "{text:?}");
        }
    }

    // spec: alb §1.2 Front-end (client) protocols
    #[test]
    fn a_folded_line_is_a_header_of_its_own() {
        let buf = b"GET / HTTP/1.1\r\nA: b\r\n more\r\n Transfer-Encoding: chunked\r\n\r\n";
        let head = parsed(buf);
        assert_eq!(head.first_ambiguous, Anomalies::FOLDED);
        assert!(head.anomalies.intersects(Anomalies::ODD_HEADER));
        let names: Vec<_> = head.fields.as_slice().iter().map(|f| f.name(buf)).collect();
        assert_eq!(names, [&b"A"[..], b"more", b"Transfer-Encoding"]);
        assert_eq!(head.fields.as_slice()[2].raw_name(buf), b" Transfer-Encoding");
        assert_eq!(head.fields.as_slice()[2].known, Known::Other);
        assert_eq!(head.fields.framing(), Framing::None);
    }

    // spec: alb §1.2 Front-end (client) protocols
    #[test]
    fn a_request_line_without_a_version_is_all_of_an_http_0_9_request() {
        let buf = b"GET /old\r\nHost: x\r\n\r\n";
        let mut head = RequestHead::default();
        let status = parse(buf, &mut Scan::default(), &mut head).unwrap();
        assert_eq!(status, Status::Complete { head_len: 10 });
        assert_eq!((head.version, head.target.of(buf)), (Version::Http09, &b"/old"[..]));
        assert_eq!(head.anomalies, Anomalies::ODD_VERSION);
        super::super::checks::request_head(buf);
        let written_out = parsed(b"GET /old HTTP/0.9\r\nHost: x\r\n\r\n");
        assert_eq!((written_out.version, written_out.fields.len()), (Version::Http09, 1));
    }

    #[test]
    fn framing_needs_judgement_unless_it_is_plain() {
        for (lines, framing) in [
            ("Content-Length: 0", Framing::Length(0)),
            ("Transfer-Encoding: Chunked", Framing::Chunked),
            ("Content-Length: 5\r\nContent-Length: 5", Framing::Odd),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", Framing::Odd),
            ("Content-Length: +5", Framing::Odd),
            ("Content-Length:", Framing::Odd),
            ("Content-Length: 18446744073709551616", Framing::Odd),
            ("Transfer-Encoding: gzip, chunked", Framing::Odd),
            ("Transfer-Encoding:", Framing::Odd),
        ] {
            let head = parsed(format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n").as_bytes());
            assert_eq!(head.fields.framing(), framing, "{lines}");
        }
    }

    #[test]
    fn empty_lines_before_the_request_line_are_skipped_up_to_a_bound() {
        let buf = b"\r\n\nGET / HTTP/1.1\r\n\r\n";
        assert!(parsed(buf).anomalies.is_empty());
        assert_eq!(refused(b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"), ParseError::EmptyLines);
    }

    #[test]
    fn what_cannot_be_http_is_refused_at_the_first_byte() {
        for buf in [&b"\x16\x03\x01\x02"[..], b" GET / HTTP/1.1\r\n\r\n", b"\rGET", b"\0"] {
            assert_eq!(refused(buf), ParseError::NotHttp, "{}", buf.escape_ascii());
        }
    }

    // spec: alb §1.3 Hard HTTP limits (not adjustable)
    #[test]
    fn limits_hold_to_the_byte() {
        let line = |len: usize| {
            let target = "a".repeat(len - "GET / HTTP/1.1".len());
            format!("GET /{target} HTTP/1.1\r\n\r\n").into_bytes()
        };
        parsed(&line(limits::REQUEST_LINE_MAX));
        let too_long = line(limits::REQUEST_LINE_MAX + 1);
        assert_eq!(refused(&too_long), ParseError::RequestLineTooLong);
        assert_eq!(
            refused(&too_long[..limits::REQUEST_LINE_MAX + 1]),
            ParseError::RequestLineTooLong
        );

        let header = |len: usize| {
            format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(len - 3)).into_bytes()
        };
        parsed(&header(limits::HEADER_LINE_MAX - 1));
        assert_eq!(refused(&header(limits::HEADER_LINE_MAX)), ParseError::HeaderTooLong);

        let all = |last: usize| {
            let mut text = String::from("GET / HTTP/1.1\r\n");
            for _ in 0..4 {
                text += &format!("A: {}\r\n", "b".repeat(16_000 - 5));
            }
            text += &format!("B: {}\r\n\r\n", "b".repeat(last - 7));
            text.into_bytes()
        };
        parsed(&all(limits::REQUEST_HEADERS_MAX - 64_000));
        let too_large = all(limits::REQUEST_HEADERS_MAX - 64_000 + 1);
        assert_eq!(refused(&too_large), ParseError::HeadersTooLarge);

        let many = |count: usize| {
            format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count)).into_bytes()
        };
        assert_eq!(parsed(&many(limits::HEADERS_MAX)).fields.len(), limits::HEADERS_MAX);
        assert_eq!(refused(&many(limits::HEADERS_MAX + 1)), ParseError::TooManyHeaders);
    }

    #[test]
    fn pipelined_heads_end_where_they_end() {
        let buf = b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
        let mut head = RequestHead::default();
        let status = parse(buf, &mut Scan::default(), &mut head).unwrap();
        assert_eq!(status, Status::Complete { head_len: 19 });
        let rest = &buf[19..];
        parse(rest, &mut Scan::default(), &mut head).unwrap();
        assert_eq!(head.target.of(rest), b"/2");
    }

    // spec: alb §3.9 Desync mitigation
    #[test]
    fn the_end_of_the_connection_inside_a_head_is_an_anomaly() {
        let end = |buf: &[u8]| {
            let mut head = RequestHead::default();
            let some = parse_at_end(buf, &mut Scan::default(), &mut head).unwrap();
            (some, head.first_ambiguous)
        };
        assert_eq!(end(b""), (false, Anomalies::NONE));
        assert_eq!(end(b"\r\n"), (false, Anomalies::NONE));
        assert_eq!(end(b"GET / HTTP/1.1\r\nA: b\r\n"), (true, Anomalies::NO_EMPTY_LINE));
        assert_eq!(end(b"GET / HTTP/1.1\r\nA: b"), (true, Anomalies::PARTIAL_LINE));
        assert_eq!(end(b"GET / HTTP/1.1\r\n\r\n"), (true, Anomalies::NONE));
    }

    #[test]
    fn a_slow_head_is_scanned_once() {
        let text = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
        let (mut scan, mut head) = (Scan::default(), RequestHead::default());
        for end in 1..text.len() {
            parse(&text.as_bytes()[..end], &mut scan, &mut head).unwrap();
            assert!(!scan.is_fresh(), "after the first call httparse is not tried on a part");
        }
        assert!(scan.has_started());
    }
}
