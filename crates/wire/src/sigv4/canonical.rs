//! The canonical request: what both sides hash.
//!
//! Invariant: a pure function of the request and the signed names; it accepts every byte sequence,
//! because a request that cannot be canonicalised would be one that cannot be refused.

use super::key::sha256;
use crate::form::hex;
use crate::request::Request;

/// The canonical request, with the body's own hash.
pub(super) fn request(request: &Request<'_>, signed_headers: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in [request.method, &path(request.path), &query(request.query)] {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    for name in signed_headers {
        out.extend_from_slice(name.to_ascii_lowercase().as_bytes());
        out.push(b':');
        for (position, value) in request.header_values(name).enumerate() {
            if position > 0 {
                out.push(b',');
            }
            squeeze(value, &mut out);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(sha256(request.body).as_bytes());
    out
}

/// The path without dot segments and empty segments, encoded once more than it was received.
fn path(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let is_directory = raw.ends_with('/') && !kept.is_empty();
    let mut out = String::from("/");
    for (position, segment) in kept.iter().enumerate() {
        if position > 0 {
            out.push('/');
        }
        encode(segment.as_bytes(), &mut out);
    }
    if is_directory {
        out.push('/');
    }
    out
}

/// Parameters decoded, encoded strictly, sorted; the signature itself left out.
fn query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in raw.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (key, value) = (recode(key), recode(value));
        if key != "X-Amz-Signature" {
            pairs.push((key, value));
        }
    }
    pairs.sort();
    let parts: Vec<_> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    parts.join("&")
}

/// `+` counts as a space, as it does to the form's reader: were it kept, one signature would cover
/// both a plus and a space.
fn recode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(&unescape(&text.replace('+', " ")), &mut out);
    out
}

/// Percent-decodes; a broken escape stays as it is, for then no decoder will accept the query.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push(high << 4 | low);
                rest = &after[2..];
            }
            None => out.push(*byte),
        }
    }
    out
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Trims, and makes one space of several.
fn squeeze(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    for (position, word) in words.enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (raw, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a/../..", "/"),
            ("/./a/", "/a/"),
            ("/a//b", "/a/b"),
            ("/a%20b", "/a%2520b"),
            ("/a b/~", "/a%20b/~"),
        ] {
            assert_eq!(path(raw), canonical, "{raw}");
        }
    }

    #[test]
    fn queries() {
        let raw = "b=2&a=%7e+%2b&a&X-Amz-Signature=x&&c=%zz";
        assert_eq!(query(raw), "a=&a=~%20%2B&b=2&c=%25zz");
    }
}
