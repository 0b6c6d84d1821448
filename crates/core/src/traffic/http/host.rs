//! The `Host` header: what rules compare, and what a target receives.
//!
//! Invariant: the value that is written holds exactly one host and at most one port.

use std::borrow::Cow;

use crate::traffic::text::decimal;

/// A host as sent, split from its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// The name or address; an IPv6 literal keeps its brackets.
    pub host: &'a [u8],
    /// The digits after the last colon, if they are digits. An empty port counts as none.
    pub port: Option<&'a [u8]>,
}

/// What decides about the forwarded `Host`.
#[derive(Clone, Copy, Debug)]
pub struct HostContext<'a> {
    /// The value of the first `Host` header.
    pub header: Option<&'a [u8]>,
    /// The authority of an absolute-form target.
    pub authority: Option<&'a [u8]>,
    /// The load balancer's DNS name, for HTTP/1.0 requests without a host.
    pub load_balancer: &'a str,
    /// The listener's port.
    pub listener_port: u16,
    /// Whether the listener speaks TLS.
    pub is_https: bool,
    /// The attribute `routing.http.preserve_host_header.enabled`.
    pub preserve: bool,
}

// === impl HostPort ===

impl<'a> HostPort<'a> {
    /// Splits a host from its port.
    pub fn split(text: &'a [u8]) -> Self {
        let bracket = text.iter().rposition(|&byte| byte == b']').unwrap_or(0);
        let colon = text[bracket..].iter().rposition(|&byte| byte == b':');
        let Some(colon) = colon.map(|at| bracket + at) else {
            return Self { host: text, port: None };
        };
        let (host, port) = (&text[..colon], &text[colon + 1..]);
        if !port.iter().all(u8::is_ascii_digit) || host.contains(&b':') && bracket == 0 {
            return Self { host: text, port: None };
        }
        Self { host, port: (!port.is_empty()).then_some(port) }
    }
}

/// The host that rules are matched on: the authority of an absolute form, else the first `Host`
/// header, without its port. Comparison is without regard to case.
// spec: alb §2.2 Conditions
pub fn matching<'a>(header: Option<&'a [u8]>, authority: Option<&'a [u8]>) -> &'a [u8] {
    HostPort::split(authority.or(header).unwrap_or_default()).host
}

/// `text` in lower case; not copied when it is already.
pub fn lower_case(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Appends the value of the `Host` header for the target.
///
/// With `preserve` the header goes out as it came (the caller forwards all of its lines then);
/// only a missing one is made up.
// spec: alb §3.3 `Host`
pub fn write_forwarded(context: &HostContext<'_>, out: &mut Vec<u8>) {
    let load_balancer = context.load_balancer.as_bytes();
    if context.preserve {
        let sent = context.header.or(context.authority);
        out.extend_from_slice(sent.unwrap_or(load_balancer));
        return;
    }
    let sent = context.authority.or(context.header).filter(|sent| !sent.is_empty());
    let parts = HostPort::split(sent.unwrap_or(load_balancer));
    let start = out.len();
    out.extend_from_slice(parts.host);
    out[start..].make_ascii_lowercase();
    let default_port = if context.is_https { 443 } else { 80 };
    if context.listener_port == default_port {
        return;
    }
    out.push(b':');
    match parts.port {
        Some(port) => out.extend_from_slice(port),
        None => decimal(out, u64::from(context.listener_port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(
        header: Option<&str>,
        authority: Option<&str>,
        (listener_port, is_https, preserve): (u16, bool, bool),
    ) -> String {
        let context = HostContext {
            header: header.map(str::as_bytes),
            authority: authority.map(str::as_bytes),
            load_balancer: "lb.example",
            listener_port,
            is_https,
            preserve,
        };
        let mut out = Vec::new();
        write_forwarded(&context, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hosts_and_ports() {
        for (text, host, port) in [
            ("a.example", "a.example", None),
            ("a.example:80", "a.example", Some("80")),
            ("a.example:", "a.example", None),
            ("a.example:http", "a.example:http", None),
            ("[::1]:8080", "[::1]", Some("8080")),
            ("[::1]", "[::1]", None),
            ("::1", "::1", None),
            ("", "", None),
            (":80", "", Some("80")),
        ] {
            let parts = HostPort::split(text.as_bytes());
            let wanted = HostPort { host: host.as_bytes(), port: port.map(str::as_bytes) };
            assert_eq!(parts, wanted, "{text}");
        }
    }

    // spec: alb §3.3 `Host`
    #[test]
    fn the_forwarded_host_by_the_table() {
        let http = (80, false, false);
        let https = (443, true, false);
        let other = (8080, false, false);
        let kept = (8080, false, true);
        for (header, authority, listener, wanted) in [
            (Some("A.Example:80"), None, http, "a.example"),
            (Some("a.example:8443"), None, https, "a.example"),
            (Some("a.example"), None, https, "a.example"),
            (Some("a.example"), None, (443, false, false), "a.example:443"),
            (Some("a.example"), None, other, "a.example:8080"),
            (Some("a.example:9"), None, other, "a.example:9"),
            (Some("a.example"), Some("B.example:1"), http, "b.example"),
            (Some("A.example"), Some("b.example"), kept, "A.example"),
            (Some("A.Example:80"), None, kept, "A.Example:80"),
            (Some("a.example"), None, kept, "a.example"),
            (None, None, http, "lb.example"),
            (None, None, kept, "lb.example"),
            (Some(""), None, http, "lb.example"),
            (Some("[::1]"), None, other, "[::1]:8080"),
        ] {
            assert_eq!(forwarded(header, authority, listener), wanted, "{header:?} {authority:?}");
        }
    }

    #[test]
    fn rules_see_the_authority_or_the_first_header_without_its_port() {
        assert_eq!(matching(Some(b"a.example:1"), None), b"a.example");
        assert_eq!(matching(Some(b"a.example"), Some(b"b.example:2")), b"b.example");
        assert_eq!(matching(None, None), b"");
        assert!(matches!(lower_case(b"a.example"), Cow::Borrowed(_)));
        assert_eq!(&*lower_case(b"A.Example"), b"a.example");
    }
}
