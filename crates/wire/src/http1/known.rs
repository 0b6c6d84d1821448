//! The header names that the proxy acts on, recognised once.
//!
//! The match is by length first, then by first letter, then by one case-insensitive comparison,
//! a few words wide, so that a name that is not ours costs next to nothing.
//!
//! Invariant: every name except [`Known::Other`] has exactly one spelling in [`Known::name`].

use super::bytes::{self, TOKEN};

/// A header that some later stage asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Known {
    /// `Host`
    Host,
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Expect`
    Expect,
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `X-Forwarded-Proto`
    XForwardedProto,
    /// `X-Forwarded-Port`
    XForwardedPort,
    /// `X-Amzn-Trace-Id`
    XAmznTraceId,
    /// `User-Agent`
    UserAgent,
    /// `Upgrade`
    Upgrade,
    /// `Cookie`
    Cookie,
    /// `Keep-Alive`
    KeepAlive,
    /// `TE`
    Te,
    /// `Trailer`
    Trailer,
    /// `Date`
    Date,
    /// `Server`
    Server,
    /// `Proxy-Connection`
    ProxyConnection,
    /// `HTTP2-Settings`
    Http2Settings,
    /// `Content-Type`
    ContentType,
    /// `Set-Cookie`
    SetCookie,
    /// `Location`
    Location,
    /// Any other name.
    Other,
}

/// Every known name, in the order of the enum.
pub(crate) const NAMES: [(Known, &str); Known::Other as usize] = [
    (Known::Host, "Host"),
    (Known::Connection, "Connection"),
    (Known::ContentLength, "Content-Length"),
    (Known::TransferEncoding, "Transfer-Encoding"),
    (Known::Expect, "Expect"),
    (Known::XForwardedFor, "X-Forwarded-For"),
    (Known::XForwardedProto, "X-Forwarded-Proto"),
    (Known::XForwardedPort, "X-Forwarded-Port"),
    (Known::XAmznTraceId, "X-Amzn-Trace-Id"),
    (Known::UserAgent, "User-Agent"),
    (Known::Upgrade, "Upgrade"),
    (Known::Cookie, "Cookie"),
    (Known::KeepAlive, "Keep-Alive"),
    (Known::Te, "TE"),
    (Known::Trailer, "Trailer"),
    (Known::Date, "Date"),
    (Known::Server, "Server"),
    (Known::ProxyConnection, "Proxy-Connection"),
    (Known::Http2Settings, "HTTP2-Settings"),
    (Known::ContentType, "Content-Type"),
    (Known::SetCookie, "Set-Cookie"),
    (Known::Location, "Location"),
];

// === impl Known ===

impl Known {
    /// Classifies a header name, without regard to case. Blanks around it are not trimmed, and a
    /// name that is not a token is none of ours.
    pub fn of(name: &[u8]) -> Self {
        if bytes::all(name, TOKEN) { Self::of_token(name) } else { Known::Other }
    }

    /// The same for a name that is known to be a token.
    #[inline]
    pub(crate) fn of_token(name: &[u8]) -> Self {
        let Some(first) = name.first() else { return Known::Other };
        match (name.len(), first | 0x20) {
            (2, b't') if folds_to(name, b"te") => Known::Te,
            (4, b'h') if folds_to(name, b"host") => Known::Host,
            (4, b'd') if folds_to(name, b"date") => Known::Date,
            (6, b'c') if folds_to(name, b"cookie") => Known::Cookie,
            (6, b'e') if folds_to(name, b"expect") => Known::Expect,
            (6, b's') if folds_to(name, b"server") => Known::Server,
            (7, b'u') if folds_to(name, b"upgrade") => Known::Upgrade,
            (7, b't') if folds_to(name, b"trailer") => Known::Trailer,
            (8, b'l') if folds_to(name, b"location") => Known::Location,
            (10, b'c') if folds_to(name, b"connection") => Known::Connection,
            (10, b'u') if folds_to(name, b"user-agent") => Known::UserAgent,
            (10, b'k') if folds_to(name, b"keep-alive") => Known::KeepAlive,
            (10, b's') if folds_to(name, b"set-cookie") => Known::SetCookie,
            (12, b'c') if folds_to(name, b"content-type") => Known::ContentType,
            (14, b'c') if folds_to(name, b"content-length") => Known::ContentLength,
            (14, b'h') if folds_to(name, b"http2-settings") => Known::Http2Settings,
            (15, b'x') if folds_to(name, b"x-forwarded-for") => Known::XForwardedFor,
            (15, b'x') if folds_to(name, b"x-amzn-trace-id") => Known::XAmznTraceId,
            (16, b'x') if folds_to(name, b"x-forwarded-port") => Known::XForwardedPort,
            (16, b'p') if folds_to(name, b"proxy-connection") => Known::ProxyConnection,
            (17, b't') if folds_to(name, b"transfer-encoding") => Known::TransferEncoding,
            (17, b'x') if folds_to(name, b"x-forwarded-proto") => Known::XForwardedProto,
            _ => Known::Other,
        }
    }

    /// The usual spelling; empty for [`Known::Other`].
    #[inline]
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, name)| name)
    }

    /// Whether the header speaks about one connection only and is never forwarded.
    ///
    /// `Transfer-Encoding`, `Upgrade` and `Trailer` are decided by their own rules.
    // spec: alb §3.1 Headers the ALB adds or changes on the way to a target
    #[inline]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Known::Connection
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::Te
                | Known::Http2Settings
        )
    }
}

/// Whether `name`, a token as long as `lower`, is `lower` but for case.
///
/// Setting one bit maps upper case to lower case. The only other bytes that this maps onto
/// letters, digits or the hyphen are control characters, which no token has. Words that overlap
/// cover the rest, so the comparison has no loop and the right side is a constant.
#[inline(always)]
fn folds_to<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    const {
        assert!(N >= 2 && N <= 24);
    }
    if name.len() != N {
        return false;
    }
    if N < 4 {
        return name.iter().zip(lower).all(|(name, lower)| name | 0x20 == lower | 0x20);
    }
    if N < 8 {
        let same = |at: usize| half(name, at) == half(lower, at);
        return same(0) && same(N - 4);
    }
    let same = |at: usize| word(name, at) == word(lower, at);
    same(0) && same(N - 8) && (N <= 16 || same(8))
}

#[inline(always)]
fn half(text: &[u8], at: usize) -> u32 {
    let mut part = [0; 4];
    part.copy_from_slice(&text[at..at + 4]);
    u32::from_ne_bytes(part) | 0x2020_2020
}

#[inline(always)]
fn word(text: &[u8], at: usize) -> u64 {
    let mut part = [0; 8];
    part.copy_from_slice(&text[at..at + 8]);
    u64::from_ne_bytes(part) | 0x2020_2020_2020_2020
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for (index, (known, name)) in NAMES.iter().enumerate() {
            assert_eq!(*known as usize, index, "{name} stands at its discriminant");
            for spelling in [(*name).to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(Known::of(spelling.as_bytes()), *known);
            }
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] = b'~';
                assert_eq!(Known::of(&other), Known::Other, "{name} with a tilde at {at}");
            }
        }
        assert_eq!(Known::of(b""), Known::Other);
        assert_eq!(Known::of(b"Host "), Known::Other);
        assert_eq!(Known::Other.name(), "");
    }
}
