//! Response heads of targets.
//!
//! A target is not an adversary with a grammar of its own: whatever httparse refuses is
//! malformed, and the client is told 502. Informational (1xx) heads are heads like any other;
//! the caller parses on.
//!
//! Invariant: a head is only reported when all of it lies within [`limits::RESPONSE_HEAD_MAX`].

use std::mem::MaybeUninit;

use super::request::{Fast, Offset};
use super::scan::Bounds;
use super::{Fields, ParseError, Scan, Span, Status, Version, limits};

/// One response head, as views into the buffer that it was parsed from. Reuse it.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// `Http10` or `Http11`.
    pub version: Version,
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase; empty when there is none or it is not ASCII.
    pub reason: Span,
    /// The header lines.
    pub fields: Fields,
    /// Whether some line ended in LF without CR: then the raw lines must not be copied.
    pub bare_lf: bool,
}

const BOUNDS: Bounds = Bounds {
    start_line_max: usize::MAX,
    // The whole head has a limit that is reached first.
    header_line_max: usize::MAX / 2,
    total_max: limits::RESPONSE_HEAD_MAX,
    total_from_start: true,
    is_whole_head: never,
    must_begin_with_token: false,
};

/// Parses the response head at the start of `buf`; see [`super::request::parse`] for the protocol.
///
/// # Errors
/// The head is malformed or too large (502 in either case), and the connection is of no use.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub fn parse(buf: &[u8], scan: &mut Scan, head: &mut ResponseHead) -> Result<Status, ParseError> {
    // Leading empty lines are counted by the scan.
    let plain = !matches!(buf.first(), None | Some(b'\r' | b'\n'));
    if plain && scan.is_fresh() {
        match parse_fast(buf, head) {
            Fast::Complete(head_len) if head_len <= limits::RESPONSE_HEAD_MAX => {
                return Ok(Status::Complete { head_len });
            }
            Fast::Refused => return Err(refusal(buf, scan)),
            Fast::Complete(_) | Fast::Partial => {}
        }
    }
    let lines_before = scan.lines();
    let Some(head_len) = scan.advance(buf, &BOUNDS)? else {
        // A wrong status line should not have to wait for the rest of the head.
        if lines_before == 0 && scan.lines() > 0 && parse_fast(buf, head) == Fast::Refused {
            return Err(ParseError::Malformed);
        }
        return Ok(Status::Partial);
    };
    match parse_fast(&buf[..head_len], head) {
        Fast::Complete(_) => Ok(Status::Complete { head_len }),
        Fast::Partial | Fast::Refused => Err(ParseError::Malformed),
    }
}

/// Names the reason for which httparse refused: too many lines is a limit, not bad grammar.
fn refusal(buf: &[u8], scan: &mut Scan) -> ParseError {
    match scan.advance(buf, &BOUNDS) {
        Err(limit) => limit,
        Ok(_) => ParseError::Malformed,
    }
}

fn parse_fast(buf: &[u8], head: &mut ResponseHead) -> Fast {
    let mut slots = [const { MaybeUninit::uninit() }; limits::HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, buf, &mut slots);
    let end = match parsed {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Fast::Partial,
        Err(_) => return Fast::Refused,
    };
    let (Some(minor), Some(status)) = (response.version, response.code) else {
        return Fast::Refused;
    };
    if status < 100 {
        return Fast::Refused;
    }
    let offset = Offset(buf.as_ptr().addr());
    head.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    head.status = status;
    head.reason = response.reason.map_or(Span::default(), |text| offset.span(text.as_bytes()));
    head.fields.clear();
    let closing = if buf[end - 2] == b'\r' { end - 2 } else { end - 1 };
    let mut crlf = buf[end - 2] == b'\r' && buf[closing - 2] == b'\r';
    for header in response.headers.iter() {
        let name = offset.span(header.name.as_bytes());
        let value = offset.span(header.value);
        // The field lengths are u16; a longer line passes the limit of the whole head anyway.
        if name.len().max(value.len()) > limits::RESPONSE_HEAD_MAX {
            break;
        }
        crlf &= buf[name.start as usize - 2] == b'\r';
        head.fields.push_clean(buf, name, value);
    }
    head.bare_lf = !crlf;
    head.fields.finish(closing);
    Fast::Complete(end)
}

