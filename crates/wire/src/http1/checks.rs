//! What must hold for every input, as functions that panic when it does not.
//!
//! The fuzz targets, the corpus replay and the property tests call the same ones, so a finding of
//! any of them is reproduced by the others.
//!
//! Invariant: nothing here is reachable from production code.

use super::body::Body;
use super::request::{self, Fast, RequestHead};
use super::response::{self, ResponseHead};
use super::{Framing, ParseError, Scan, Status, limits, raw};

/// Everything that a request head says, with the text instead of the positions.
fn reading(buf: &[u8], head: &RequestHead) -> String {
    let mut text = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}\n",
        head.method.of(buf),
        head.target.of(buf),
        head.version,
        head.anomalies,
        head.first_ambiguous,
        head.fields.framing(),
    );
    for field in head.fields.as_slice() {
        text += &format!(
            "{:?} {:?} {:?} {:?}\n",
            field.raw_name(buf),
            field.value(buf),
            field.known,
            field.flags
        );
    }
    text
}

fn parse_in_steps(data: &[u8], step: usize) -> (Result<Status, ParseError>, String) {
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    let mut end = 0;
    loop {
        end = (end + step).min(data.len());
        match request::parse(&data[..end], &mut scan, &mut head) {
            Ok(Status::Partial) if end < data.len() => {}
            Ok(Status::Complete { head_len }) => {
                assert!(head_len <= end && head_len <= limits::HEAD_BYTES_MAX);
                let text = reading(&data[..end], &head);
                return (Ok(Status::Complete { head_len }), text);
            }
            other => return (other, String::new()),
        }
    }
}

/// A request head: no panic, the same answer in one piece and in pieces, httparse and the
/// tolerant parser agree, and a head without anomalies is what [`super::Anomalies`] promises.
pub fn request_head(data: &[u8]) {
    let whole = parse_in_steps(data, data.len().max(1));
    for step in [1, 2, 7, 61] {
        assert_eq!(parse_in_steps(data, step), whole, "in steps of {step}");
    }
    if let (Ok(Status::Complete { head_len }), _) = &whole {
        readers_agree(&data[..*head_len]);
    }
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    if let Ok(true) = request::parse_at_end(data, &mut scan, &mut head) {
        reading(data, &head);
    }
}

/// httparse's reading and ours of one complete head.
fn readers_agree(head_bytes: &[u8]) {
    let empties = head_bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (mut fast, mut tolerant) = (RequestHead::default(), RequestHead::default());
    raw::parse(head_bytes, empties, &mut tolerant);
    if tolerant.anomalies.is_empty() {
        assert_promise(head_bytes, &tolerant);
    }
    if let Fast::Complete(len) = request::parse_fast(head_bytes, empties, &mut fast) {
        assert_eq!(len, head_bytes.len(), "both find the same end");
        assert_eq!(reading(head_bytes, &fast), reading(head_bytes, &tolerant));
        let lines = fast.fields.lines(0, fast.fields.len());
        assert_eq!(lines, tolerant_lines(head_bytes, &fast, &tolerant));
    }
}

fn tolerant_lines(buf: &[u8], fast: &RequestHead, tolerant: &RequestHead) -> super::Span {
    if fast.anomalies.is_empty() {
        let text = tolerant.fields.lines(0, tolerant.fields.len());
        assert!(text.is_empty() || text.of(buf).ends_with(b"\r\n"));
    }
    let same = |head: &RequestHead| head.fields.as_slice().first().map(|f| f.name_span().start);
    assert_eq!(same(fast), same(tolerant));
    fast.fields.lines(0, fast.fields.len())
}

fn assert_promise(buf: &[u8], head: &RequestHead) {
    let token = |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_graphic());
    assert!(token(head.method.of(buf)));
    assert!(head.target.of(buf).iter().all(|&b| b > b' ' && b != 0x7f));
    assert!(matches!(head.version_text.of(buf), b"HTTP/1.0" | b"HTTP/1.1"));
    let mut lengths = 0;
    for field in head.fields.as_slice() {
        assert!(token(field.raw_name(buf)));
        assert!(!field.value(buf).iter().any(|b| matches!(b, 0..=8 | 10..=31 | 0x7f)));
        let name = field.raw_name(buf).to_ascii_lowercase();
        lengths += usize::from(name == b"content-length" || name == b"transfer-encoding");
    }
    assert_eq!(lengths == 0, head.fields.framing() == Framing::None);
    assert!(lengths <= 1 || head.fields.framing() == Framing::Odd);
}

/// A response head: no panic, and the same answer in one piece and byte by byte.
pub fn response_head(data: &[u8]) {
    let (mut scan, mut head) = (Scan::default(), ResponseHead::default());
    let whole = response::parse(data, &mut scan, &mut head);
    let Ok(Status::Complete { head_len }) = whole else {
        return;
    };
    assert!(head_len <= data.len() && head.status >= 100);
    let text = |buf: &[u8], head: &ResponseHead| {
        let lines = head.fields.as_slice().iter();
        let lines: Vec<_> =
            lines.map(|f| (f.raw_name(buf).to_vec(), f.value(buf).to_vec(), f.known)).collect();
        (head.status, head.version, head.reason.of(buf).to_vec(), head.bare_lf, lines)
    };
    let wanted = text(data, &head);
    let mut scan = Scan::default();
    for end in 0..head_len {
        let partial = response::parse(&data[..end], &mut scan, &mut head);
        assert_eq!(partial, Ok(Status::Partial), "at {end}");
    }
    let last = response::parse(&data[..head_len], &mut scan, &mut head);
    assert_eq!(last, Ok(Status::Complete { head_len }));
    assert_eq!(text(data, &head), wanted);
}

/// A chunked body: no panic, and the same payload, end and verdict for every slicing.
pub fn chunk(data: &[u8]) {
    let mut wanted = None;
    for step in [data.len().max(1), 1, 2, 5] {
        let mut body = Body::chunked();
        let (mut payload, mut at, mut end) = (Vec::new(), 0, 0);
        let mut verdict = Ok(());
        'input: while end < data.len() && !body.is_done() {
            end = (end + step).min(data.len());
            loop {
                match body.advance(&data[at..end]) {
                    Ok(piece) => {
                        payload.extend_from_slice(&data[at..end][piece.payload.clone()]);
                        at += piece.consumed;
                        if piece.consumed == 0 || piece.done {
                            break;
                        }
                    }
                    Err(error) => {
                        verdict = Err(error);
                        break 'input;
                    }
                }
            }
        }
        // Where an error is found tells nothing about how much was consumed before it.
        let at = if verdict.is_ok() { at } else { 0 };
        let found = (payload, at, verdict, body.is_done());
        match &wanted {
            None => wanted = Some(found),
            Some(first) => assert_eq!(&found, first, "in steps of {step}"),
        }
    }
}
