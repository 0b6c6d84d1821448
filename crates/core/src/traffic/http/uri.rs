//! Request targets: their four forms, and the normal form of a path that rules are matched on.
//!
//! AWS does not publish its normalization; ours removes dot segments and decodes the
//! percent-encoded unreserved characters, as RFC 3986 §6.2.2 does, and leaves out the bytes that
//! take no part in matching. What is forwarded is the target as it was sent.
//!
//! Invariant: normalizing twice is normalizing once, and a path that is normal is not copied.

use std::borrow::Cow;

/// A request target, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/path?query`: the usual one.
    Origin(PathAndQuery<'a>),
    /// `http://authority/path?query`.
    Absolute {
        /// Host and port as sent, without user information.
        authority: &'a [u8],
        /// The rest; an absent path is `/`.
        rest: PathAndQuery<'a>,
    },
    /// `*`, for OPTIONS.
    Asterisk,
    /// Anything else: `host:port` (CONNECT), or a path without its slash.
    Other(&'a [u8]),
}

/// A path and the query after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathAndQuery<'a> {
    /// The path; it begins with a slash.
    pub path: &'a [u8],
    /// After the first `?`, up to `#` or the end. `None` without a `?`.
    pub query: Option<&'a [u8]>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Splits a request target. Never fails: what has no known form is [`Target::Other`].
    pub fn split(target: &'a [u8]) -> Self {
        match target {
            [b'/', ..] => Target::Origin(PathAndQuery::split(target)),
            b"*" => Target::Asterisk,
            _ => match after_scheme(target) {
                Some(rest) => Self::split_absolute(rest),
                None => Target::Other(target),
            },
        }
    }

    fn split_absolute(rest: &'a [u8]) -> Self {
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
        let host_start = authority.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
        let mut rest = PathAndQuery::split(path);
        if rest.path.is_empty() {
            rest.path = b"/";
        }
        Target::Absolute { authority: &authority[host_start..], rest }
    }

    /// The path to match on, not yet normalized. `*` and unknown forms stand for themselves.
    #[inline]
    pub fn path(&self) -> &'a [u8] {
        match self {
            Target::Origin(rest) | Target::Absolute { rest, .. } => rest.path,
            Target::Asterisk => b"*",
            Target::Other(text) => text,
        }
    }

    /// The query.
    #[inline]
    pub fn query(&self) -> Option<&'a [u8]> {
        match self {
            Target::Origin(rest) | Target::Absolute { rest, .. } => rest.query,
            Target::Asterisk | Target::Other(_) => None,
        }
    }

    /// The authority of an absolute form; it overrides the `Host` header.
    // spec: alb §3.3 `Host`
    #[inline]
    pub fn authority(&self) -> Option<&'a [u8]> {
        match self {
            Target::Absolute { authority, .. } if !authority.is_empty() => Some(authority),
            _ => None,
        }
    }
}

// === impl PathAndQuery ===

impl<'a> PathAndQuery<'a> {
    /// Splits at the first `?`; a fragment, which does not belong here, is cut off.
    // spec: alb §2.2 Conditions
    pub fn split(text: &'a [u8]) -> Self {
        let Some(mark) = text.iter().position(|byte| matches!(byte, b'?' | b'#')) else {
            return Self { path: text, query: None };
        };
        let (path, rest) = text.split_at(mark);
        let query = rest.strip_prefix(b"?").map(|query| {
            let end = query.iter().position(|&byte| byte == b'#');
            &query[..end.unwrap_or(query.len())]
        });
        Self { path, query }
    }
}

/// The normal form of a path, for matching: unreserved characters decoded, dot segments removed,
/// bytes outside of visible ASCII that take no part in matching left out.
// spec: alb §2.1 Evaluation
// spec: alb §2.2 Conditions
pub fn normalize_path(path: &[u8]) -> Cow<'_, [u8]> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(remove_dot_segments(&decode_unreserved(path)))
}

