//! Where a body ends: one answer per message, and the only one that anybody downstream sees.
//!
//! Requests: after mitigation a request has exactly one framing, and the proxy writes it itself.
//! `Transfer-Encoding` wins over `Content-Length`. A name that differs from a length header only
//! by blanks around it is read as that header; names that merely resemble one are not read (and
//! not forwarded: [`super::desync::may_forward`]).
//!
//! Invariant: two different answers about one message are impossible; what cannot be decided is
//! refused in every mitigation mode, because a body whose end is unknown cannot be forwarded.

use super::bytes::{self, trim};
use super::{FramingHint, Headers, Method, RequestFacts, Version};

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// There is none, and no length header is forwarded.
    None,
    /// So many bytes; `Length(0)` forwards `Content-Length: 0`.
    Length(u64),
    /// Chunked.
    Chunked,
}

/// The body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// There is none. Length headers are forwarded as they are: to HEAD and 304 they describe
    /// what a GET would have got.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunked.
    Chunked,
    /// Until the target closes.
    UntilClose,
}

/// Why a request has no framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// A transfer coding other than chunked and identity: 501.
    #[error("unsupported transfer coding")]
    UnsupportedCoding,
    /// No reading of the length headers is safe: 400.
    #[error("undecidable body length")]
    Undecidable,
}

/// The length headers of a target's response contradict themselves: 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed length headers in response")]
pub struct MalformedResponse;

/// The transfer codings of a message, all lines together.
#[derive(Clone, Copy, Debug, Default)]
struct Codings {
    lines: u32,
    chunked: u32,
    chunked_is_last: bool,
    others: bool,
}

/// The content lengths of a message, all lines together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lengths {
    #[default]
    None,
    One(u64),
    Contradictory,
}

/// The body that a request has after mitigation.
///
/// # Errors
/// 501 for a coding that is not supported, 400 when the length cannot be decided.
// spec: alb §3.9 Desync mitigation
#[inline]
pub fn request_framing<H: Headers>(
    facts: &RequestFacts<'_, H>,
) -> Result<RequestBody, RequestRefusal> {
    if facts.anomalies.is_empty() {
        match facts.framing {
            FramingHint::None => return Ok(RequestBody::None),
            FramingHint::Length(length) => return Ok(RequestBody::Length(length)),
            FramingHint::Chunked => return Ok(RequestBody::Chunked),
            FramingHint::Odd => {}
        }
    }
    request_framing_by_lines(facts)
}

/// The body of a response to a request with this method.
///
/// `hint` is the plain case that the parser saw, or [`FramingHint::Odd`].
///
/// # Errors
/// The length headers are unreadable or contradict each other: 502.
// spec: alb §10.1 Status codes and causes
pub fn response_framing<H: Headers>(
    method: Method,
    status: u16,
    hint: FramingHint,
    headers: &H,
) -> Result<ResponseBody, MalformedResponse> {
    if method == Method::Head || matches!(status, 100..=199 | 204 | 304) {
        return Ok(ResponseBody::None);
    }
    match hint {
        FramingHint::None => Ok(ResponseBody::UntilClose),
        FramingHint::Length(length) => Ok(ResponseBody::Length(length)),
        FramingHint::Chunked => Ok(ResponseBody::Chunked),
        FramingHint::Odd => response_framing_by_lines(headers),
    }
}

// === impl Codings ===

impl Codings {
    fn read(&mut self, value: &[u8]) {
        self.lines += 1;
        for item in bytes::list(value) {
            if item.eq_ignore_ascii_case(b"chunked") {
                self.chunked += 1;
                self.chunked_is_last = true;
            } else if !item.eq_ignore_ascii_case(b"identity") {
                self.others = true;
                self.chunked_is_last = false;
            }
        }
    }
}

// === impl Lengths ===

