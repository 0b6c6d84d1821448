//! The refusals that come before mitigation and routing, and the `Expect` header.
//!
//! Invariant: a request that passes has a target and a version that this connection speaks.

use super::framing::RequestRefusal;
use super::{Anomalies, Headers, Method, RequestFacts, Version, xff};

/// Why a request goes no further. Each has exactly one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No target, or HTTP/1.1 without a `Host`: 400.
    Malformed,
    /// TRACE, and CONNECT, which makes no sense for a reverse proxy: 405.
    Method,
    /// A transfer coding that is not supported: 501.
    TransferCoding,
    /// More than 30 addresses in `X-Forwarded-For`: 463.
    ForwardedFor,
    /// HTTP/2 or later on a connection that speaks HTTP/1: 505.
    Version,
    /// The request line is too long: 414.
    RequestLine,
    /// The headers are too large or too many: 400.
    Headers,
}

/// What to do about `Expect`. The header is never forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing.
    None,
    /// Send `100 Continue` at once, before any target is asked.
    Continue,
}

/// The answer to `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

// === impl Refusal ===

impl Refusal {
    /// The status of the answer.
    // spec: alb §10.1 Status codes and causes
    pub fn status(self) -> u16 {
        match self {
            Refusal::Malformed | Refusal::Headers => 400,
            Refusal::Method => 405,
            Refusal::TransferCoding => 501,
            Refusal::ForwardedFor => 463,
            Refusal::Version => 505,
            Refusal::RequestLine => 414,
        }
    }

    /// Whether the connection is lost: where the next request would begin is not known.
    pub fn closes(self) -> bool {
        match self {
            Refusal::Malformed
            | Refusal::Headers
            | Refusal::RequestLine
            | Refusal::Version
            | Refusal::TransferCoding => true,
            Refusal::Method | Refusal::ForwardedFor => false,
        }
    }
}

impl From<RequestRefusal> for Refusal {
    fn from(refusal: RequestRefusal) -> Self {
        match refusal {
            RequestRefusal::UnsupportedCoding => Refusal::TransferCoding,
            RequestRefusal::Undecidable => Refusal::Malformed,
        }
    }
}

/// Refuses what has a status of its own. Transfer codings and body lengths are decided by
/// [`super::framing::request_framing`].
///
/// `has_forwarded_for` and `has_host` tell whether such a header exists, so that a request
/// without them costs no walk over its headers.
///
/// # Errors
/// The refusal, to be answered before anything else is decided.
// spec: alb §0.7 Request processing order (recommended pipeline)
pub fn screen<H: Headers>(
    facts: &RequestFacts<'_, H>,
    has_host: bool,
    has_forwarded_for: bool,
) -> Result<(), Refusal> {
    let version = facts.version();
    if version == Version::Http2OrLater {
        return Err(Refusal::Version);
    }
    // Whatever the mitigation mode: without a target there is nothing to route or to forward.
    if facts.anomalies.intersects(Anomalies::NO_TARGET) || facts.target.is_empty() {
        return Err(Refusal::Malformed);
    }
    if matches!(facts.method(), Method::Trace | Method::Connect) {
        return Err(Refusal::Method);
    }
    if !has_host && matches!(version, Version::Http11 | Version::Http1x) {
        return Err(Refusal::Malformed);
    }
    if has_forwarded_for && xff::has_too_many(facts.headers.values("x-forwarded-for")) {
        return Err(Refusal::ForwardedFor);
    }
    Ok(())
}

/// Decides about an `Expect` header (`None` when there is none). Expectations that nobody has
/// defined, and those of HTTP/1.0 clients, are ignored.
// spec: alb §1.2 Front-end (client) protocols
pub fn expectation(version: Version, expect: Option<&[u8]>) -> Expectation {
    match expect {
        Some(value)
            if matches!(version, Version::Http11 | Version::Http1x)
                && value.eq_ignore_ascii_case(b"100-continue") =>
        {
            Expectation::Continue
        }
        _ => Expectation::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FramingHint, HeaderView};
    use super::*;

    fn screened(line: &str, anomalies: Anomalies, xff: Option<&str>) -> Result<(), Refusal> {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap().as_bytes();
        let lines: Vec<_> = xff
            .iter()
            .map(|value| HeaderView { name: b"X-Forwarded-For", value: value.as_bytes() })
            .collect();
        let facts = RequestFacts {
            method: word(),
            target: word(),
            version: word(),
            anomalies,
            first_ambiguous: Anomalies::NONE,
            framing: FramingHint::None,
            headers: &lines[..],
        };
        screen(&facts, true, xff.is_some())
    }

    // spec: alb §10.1 Status codes and causes
    #[test]
    fn refusals_and_their_statuses() {
        let many = "192.0.2.1, ".repeat(31);
        let none = Anomalies::NONE;
        for (line, anomalies, xff, status) in [
            ("GET / HTTP/1.1", none, None, None),
            ("GET / HTTP/1.1", none, Some("192.0.2.1"), None),
            ("BREW /pot HTTP/1.9", Anomalies::ODD_VERSION, None, None),
            ("TRACE / HTTP/1.1", none, None, Some(405)),
            ("CONNECT a:1 HTTP/1.1", none, None, Some(405)),
            ("trace / HTTP/1.1", none, None, None),
            ("PRI * HTTP/2.0", Anomalies::ODD_VERSION, None, Some(505)),
            ("GET  HTTP/1.1", Anomalies::NO_TARGET, None, Some(400)),
            ("GET / HTTP/1.1", none, Some(&many), Some(463)),
        ] {
            let found = screened(line, anomalies, xff).err().map(Refusal::status);
            assert_eq!(found, status, "{line}");
        }
    }

    // spec: alb §1.2 Front-end (client) protocols
    #[test]
    fn http_1_1_needs_a_host_and_http_1_0_does_not() {
        let lines: [HeaderView<'_>; 0] = [];
        let mut facts = RequestFacts {
            method: b"GET",
            target: b"/",
            version: b"HTTP/1.1",
            anomalies: Anomalies::NONE,
            first_ambiguous: Anomalies::NONE,
            framing: FramingHint::None,
            headers: &lines[..],
        };
        assert_eq!(screen(&facts, false, false), Err(Refusal::Malformed));
        facts.version = b"HTTP/1.0";
        assert_eq!(screen(&facts, false, false), Ok(()));
    }

    // spec: alb §1.2 Front-end (client) protocols
    #[test]
    fn only_http_1_1_is_told_to_continue() {
        let expect = Some(&b"100-Continue"[..]);
        assert_eq!(expectation(Version::Http11, expect), Expectation::Continue);
        assert_eq!(expectation(Version::Http10, expect), Expectation::None);
        assert_eq!(expectation(Version::Http11, Some(b"200-ok")), Expectation::None);
        assert_eq!(expectation(Version::Http11, None), Expectation::None);
    }
}
