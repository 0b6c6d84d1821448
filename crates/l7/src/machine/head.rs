//! Heads as they go out: the request's for the target, the response's for the client.
//!
//! A clean head is copied in runs: only the lines that change are written anew. A head with
//! anomalies is written line by line from what was understood, never from the raw bytes.
//!
//! Invariant: what goes out has exactly one framing, no hop-by-hop header of the other side, and
//! no byte that could begin another line.

use std::net::SocketAddr;

use weir_core::snapshot::{ListenerPlan, XffMode};
use weir_core::time::Now;
use weir_core::traffic::http::connection::{self, ConnectionOptions};
use weir_core::traffic::http::host::{self, HostContext};
use weir_core::traffic::http::trace_id::{self, TraceSeed};
use weir_core::traffic::http::uri::Target;
use weir_core::traffic::http::{HeaderView, desync, xff};
use weir_core::traffic::transform::Transformed;
use weir_wire::http1::body::Body;
use weir_wire::http1::{
    Field, FieldFlags, Fields, Framing, Known, RequestHead, ResponseHead, write,
};

use super::judge::Asked;

/// A request on its way to a target.
pub(super) struct Outgoing<'a> {
    pub plan: &'a ListenerPlan,
    pub head: &'a RequestHead,
    pub asked: &'a Asked<'a>,
    /// What its rule made of host and URL.
    pub transformed: &'a Transformed,
    pub buf: &'a [u8],
    pub head_len: usize,
    /// The one framing of its body.
    pub body: &'a Body,
    /// Whether the target's connection is to be closed afterwards.
    pub isolate: bool,
    pub peer: SocketAddr,
    pub now: Now,
    pub random: [u64; 2],
}

/// A response on its way to a client.
pub(super) struct Incoming<'a> {
    pub plan: &'a ListenerPlan,
    pub head: &'a ResponseHead,
    pub buf: &'a [u8],
    pub options: ConnectionOptions,
    /// The length headers as they go out.
    pub framing: OutFraming,
    /// Whether the client's connection closes afterwards.
    pub close: bool,
}

/// What is done about the length headers of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutFraming {
    /// They go out as they came.
    Keep,
    /// They are left out: the close delimits.
    Close,
    /// So many bytes.
    Length(u64),
    /// Chunked.
    Chunked,
}

// === requests ===