/// `text` without the bytes 0x00-0x1f and 0x7f, which take no part in matching.
// spec: alb §2.1 Evaluation
pub fn visible(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(u8::is_ascii_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.iter().copied().filter(|byte| !byte.is_ascii_control()).collect())
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"].iter().find_map(|scheme| {
        let (head, rest) = target.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Whether nothing has to be done: no escape, no control byte, no segment of one or two dots.
/// (An escape that stays is rare enough to be copied.)
fn is_normal(path: &[u8]) -> bool {
    let mut previous = 0u8;
    for &byte in path {
        if byte == b'%' || byte.is_ascii_control() || (byte == b'.' && previous == b'/') {
            return false;
        }
        previous = byte;
    }
    true
}

/// Leaves out control bytes and decodes escapes of unreserved characters. An escape that only
/// comes into being by decoding (`%2%65` gives `%2e`) is decoded too: the result has none left.
fn decode_unreserved(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for &byte in path.iter().filter(|byte| !byte.is_ascii_control()) {
        out.push(byte);
        while let Some(byte) = out.last_chunk::<3>().and_then(escaped).filter(is_unreserved) {
            out.truncate(out.len() - 3);
            out.push(byte);
        }
    }
    out
}

fn escaped(text: &[u8; 3]) -> Option<u8> {
    let [b'%', high, low] = text else { return None };
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    Some(digit(high)? << 4 | digit(low)?)
}

fn is_unreserved(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(byte)
}

/// RFC 3986 §5.2.4 for paths that begin with a slash; others are left alone.
fn remove_dot_segments(path: &[u8]) -> Vec<u8> {
    let Some(relative) = path.strip_prefix(b"/") else { return path.to_vec() };
    let mut out = Vec::with_capacity(path.len());
    let mut segments = relative.split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    out.truncate(out.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
                }
                if last {
                    out.push(b'/');
                }
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest<'a>(path: &'a [u8], query: Option<&'a [u8]>) -> PathAndQuery<'a> {
        PathAndQuery { path, query }
    }

    #[test]
    fn the_forms_of_a_target() {
        let cases: [(&[u8], Target<'_>); 12] = [
            (b"/", Target::Origin(rest(b"/", None))),
            (b"/a?b=c?d", Target::Origin(rest(b"/a", Some(b"b=c?d")))),
            (b"/a?", Target::Origin(rest(b"/a", Some(b"")))),
            (b"/a?b#c?d", Target::Origin(rest(b"/a", Some(b"b")))),
            (b"/a#c?d", Target::Origin(rest(b"/a", None))),
            (b"*", Target::Asterisk),
            (b"a.example:443", Target::Other(b"a.example:443")),
            (b"", Target::Other(b"")),
            (b"http://h", Target::Absolute { authority: b"h", rest: rest(b"/", None) }),
            (
                b"HTTPS://h:1?q",
                Target::Absolute { authority: b"h:1", rest: rest(b"/", Some(b"q")) },
            ),
            (b"http://u:p@h/a", Target::Absolute { authority: b"h", rest: rest(b"/a", None) }),
            (b"http:///a", Target::Absolute { authority: b"", rest: rest(b"/a", None) }),
        ];
        for (text, target) in cases {
            assert_eq!(Target::split(text), target, "{}", text.escape_ascii());
        }
        assert_eq!(Target::split(b"http:///a").authority(), None);
        assert_eq!(Target::split(b"*").path(), b"*");
    }

    // spec: alb §2.2 Conditions
    #[test]
    fn paths_in_normal_form() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b.c/..d/...", "/a/b.c/..d/..."),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/..", "/"),
            ("/a//b", "/a//b"),
            ("/a//../b", "/a/b"),
            ("/%61%2d%7E", "/a-~"),
            ("/%2e%2E/b", "/b"),
            ("/a%2fb", "/a%2fb"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%zz", "/%zz"),
            ("/a\tb", "/ab"),
            ("/%2%65%2%45/b", "/b"),
            ("/%\x002e/b", "/b"),
            ("/%252e/b", "/%252e/b"),
            ("*", "*"),
            ("a/../b", "a/../b"),
        ] {
            let found = normalize_path(path.as_bytes());
            assert_eq!(std::str::from_utf8(&found).unwrap(), normal, "{path}");
        }
        assert!(matches!(normalize_path(b"/a/b.c"), Cow::Borrowed(_)));
        assert!(matches!(visible(b"/a/b.c"), Cow::Borrowed(_)));
        assert_eq!(&*visible(b"a\x7f\x01b\xff"), b"ab\xff");
    }
}
