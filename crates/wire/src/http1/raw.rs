//! The tolerant reading of a request head: the source of truth for whatever is not clean.
//!
//! AWS's default mitigation mode forwards most of what a strict parser refuses, so a strict
//! parser cannot decide. This one reads anything that has lines: the method ends at the first
//! space, the version begins after the last one, a header name ends at the first colon. What
//! deviates from the grammar becomes an anomaly, never an error.
//!
//! A line that begins with a blank is *not* joined to the line before: it is a header of its
//! own, as the load balancer treats it, and so it cannot smuggle anything into a value.
//!
//! Invariant: spans never leave the head, and every line of it is accounted for.

use super::bytes::{self, TARGET, TOKEN};
use super::{Anomalies, FieldFlags, RequestHead, Span, Version, limits};

/// The parts of a request line.
struct RequestLine {
    method: Span,
    target: Span,
    version: Span,
    target_missing: bool,
}

/// One line of the head: where its text is and how it ended.
struct Line {
    text: Span,
    next: usize,
    terminated: bool,
    carriage_return: bool,
}

/// Whether this request line is a whole HTTP/0.9 request: a method and a target, no version.
// spec: alb §1.2 Front-end (client) protocols
pub(crate) fn is_simple_request(line: &[u8]) -> bool {
    let parts = split_request_line(line, 0, line.len());
    !parts.target_missing && parts.version.is_empty()
}

/// Reads the head in `buf[start..]` into `head`. The caller has found where the head ends and
/// checked its limits; bytes that end too early are reported as anomalies.
pub fn parse(buf: &[u8], start: usize, head: &mut RequestHead) {
    head.clear();
    let line = next_line(buf, start);
    note_line_end(&line, head);
    parse_request_line(buf, &line, head);
    let mut at = line.next;
    loop {
        if at >= buf.len() {
            if head.version_text.is_empty() && head.fields.is_empty() && line.terminated {
                break; // A simple request has no header section.
            }
            note(head, Anomalies::NO_EMPTY_LINE);
            break;
        }
        let line = next_line(buf, at);
        note_line_end(&line, head);
        if line.text.is_empty() && line.terminated {
            break;
        }
        if head.fields.len() < limits::HEADERS_MAX {
            parse_header_line(buf, &line, head);
        }
        at = line.next;
        if !line.terminated {
            note(head, Anomalies::PARTIAL_LINE);
            break;
        }
    }
    head.fields.finish(at);
}

fn parse_request_line(buf: &[u8], line: &Line, head: &mut RequestHead) {
    let (start, end) = (line.text.start as usize, line.text.end as usize);
    let parts = split_request_line(buf, start, end);
    head.line = line.text;
    head.method = parts.method;
    head.target = parts.target;
    head.version_text = parts.version;
    head.version = Version::of(parts.version.of(buf));
    if parts.target_missing {
        note(head, Anomalies::NO_TARGET);
    }
    let method = parts.method.of(buf);
    if method.is_empty() || !bytes::all(method, TOKEN) {
        head.anomalies.insert(Anomalies::ODD_METHOD);
    }
    if !matches!(head.version, Version::Http10 | Version::Http11) {
        head.anomalies.insert(Anomalies::ODD_VERSION);
    }
    if !bytes::all(parts.target.of(buf), TARGET) {
        head.anomalies.insert(Anomalies::ODD_TARGET);
    }
}

/// Splits `buf[start..end]` at its first and its last space. Trailing bytes that are no token
/// characters belong to the version: `HTTP/1.1 ` with a blank behind it is an odd version, not a
/// target.
fn split_request_line(buf: &[u8], start: usize, end: usize) -> RequestLine {
    let line = &buf[start..end];
    let Some(first) = memchr::memchr(b' ', line) else {
        let nothing = Span::new(end, end);
        let method = Span::new(start, end);
        return RequestLine { method, target: nothing, version: nothing, target_missing: true };
    };
    let method = Span::new(start, start + first);
    let rest_start = start + first + 1;
    let rest = &buf[rest_start..end];
    let words_end = rest.iter().rposition(|&byte| bytes::is(byte, TOKEN)).map_or(0, |at| at + 1);
    if let Some(last) = memchr::memrchr(b' ', &rest[..words_end]) {
        let target = Span::new(rest_start, rest_start + last);
        let version = Span::new(rest_start + last + 1, end);
        return RequestLine { method, target, version, target_missing: target.is_empty() };
    }
    // One word: a version without a target, or a target without a version.
    let word = Span::new(rest_start, end);
    let nothing = Span::new(rest_start, rest_start);
    if rest.starts_with(b"HTTP/1.") {
        return RequestLine { method, target: nothing, version: word, target_missing: true };
    }
    let version = Span::new(end, end);
    RequestLine { method, target: word, version, target_missing: rest.is_empty() }
}

fn parse_header_line(buf: &[u8], line: &Line, head: &mut RequestHead) {
    let (start, end) = (line.text.start as usize, line.text.end as usize);
    let mut flags = FieldFlags::default();
    if bytes::is_blank(buf[start]) {
        flags.insert(FieldFlags::FOLDED);
    }
    let (name, value) = match memchr::memchr(b':', &buf[start..end]) {
        Some(colon) => {
            let (from, to) = bytes::trim_range(buf, start + colon + 1, end);
            (Span::new(start, start + colon), Span::new(from, to))
        }
        None => {
            if !flags.intersects(FieldFlags::FOLDED) {
                flags.insert(FieldFlags::NO_COLON);
            }
            (line.text, Span::new(end, end))
        }
    };
    let found = head.fields.push_raw(buf, name, value, flags);
    for finding in [Anomalies::NO_COLON, Anomalies::FOLDED] {
        if found.intersects(finding) {
            note(head, finding);
        }
    }
    head.anomalies.insert(found);
}

fn next_line(buf: &[u8], start: usize) -> Line {
    let found = memchr::memchr(b'\n', &buf[start..]);
    let end = found.map_or(buf.len(), |at| start + at);
    let carriage_return = end > start && buf[end - 1] == b'\r';
    Line {
        text: Span::new(start, end - usize::from(carriage_return)),
        next: if found.is_some() { end + 1 } else { end },
        terminated: found.is_some(),
        carriage_return,
    }
}

fn note_line_end(line: &Line, head: &mut RequestHead) {
    if !line.carriage_return {
        head.anomalies.insert(Anomalies::BARE_LF);
    }
}

/// Records a finding of the Ambiguous tier, and that it was the first one.
fn note(head: &mut RequestHead, finding: Anomalies) {
    if head.first_ambiguous.is_empty() {
        head.first_ambiguous = finding;
    }
    head.anomalies.insert(finding);
}