/// Appends the head for the target to `out`. Leaves the trace id's value in `value`.
// spec: alb §3.1 Headers the ALB adds or changes on the way to a target
pub(super) fn write_request(request: &Outgoing<'_>, value: &mut Vec<u8>, out: &mut Vec<u8>) {
    let Outgoing { head, buf, .. } = request;
    out.extend_from_slice(head.method.of(buf));
    out.push(b' ');
    write_target(request, out);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write_forwarded(request, out);
    write_host(request, out);
    write_trace(request, value);
    write::header(out, b"X-Amzn-Trace-Id", value);
    if head.anomalies.is_empty() {
        copy_request_lines(request, out);
    } else {
        rewrite_request_lines(request, out);
    }
    if !keeps_framing(request) {
        match request.body {
            Body::Length(length) => write::header_decimal(out, b"Content-Length", *length),
            Body::Chunked(_) => write::header(out, b"Transfer-Encoding", b"chunked"),
            Body::None | Body::UntilClose => {}
        }
    }
    if request.isolate {
        write::header(out, b"Connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether the length headers can go out as they came: one, plain, in a clean head.
fn keeps_framing(request: &Outgoing<'_>) -> bool {
    request.head.anomalies.is_empty() && request.head.fields.framing() != Framing::Odd
}

/// The target in origin form. Bytes that could end the line exist only in heads that a lenient
/// mode let pass; they are encoded.
fn write_target(request: &Outgoing<'_>, out: &mut Vec<u8>) {
    if let Some(url) = &request.transformed.url {
        return out.extend_from_slice(url);
    }
    let sent = request.head.target.of(request.buf);
    let start = out.len();
    match &request.asked.target {
        Target::Absolute { rest, .. } => {
            out.extend_from_slice(rest.path);
            if let Some(query) = rest.query {
                out.push(b'?');
                out.extend_from_slice(query);
            }
        }
        Target::Origin(_) | Target::Asterisk | Target::Other(_) => out.extend_from_slice(sent),
    }
    if request.head.anomalies.intersects(weir_wire::http1::Anomalies::ODD_TARGET) {
        let raw = out.split_off(start);
        for byte in raw {
            if byte > b' ' && byte != 0x7f {
                out.push(byte);
            } else {
                let digit = |half: u8| b"0123456789ABCDEF"[usize::from(half)];
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

fn write_forwarded(request: &Outgoing<'_>, out: &mut Vec<u8>) {
    let load_balancer = &request.plan.load_balancer;
    let mode = match load_balancer.xff_mode {
        XffMode::Append => xff::Mode::Append,
        XffMode::Preserve => xff::Mode::Preserve,
        XffMode::Remove => xff::Mode::Remove,
    };
    let lines = request.head.fields.values(Known::XForwardedFor, request.buf);
    let port = load_balancer.xff_client_port.then_some(request.peer.port());
    let start = out.len();
    out.extend_from_slice(b"X-Forwarded-For: ");
    if xff::write_value(mode, lines, request.peer.ip(), port, out) {
        out.extend_from_slice(b"\r\n");
    } else {
        out.truncate(start);
    }
    out.extend_from_slice(b"X-Forwarded-Proto: ");
    out.extend_from_slice(request.plan.protocol.scheme().as_bytes());
    out.extend_from_slice(b"\r\n");
    write::header_decimal(out, b"X-Forwarded-Port", u64::from(request.plan.port));
}

// spec: alb §3.3 `Host`
fn write_host(request: &Outgoing<'_>, out: &mut Vec<u8>) {
    let Outgoing { plan, head, buf, asked, .. } = request;
    // It replaces the host also where that is to be preserved.
    // spec: alb §2.4 Transforms (released 2025-10-15)
    if let Some(host) = &request.transformed.host {
        return write::header(out, b"Host", host);
    }
    let header = head.fields.value(Known::Host, buf);
    let preserve = plan.load_balancer.preserve_host;
    if preserve && header.is_some() {
        return;
    }
    let context = HostContext {
        header,
        authority: asked.target.authority(),
        load_balancer: &plan.load_balancer.dns_name,
        listener_port: plan.port,
        is_https: plan.protocol.default_port() == 443,
        preserve,
    };
    out.extend_from_slice(b"Host: ");
    host::write_forwarded(&context, out);
    out.extend_from_slice(b"\r\n");
}

fn write_trace(request: &Outgoing<'_>, value: &mut Vec<u8>) {
    value.clear();
    let mut random = [0; 12];
    random[..8].copy_from_slice(&request.random[0].to_le_bytes());
    random[8..].copy_from_slice(&request.random[1].to_le_bytes()[..4]);
    let epoch_s = request.now.epoch_seconds().clamp(0, i64::from(u32::MAX)) as u32;
    let seed = TraceSeed { epoch_s, random };
    let incoming = request.head.fields.value(Known::XAmznTraceId, request.buf);
    trace_id::write_value(incoming, request.head_len, &seed, value);
}

/// Runs of untouched lines are copied as they are.
fn copy_request_lines(request: &Outgoing<'_>, out: &mut Vec<u8>) {
    let fields = &request.head.fields;
    let mut run = 0;
    for (index, field) in fields.as_slice().iter().enumerate() {
        if !request_line_stays(request, field) {
            out.extend_from_slice(fields.lines(run, index).of(request.buf));
            run = index + 1;
        }
    }
    out.extend_from_slice(fields.lines(run, fields.len()).of(request.buf));
}

fn rewrite_request_lines(request: &Outgoing<'_>, out: &mut Vec<u8>) {
    for field in request.head.fields.as_slice() {
        let view =
            HeaderView { name: field.raw_name(request.buf), value: field.value(request.buf) };
        if request_line_stays(request, field) && desync::may_forward(&view) {
            write::header(out, field.name(request.buf), view.value);
        }
    }
}

#[inline]
fn request_line_stays(request: &Outgoing<'_>, field: &Field) -> bool {
    match field.known {
        Known::Other => {
            let drops = request.plan.load_balancer.drop_invalid_headers;
            if drops && field.flags.intersects(FieldFlags::INVALID_NAME) {
                return false;
            }
        }
        Known::Host => {
            let replaced = request.transformed.host.is_some();
            return request.plan.load_balancer.preserve_host && !replaced;
        }
        Known::XForwardedFor
        | Known::XForwardedProto
        | Known::XForwardedPort
        | Known::XAmznTraceId
        | Known::Expect
        // Upgrades are not served yet: the target sees an ordinary request and answers as such.
        | Known::Upgrade => return false,
        Known::ContentLength | Known::TransferEncoding => return keeps_framing(request),
        known if known.is_hop_by_hop() => return false,
        _ => {}
    }
    !request.asked.options.names_headers || !is_named(&request.head.fields, field, request.buf)
}

fn is_named(fields: &Fields, field: &Field, buf: &[u8]) -> bool {
    connection::names(fields.values(Known::Connection, buf), field.name(buf))
}

// === responses ===

/// Appends the head for the client to `out`.
pub(super) fn write_response(response: &Incoming<'_>, out: &mut Vec<u8>) {
    let Incoming { head, buf, .. } = response;
    write::status_line(out, head.status, head.reason.of(buf));
    let fields = &head.fields;
    if head.bare_lf {
        for field in fields.as_slice().iter().filter(|field| response_line_stays(response, field)) {
            write::header(out, field.name(buf), field.value(buf));
        }
    } else {
        let mut run = 0;
        for (index, field) in fields.as_slice().iter().enumerate() {
            if !response_line_stays(response, field) {
                out.extend_from_slice(fields.lines(run, index).of(buf));
                run = index + 1;
            }
        }
        out.extend_from_slice(fields.lines(run, fields.len()).of(buf));
    }
    match response.framing {
        OutFraming::Keep | OutFraming::Close => {}
        OutFraming::Length(length) => write::header_decimal(out, b"Content-Length", length),
        OutFraming::Chunked => write::header(out, b"Transfer-Encoding", b"chunked"),
    }
    write_attributes(response.plan, out);
    write_connection(response.close, out);
}

/// Appends the response headers that the listener sets.
// spec: alb §3.7 Listener attributes - response headers
pub(super) fn write_attributes(plan: &ListenerPlan, out: &mut Vec<u8>) {
    for header in &plan.response_headers {
        write::header(out, header.name.as_bytes(), header.value.as_bytes());
    }
}

/// Appends `Connection` and the end of the head.
pub(super) fn write_connection(close: bool, out: &mut Vec<u8>) {
    let line: &[u8] =
        if close { b"Connection: close\r\n\r\n" } else { b"Connection: keep-alive\r\n\r\n" };
    out.extend_from_slice(line);
}

/// Appends an informational head (1xx): its lines without those of one connection.
pub(super) fn write_informational(head: &ResponseHead, buf: &[u8], out: &mut Vec<u8>) {
    write::status_line(out, head.status, head.reason.of(buf));
    for field in head.fields.as_slice() {
        let length = matches!(field.known, Known::ContentLength | Known::TransferEncoding);
        if !length && !field.known.is_hop_by_hop() && field.known != Known::Upgrade {
            write::header(out, field.name(buf), field.value(buf));
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn response_line_stays(response: &Incoming<'_>, field: &Field) -> bool {
    match field.known {
        Known::Upgrade => return false,
        Known::ContentLength | Known::TransferEncoding => {
            return response.framing == OutFraming::Keep;
        }
        known if known.is_hop_by_hop() => return false,
        _ => {}
    }
    let name = field.name(response.buf);
    let overridden = |set: &weir_core::snapshot::ResponseHeader| {
        name.eq_ignore_ascii_case(set.name_lower.as_bytes())
    };
    if response.plan.response_headers.iter().any(overridden) {
        return false;
    }
    !response.options.names_headers || !is_named(&response.head.fields, field, response.buf)
}

#[cfg(test)]
mod tests {
    use weir_core::traffic::http::Anomalies;

    #[test]
    fn anomalies_mean_the_same_on_both_sides() {
        use weir_wire::http1::Anomalies as Wire;
        for (wire, core) in [
            (Wire::BARE_LF, Anomalies::BARE_LF),
            (Wire::FOLDED, Anomalies::FOLDED),
            (Wire::PARTIAL_LINE, Anomalies::PARTIAL_LINE),
            (Wire::NO_EMPTY_LINE, Anomalies::NO_EMPTY_LINE),
            (Wire::NO_COLON, Anomalies::NO_COLON),
            (Wire::NO_TARGET, Anomalies::NO_TARGET),
            (Wire::ODD_HEADER, Anomalies::ODD_HEADER),
            (Wire::ODD_METHOD, Anomalies::ODD_METHOD),
            (Wire::ODD_VERSION, Anomalies::ODD_VERSION),
            (Wire::ODD_TARGET, Anomalies::ODD_TARGET),
        ] {
            assert_eq!(wire.bits(), core.bits());
        }
    }
}
