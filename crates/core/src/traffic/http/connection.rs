//! The `Connection` header and what it governs: persistence, upgrades, hop-by-hop headers.
//!
//! Invariant: a connection is only kept when both the version and the header allow it.

use super::Version;
use super::bytes;

/// What the `Connection` header lines of one message ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `upgrade`
    pub upgrade: bool,
    /// Some other option: it names a header that is not to be forwarded.
    pub names_headers: bool,
}

// === impl ConnectionOptions ===

impl ConnectionOptions {
    /// Reads the values of all `Connection` lines.
    pub fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut options = Self::default();
        for item in lines.flat_map(bytes::list) {
            if item.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if item.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if item.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else if !item.is_empty() {
                options.names_headers = true;
            }
        }
        options
    }

    /// Whether the sender leaves the connection open after this message.
    // spec: alb §1.2 Front-end (client) protocols
    pub fn persists(&self, version: Version) -> bool {
        match version {
            Version::Http11 | Version::Http1x => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
            Version::Http09 | Version::Http2OrLater | Version::Invalid => false,
        }
    }
}

/// Whether the `Connection` lines name this header, so that it must not be forwarded. End-to-end
/// headers that a client may not switch off this way are never named.
pub fn names<'a>(mut lines: impl Iterator<Item = &'a [u8]>, header: &[u8]) -> bool {
    const PROTECTED: [&[u8]; 8] = [
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-amzn-trace-id",
        b"cookie",
    ];
    !PROTECTED.iter().any(|name| header.eq_ignore_ascii_case(name))
        && lines.any(|line| bytes::list(line).any(|item| item.eq_ignore_ascii_case(header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persistence_by_version_and_option() {
        for (version, value, persists) in [
            (Version::Http11, "", true),
            (Version::Http11, "keep-alive", true),
            (Version::Http11, "Close", false),
            (Version::Http11, "keep-alive, close", false),
            (Version::Http1x, "", true),
            (Version::Http10, "", false),
            (Version::Http10, "Keep-Alive", true),
            (Version::Http09, "keep-alive", false),
        ] {
            let options = ConnectionOptions::read([value.as_bytes()].into_iter());
            assert_eq!(options.persists(version), persists, "{version:?} {value}");
        }
    }

    #[test]
    fn options_of_several_lines() {
        let lines = [&b"Upgrade, HTTP2-Settings"[..], b" keep-alive ,"];
        let options = ConnectionOptions::read(lines.into_iter());
        let wanted = ConnectionOptions {
            close: false,
            keep_alive: true,
            upgrade: true,
            names_headers: true,
        };
        assert_eq!(options, wanted);
        assert!(names(lines.into_iter(), b"http2-settings"));
        assert!(!names(lines.into_iter(), b"settings"));
        assert!(!names([&b"X-Forwarded-For, Host"[..]].into_iter(), b"x-forwarded-for"));
    }
}
