//! The access-log line: one exchange, 33 fields, in AWS's order.
//!
//! Formatting happens on the data thread, straight into the chunk that is handed over, without an
//! allocation per line.
//!
//! Invariant: a line has exactly 33 fields and no byte that could start another line or field:
//! quotes, backslashes and control bytes inside quoted fields are escaped.
// spec: alb §11.1 Access log - fields in order (space separated)

use std::net::SocketAddr;

use super::text::{SecondText, decimal, hex16, socket_address, triple};
use crate::limits;

/// Room for a line of ordinary length, made at once.
const LINE_USUAL: usize = 768;

/// Everything a line says. Times are microseconds since the epoch, durations in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// When the response was generated.
    pub time_us: i64,
    /// When the request came in.
    pub created_us: i64,
    /// `app/<name>/<id>`.
    pub load_balancer: &'a str,
    /// TCP peer.
    pub client: SocketAddr,
    /// The target, when the request was dispatched.
    pub target: Option<SocketAddr>,
    /// `None` prints -1.
    pub request_processing_us: Option<u64>,
    /// `None` prints -1.
    pub target_processing_us: Option<u64>,
    /// `None` prints -1.
    pub response_processing_us: Option<u64>,
    /// What the client got.
    pub elb_status: u16,
    /// What the target answered.
    pub target_status: Option<u16>,
    /// Request bytes with head.
    pub received_bytes: u64,
    /// Response bytes with head.
    pub sent_bytes: u64,
    /// The first line, or what was sent instead of it.
    pub request: RequestLine<'a>,
    /// As sent.
    pub user_agent: &'a [u8],
    /// The chosen group.
    pub target_group: &'a str,
    /// As sent to the target.
    pub trace_id: &'a [u8],
    /// 0 is the default rule; `None` prints `-`.
    pub rule_priority: Option<u32>,
    /// For example `forward`.
    pub actions: &'a str,
    /// `Location` of a redirect.
    pub redirect_url: &'a [u8],
    /// See spec §11.2.
    pub error_reason: &'a str,
    /// `Acceptable`, `Ambiguous`, `Severe`.
    pub classification: &'a str,
    /// A desync reason code.
    pub classification_reason: &'a str,
    /// Joins with the connection log.
    pub connection_id: u64,
    /// The host that a transform made.
    pub transformed_host: &'a [u8],
    /// The path and query that a transform made.
    pub transformed_uri: &'a [u8],
    /// For example `TransformSuccess`; empty without transforms.
    pub transform_status: &'a str,
}

/// The quoted request field.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// As sent.
    pub method: &'a [u8],
    /// `http` or `https`.
    pub scheme: &'a str,
    /// As sent, without port.
    pub host: &'a [u8],
    /// Port of the listener.
    pub port: u16,
    /// Path and query as sent.
    pub target: &'a [u8],
    /// As sent, for example `HTTP/1.1`.
    pub version: &'a [u8],
}

// === impl RequestLine ===

impl<'a> RequestLine<'a> {
    /// What stands for bytes that never became a request: they came to `host`, the load balancer.
    pub fn unreadable(scheme: &'a str, host: &'a str, port: u16) -> Self {
        Self { method: b"-", scheme, host: host.as_bytes(), port, target: b"-", version: b"-" }
    }
}

/// Appends one line with its newline. Long fields are cut so that the line stays below
/// `limits::LOG_LINE_MAX`. `clock` is kept by the caller from line to line.
pub fn access_line(out: &mut Vec<u8>, clock: &mut SecondText, r: &AccessRecord<'_>) {
    out.reserve(LINE_USUAL);
    out.extend_from_slice(b"http ");
    clock.append(out, r.time_us);
    out.push(b' ');
    out.extend_from_slice(r.load_balancer.as_bytes());
    out.push(b' ');
    socket_address(out, r.client);
    out.push(b' ');
    address(out, r.target);
    for duration in [r.request_processing_us, r.target_processing_us, r.response_processing_us] {
        out.push(b' ');
        seconds(out, duration);
    }
    out.push(b' ');
    decimal(out, u64::from(r.elb_status));
    out.push(b' ');
    optional(out, r.target_status.map(u64::from));
    out.push(b' ');
    decimal(out, r.received_bytes);
    out.push(b' ');
    decimal(out, r.sent_bytes);
    out.push(b' ');
    request(out, r);
    out.push(b' ');
    quoted(out, r.user_agent, limits::LOG_USER_AGENT_MAX);
    // ssl_cipher and ssl_protocol: no TLS on an HTTP listener.
    out.extend_from_slice(b" - - ");
    out.extend_from_slice(dash(r.target_group).as_bytes());
    out.push(b' ');
    quoted(out, r.trace_id, 2_048);
    // domain_name and chosen_cert_arn.
    out.extend_from_slice(b" \"-\" \"-\" ");
    optional(out, r.rule_priority.map(u64::from));
    out.push(b' ');
    clock.append(out, r.created_us);
    tail(out, r);
}