impl Lengths {
    /// An empty value reads as zero, as in the mitigation's algorithm.
    fn read(&mut self, value: &[u8]) {
        let Some(length) = digits(trim(value)) else {
            *self = Lengths::Contradictory;
            return;
        };
        *self = match *self {
            Lengths::None => Lengths::One(length),
            Lengths::One(first) if first == length => Lengths::One(first),
            _ => Lengths::Contradictory,
        };
    }
}

fn request_framing_by_lines<H: Headers>(
    facts: &RequestFacts<'_, H>,
) -> Result<RequestBody, RequestRefusal> {
    if facts.version() == Version::Http09 {
        // Such a request cannot have a body; the connection closes after the answer.
        return Ok(RequestBody::None);
    }
    let (codings, lengths) = read_lines(&facts.headers);
    if codings.others {
        return Err(RequestRefusal::UnsupportedCoding);
    }
    match (codings.chunked, lengths) {
        (1, _) => Ok(RequestBody::Chunked),
        (0, Lengths::None) => Ok(RequestBody::None),
        (0, Lengths::One(length)) => Ok(RequestBody::Length(length)),
        _ => Err(RequestRefusal::Undecidable),
    }
}

fn response_framing_by_lines<H: Headers>(headers: &H) -> Result<ResponseBody, MalformedResponse> {
    let (codings, lengths) = read_lines(headers);
    if codings.chunked > 1 || (codings.chunked == 1 && !codings.chunked_is_last) {
        return Err(MalformedResponse);
    }
    match (codings, lengths) {
        // Nobody asked for it (TE is not forwarded), and without its name the body means nothing.
        (Codings { others: true, .. }, _) => Err(MalformedResponse),
        (Codings { chunked: 1, .. }, _) => Ok(ResponseBody::Chunked),
        (_, Lengths::None) => Ok(ResponseBody::UntilClose),
        (_, Lengths::One(length)) => Ok(ResponseBody::Length(length)),
        (_, Lengths::Contradictory) => Err(MalformedResponse),
    }
}

fn read_lines<H: Headers>(headers: &H) -> (Codings, Lengths) {
    let (mut codings, mut lengths) = (Codings::default(), Lengths::default());
    for line in headers.lines() {
        let name = trim(line.name);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            codings.read(line.value);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            lengths.read(line.value);
        }
    }
    (codings, lengths)
}