fn never(_: &[u8]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::super::{Framing, Known};
    use super::*;

    fn parsed(buf: &[u8]) -> Result<(Status, ResponseHead), ParseError> {
        super::super::checks::response_head(buf);
        let mut head = ResponseHead::default();
        parse(buf, &mut Scan::default(), &mut head).map(|status| (status, head))
    }

    #[test]
    fn a_response_is_views() {
        let buf = b"HTTP/1.1 404 Not Found\r\nServer: x\r\nSet-Cookie: a\r\nset-cookie: b\r\n\
                    Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let (status, head) = parsed(buf).unwrap();
        assert_eq!(status, Status::Complete { head_len: buf.len() - 5 });
        assert_eq!((head.status, head.reason.of(buf)), (404, &b"Not Found"[..]));
        assert_eq!(head.fields.values(Known::SetCookie, buf).collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(head.fields.framing(), Framing::Chunked);
        assert!(!head.bare_lf);
        assert!(head.fields.lines(0, 4).of(buf).ends_with(b"chunked\r\n"));
    }

    #[test]
    fn informational_heads_and_missing_reasons() {
        let (status, head) = parsed(b"HTTP/1.1 100\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").unwrap();
        assert_eq!((status, head.status), (Status::Complete { head_len: 16 }, 100));
        assert!(head.reason.is_empty());
        let (_, head) = parsed(b"HTTP/1.0 299 \r\n\r\n").unwrap();
        assert_eq!((head.version, head.status), (Version::Http10, 299));
        let (_, head) = parsed(b"HTTP/1.1 200 OK\nA: b\n\n").unwrap();
        assert!(head.bare_lf);
    }

    #[test]
    fn leading_empty_lines_are_bounded_however_they_arrive() {
        let (_, head) = parsed(b"\r\n\nHTTP/1.1 200 OK\r\n\r\n").unwrap();
        assert_eq!(head.status, 200);
        let many = parsed(b"\n\n\n\n\nHTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(many.unwrap_err(), ParseError::EmptyLines);
    }

    // spec: alb §10.1 Status codes and causes
    #[test]
    fn what_is_not_a_response_is_malformed() {
        for buf in [
            &b"<html>hello"[..],
            b"SSH-2.0-x\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
        ] {
            assert_eq!(parsed(buf).unwrap_err(), ParseError::Malformed, "{}", buf.escape_ascii());
        }
        // Also when the status line comes in two pieces, before the rest of the head.
        let (mut scan, mut head) = (Scan::default(), ResponseHead::default());
        assert_eq!(parse(b"HTTP/1.1 2", &mut scan, &mut head), Ok(Status::Partial));
        let late = parse(b"HTTP/1.1 2x0 OK\r\n", &mut scan, &mut head);
        assert_eq!(late, Err(ParseError::Malformed));
    }

    // spec: alb §1.3 Hard HTTP limits (not adjustable)
    #[test]
    fn a_response_head_is_limited_as_a_whole() {
        let head = |len: usize| {
            let frame = "HTTP/1.1 200 OK\r\nA: \r\n\r\n".len();
            format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(len - frame)).into_bytes()
        };
        parsed(&head(limits::RESPONSE_HEAD_MAX)).unwrap();
        let too_large = head(limits::RESPONSE_HEAD_MAX + 1);
        assert_eq!(parsed(&too_large).unwrap_err(), ParseError::HeadersTooLarge);
        let part = &head(200_000)[..100_000];
        assert_eq!(parsed(part).unwrap_err(), ParseError::HeadersTooLarge);
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(limits::HEADERS_MAX + 1));
        assert_eq!(parsed(many.as_bytes()).unwrap_err(), ParseError::TooManyHeaders);
    }
}