/// Fields 23 to 33.
fn tail(out: &mut Vec<u8>, r: &AccessRecord<'_>) {
    out.push(b' ');
    quoted(out, r.actions.as_bytes(), 256);
    out.push(b' ');
    quoted(out, r.redirect_url, limits::REDIRECT_LOCATION_MAX);
    out.push(b' ');
    quoted(out, r.error_reason.as_bytes(), 128);
    out.extend_from_slice(b" \"");
    address(out, r.target);
    out.extend_from_slice(b"\" \"");
    optional(out, r.target_status.map(u64::from));
    out.extend_from_slice(b"\" ");
    quoted(out, r.classification.as_bytes(), 64);
    out.push(b' ');
    quoted(out, r.classification_reason.as_bytes(), 64);
    out.extend_from_slice(b" TID_");
    hex16(out, r.connection_id);
    out.push(b' ');
    quoted(out, r.transformed_host, 1_024);
    out.push(b' ');
    quoted(out, r.transformed_uri, 4 * 1_024);
    out.push(b' ');
    quoted(out, r.transform_status.as_bytes(), 64);
    out.push(b'\n');
}

fn request(out: &mut Vec<u8>, r: &AccessRecord<'_>) {
    let line = &r.request;
    out.push(b'"');
    escaped(out, line.method, 64);
    out.push(b' ');
    out.extend_from_slice(line.scheme.as_bytes());
    out.extend_from_slice(b"://");
    escaped(out, line.host, 1_024);
    out.push(b':');
    decimal(out, u64::from(line.port));
    escaped(out, line.target, 16 * 1_024);
    out.push(b' ');
    // A version that is refused is logged too, whatever it was.
    escaped(out, line.version, 16);
    out.push(b'"');
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn quoted(out: &mut Vec<u8>, text: &[u8], max: usize) {
    out.push(b'"');
    if text.is_empty() {
        out.push(b'-');
    } else {
        escaped(out, text, max);
    }
    out.push(b'"');
}

/// Writes at most `max` bytes; what could break the line becomes `\xHH`.
fn escaped(out: &mut Vec<u8>, text: &[u8], max: usize) {
    let text = &text[..text.len().min(max)];
    if is_plain(text) {
        out.extend_from_slice(text);
        return;
    }
    let end = out.len() + max;
    for byte in text {
        if out.len() + 4 > end {
            break;
        }
        if is_plain(std::slice::from_ref(byte)) {
            out.push(*byte);
        } else {
            let digits = b"0123456789ABCDEF";
            let (high, low) = (digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'x', high, low]);
        }
    }
}

/// Visible ASCII and blanks without quotes and backslashes. No early exit, so that it is compiled
/// to vector instructions.
fn is_plain(text: &[u8]) -> bool {
    let odd = |b: u8| (b.wrapping_sub(0x20) > 0x5e) | (b == b'"') | (b == b'\\');
    !text.iter().fold(false, |found, b| found | odd(*b))
}

fn optional(out: &mut Vec<u8>, value: Option<u64>) {
    match value {
        Some(value) => decimal(out, value),
        None => out.push(b'-'),
    }
}

fn seconds(out: &mut Vec<u8>, micros: Option<u64>) {
    let Some(micros) = micros else {
        out.extend_from_slice(b"-1");
        return;
    };
    let millis = micros.saturating_add(500) / 1_000;
    decimal(out, millis / 1_000);
    out.push(b'.');
    triple(out, (millis % 1_000) as u32);
}

