//! What must hold for every input, as functions that panic when it does not.
//!
//! The fuzz targets, the corpus replay and the property tests call the same ones.
//!
//! Invariant: nothing here is reachable from production code.

use super::desync::{self, Tier};
use super::framing::request_framing;
use super::{Anomalies, FramingHint, HeaderView, RequestFacts};
use super::{connection, cookie, host, trace_id, uri, xff};

/// A `Cookie` header: pairs are trimmed slices, and a found value is one of them.
pub fn cookies(data: &[u8]) {
    for pair in cookie::pairs(data) {
        for part in [pair.name, pair.value] {
            assert!(!part.starts_with(b" ") && !part.ends_with(b"\t"));
            assert!(!part.contains(&b';'));
        }
        assert!(!pair.name.contains(&b'='));
        if !pair.name.is_empty() {
            let found = cookie::find([data].into_iter(), pair.name);
            assert!(found.is_some(), "a pair that is listed is found");
        }
    }
}

/// A request target: normalizing is idempotent, never grows, and leaves no dot segment.
pub fn target(data: &[u8]) {
    let target = uri::Target::split(data);
    let path = uri::normalize_path(target.path());
    assert!(path.len() <= target.path().len().max(1));
    assert_eq!(uri::normalize_path(&path), path);
    if path.starts_with(b"/") {
        let mut segments = path.split(|&byte| byte == b'/');
        assert!(!segments.any(|segment| segment == b"." || segment == b".."));
    }
    let authority = target.authority().unwrap_or_default();
    let parts = host::HostPort::split(authority);
    assert!(parts.port.is_none_or(|port| port.iter().all(u8::is_ascii_digit)));
}

/// Header values that clients choose: the readers do not panic, the writers keep what they must.
pub fn values(data: &[u8]) {
    let seed = trace_id::TraceSeed { epoch_s: 1, random: [2; 12] };
    let mut out = Vec::new();
    trace_id::write_value(Some(data), data.len(), &seed, &mut out);
    assert!(out.starts_with(b"Root=1-00000001-") || out.starts_with(b"Self=1-00000001-"));
    out.clear();
    let peer = std::net::IpAddr::from([192, 0, 2, 1]);
    xff::write_value(xff::Mode::Append, [data].into_iter(), peer, None, &mut out);
    assert!(out.ends_with(b"192.0.2.1"));
    connection::ConnectionOptions::read([data].into_iter());
}

/// A request as the mitigation sees it: the fast path and the whole algorithm agree, and a
/// request that is not blocked has one framing or a refusal.
pub fn classification(method: &[u8], target: &[u8], version: &[u8], lines: &[HeaderView<'_>]) {
    let odd = RequestFacts {
        method,
        target,
        version,
        anomalies: Anomalies::ODD_HEADER,
        first_ambiguous: Anomalies::NONE,
        framing: FramingHint::Odd,
        headers: lines,
    };
    let thorough = desync::classify(&odd);
    assert_eq!(thorough.reason.tier(), thorough.tier);
    let framing = request_framing(&odd);
    if is_clean(method, target, version, lines) {
        let plain = RequestFacts { anomalies: Anomalies::NONE, framing: hint(lines), ..odd };
        assert_eq!(desync::classify(&plain), thorough);
        if thorough.tier == Tier::Compliant {
            assert_eq!(request_framing(&plain), framing);
        }
    }
}

/// The promise of an empty [`Anomalies`] set, spelled out.
fn is_clean(method: &[u8], target: &[u8], version: &[u8], lines: &[HeaderView<'_>]) -> bool {
    let token = |text: &[u8]| {
        let mark = |byte: &u8| b"!#$%&'*+-.^_`|~".contains(byte);
        !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
    };
    let control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
    let plain_name = |name: &[u8]| {
        use desync::LengthHeader::{ContentLength, TransferEncoding};
        let related = desync::length_header(name);
        token(name) && matches!(related, None | Some(ContentLength | TransferEncoding))
    };
    token(method)
        && !target.is_empty()
        && target.iter().all(|&byte| byte > b' ' && byte != 0x7f)
        && matches!(version, b"HTTP/1.0" | b"HTTP/1.1")
        && lines.iter().all(|line| plain_name(line.name) && !line.value.iter().any(control))
}

/// What a parser would say about the length headers.
fn hint(lines: &[HeaderView<'_>]) -> FramingHint {
    let mut hint = FramingHint::None;
    for line in lines {
        let said = match desync::length_header(line.name) {
            Some(desync::LengthHeader::ContentLength) => std::str::from_utf8(line.value)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
                .map_or(FramingHint::Odd, FramingHint::Length),
            Some(_) if line.value.eq_ignore_ascii_case(b"chunked") => FramingHint::Chunked,
            Some(_) => FramingHint::Odd,
            None => continue,
        };
        hint = if hint == FramingHint::None { said } else { FramingHint::Odd };
    }
    hint
}