fn digits(text: &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::super::{Anomalies, HeaderView};
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> Vec<HeaderView<'static>> {
        let view = |line: &(&'static str, &'static str)| HeaderView {
            name: line.0.as_bytes(),
            value: line.1.as_bytes(),
        };
        lines.iter().map(view).collect()
    }

    fn request(version: &str, lines: &[(&'static str, &'static str)]) -> Option<RequestBody> {
        refusal(version, lines).ok()
    }

    fn refusal(
        version: &str,
        lines: &[(&'static str, &'static str)],
    ) -> Result<RequestBody, RequestRefusal> {
        let lines = headers(lines);
        let facts = RequestFacts {
            method: b"POST",
            target: b"/",
            version: version.as_bytes(),
            anomalies: Anomalies::NONE,
            first_ambiguous: Anomalies::NONE,
            framing: FramingHint::Odd,
            headers: &lines[..],
        };
        request_framing(&facts)
    }

    // spec: alb §3.9 Desync mitigation
    #[test]
    fn a_request_has_one_framing() {
        let te = ("Transfer-Encoding", "chunked");
        let cl = ("Content-Length", "5");
        for (lines, body) in [
            (&[][..], RequestBody::None),
            (&[cl], RequestBody::Length(5)),
            (&[cl, cl], RequestBody::Length(5)),
            (&[("Content-Length", "")], RequestBody::Length(0)),
            (&[("content-length ", " 7\t")], RequestBody::Length(7)),
            (&[te], RequestBody::Chunked),
            (&[te, cl], RequestBody::Chunked),
            (&[cl, te], RequestBody::Chunked),
            (&[te, ("Content-Length", "x")], RequestBody::Chunked),
            (&[("Transfer-Encoding ", "Chunked")], RequestBody::Chunked),
            (&[("Transfer-Encoding", "identity, chunked")], RequestBody::Chunked),
            (&[("Transfer-Encoding", "identity"), cl], RequestBody::Length(5)),
            (&[("Transfer_Encoding", "chunked"), cl], RequestBody::Length(5)),
        ] {
            assert_eq!(request("HTTP/1.1", lines), Some(body), "{lines:?}");
        }
        assert_eq!(request("HTTP/1.0", &[te]), Some(RequestBody::Chunked));
        assert_eq!(request("", &[cl]), Some(RequestBody::None));
    }

    // spec: alb §10.1 Status codes and causes
    #[test]
    fn requests_without_a_safe_framing_are_refused() {
        let cl = ("Content-Length", "5");
        let te = |value| ("Transfer-Encoding", value);
        for (lines, wanted) in [
            (&[te("gzip")][..], RequestRefusal::UnsupportedCoding),
            (&[te("gzip, chunked")], RequestRefusal::UnsupportedCoding),
            (&[te("chunked;q=1")], RequestRefusal::UnsupportedCoding),
            (&[te("")], RequestRefusal::UnsupportedCoding),
            (&[te("xchunked"), cl], RequestRefusal::UnsupportedCoding),
            (&[te("chunked"), te("chunked")], RequestRefusal::Undecidable),
            (&[te("chunked, chunked")], RequestRefusal::Undecidable),
            (&[cl, ("Content-Length", "6")], RequestRefusal::Undecidable),
            (&[("Content-Length", "5, 5")], RequestRefusal::Undecidable),
            (&[("Content-Length", "+5")], RequestRefusal::Undecidable),
            (&[("Content-Length", "18446744073709551616")], RequestRefusal::Undecidable),
        ] {
            assert_eq!(refusal("HTTP/1.1", lines), Err(wanted), "{lines:?}");
        }
    }

    // spec: alb §10.1 Status codes and causes
    #[test]
    fn a_response_has_one_framing_or_is_malformed() {
        let te = |value| ("Transfer-Encoding", value);
        let cl = |value| ("Content-Length", value);
        let odd = FramingHint::Odd;
        for (lines, wanted) in [
            (&[][..], Ok(ResponseBody::UntilClose)),
            (&[cl("5")], Ok(ResponseBody::Length(5))),
            (&[cl("5"), cl("5")], Ok(ResponseBody::Length(5))),
            (&[te("chunked"), cl("5")], Ok(ResponseBody::Chunked)),
            (&[te("gzip, chunked")], Err(MalformedResponse)),
            (&[te("gzip")], Err(MalformedResponse)),
            (&[te("identity"), cl("5")], Ok(ResponseBody::Length(5))),
            (&[te("chunked, gzip")], Err(MalformedResponse)),
            (&[te("chunked"), te("chunked")], Err(MalformedResponse)),
            (&[cl("5"), cl("6")], Err(MalformedResponse)),
            (&[cl("-1")], Err(MalformedResponse)),
        ] {
            let lines = headers(lines);
            let found = response_framing(Method::Get, 200, odd, &&lines[..]);
            assert_eq!(found, wanted, "{lines:?}");
        }
        let none = headers(&[]);
        for (method, status, body) in [
            (Method::Head, 200, ResponseBody::None),
            (Method::Get, 100, ResponseBody::None),
            (Method::Get, 204, ResponseBody::None),
            (Method::Get, 304, ResponseBody::None),
            (Method::Get, 200, ResponseBody::Length(3)),
            (Method::Post, 500, ResponseBody::Length(3)),
        ] {
            let found = response_framing(method, status, FramingHint::Length(3), &&none[..]);
            assert_eq!(found, Ok(body), "{method:?} {status}");
        }
    }
}