fn address(out: &mut Vec<u8>, address: Option<SocketAddr>) {
    match address {
        Some(address) => socket_address(out, address),
        None => out.push(b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AccessRecord<'static> {
        AccessRecord {
            time_us: 1_530_570_180_186_641,
            created_us: 1_530_570_168_364_000,
            load_balancer: "app/my-loadbalancer/50dc6c495c0c9188",
            client: "192.168.131.39:2817".parse().unwrap(),
            target: Some("10.0.0.1:80".parse().unwrap()),
            request_processing_us: Some(86_000),
            target_processing_us: Some(48_400),
            response_processing_us: Some(0),
            elb_status: 200,
            target_status: Some(200),
            received_bytes: 34,
            sent_bytes: 366,
            request: RequestLine {
                method: b"GET",
                scheme: "http",
                host: b"www.example.com",
                port: 80,
                target: b"/?q=\"1\"",
                version: b"HTTP/1.1",
            },
            user_agent: b"curl/7.46.0",
            target_group: "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/7",
            trace_id: b"Root=1-58337262-36d228ad5d99923122bbe354",
            rule_priority: Some(0),
            actions: "forward",
            redirect_url: b"",
            error_reason: "",
            classification: "",
            classification_reason: "",
            connection_id: 0x1234_abcd_5678_ef90,
            transformed_host: b"",
            transformed_uri: b"",
            transform_status: "",
        }
    }

    fn line(record: &AccessRecord<'_>) -> String {
        let mut out = Vec::new();
        access_line(&mut out, &mut SecondText::new(), record);
        String::from_utf8(out).unwrap()
    }

    /// Splits as a log reader does: spaces outside quotes.
    fn fields(line: &str) -> Vec<String> {
        let (mut out, mut quoted) = (vec![String::new()], false);
        for c in line.trim_end_matches('\n').chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => out.push(String::new()),
                c => out.last_mut().unwrap().push(c),
            }
        }
        out
    }

    #[test]
    fn the_documented_form() {
        assert_eq!(
            line(&record()),
            "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 \
             192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.000 200 200 34 366 \
             \"GET http://www.example.com:80/?q=\\x221\\x22 HTTP/1.1\" \"curl/7.46.0\" - - \
             arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/7 \
             \"Root=1-58337262-36d228ad5d99923122bbe354\" \"-\" \"-\" 0 \
             2018-07-02T22:22:48.364000Z \"forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \
             \"-\" TID_1234abcd5678ef90 \"-\" \"-\" \"-\"\n"
        );
    }

    #[test]
    fn always_thirty_three_fields_on_one_line() {
        let nothing = AccessRecord {
            target: None,
            request_processing_us: None,
            target_processing_us: None,
            response_processing_us: None,
            target_status: None,
            request: RequestLine::unreadable("http", "lb.example.com", 80),
            user_agent: b"a b\"\n\\ \xff",
            rule_priority: None,
            ..record()
        };
        let odd = RequestLine {
            method: b"G\"T",
            host: b"a\" \"b",
            target: b"/\" \"",
            version: b"\"\r/1\t\" \"",
            ..record().request
        };
        for r in [record(), nothing, AccessRecord { request: odd, ..record() }] {
            let text = line(&r);
            assert_eq!(text.matches(['\n', '\r', '\t']).count(), 1);
            assert_eq!(fields(&text).len(), 33, "{text}");
        }
        assert_eq!(fields(&line(&nothing))[12], "- http://lb.example.com:80- -");
    }

    #[test]
    fn a_line_has_a_bound() {
        let long = vec![b'\n'; 100_000];
        let huge = AccessRecord {
            user_agent: &long,
            trace_id: &long,
            redirect_url: &long,
            request: RequestLine { target: &long, ..record().request },
            ..record()
        };
        assert!(line(&huge).len() < limits::LOG_LINE_MAX);
    }

    #[test]
    fn v6_clients_are_bracketed() {
        let v6 = AccessRecord { client: "[2001:db8::1]:9".parse().unwrap(), ..record() };
        assert_eq!(fields(&line(&v6))[3], "[2001:db8::1]:9");
    }
}
