//! The request's `Cookie` header, read pair by pair.
//!
//! Invariant: the reader never fails and never allocates; every pair is a slice of the header.

use super::bytes::trim;

/// One cookie of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The name; empty when the pair has no equals sign. Names are case-sensitive.
    pub name: &'a [u8],
    /// The value as sent; quotes are part of it.
    pub value: &'a [u8],
}

/// The cookies of one header value, in order. Empty pairs are skipped.
pub fn pairs(header: &[u8]) -> impl Iterator<Item = Cookie<'_>> + Clone {
    header.split(|&byte| byte == b';').map(trim).filter(|pair| !pair.is_empty()).map(|pair| {
        match pair.iter().position(|&byte| byte == b'=') {
            Some(at) => Cookie { name: trim(&pair[..at]), value: trim(&pair[at + 1..]) },
            None => Cookie { name: b"", value: pair },
        }
    })
}

/// The value of the first cookie with this name in any of the header lines.
pub fn find<'a>(mut headers: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    headers.find_map(|header| {
        let found = pairs(header).find(|cookie| !name.is_empty() && cookie.name == name);
        found.map(|cookie| cookie.value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_as_browsers_and_others_send_them() {
        let header = b"AWSALB=a+b/c==; empty=;; \t;alone; spaced = x y ;q=\"1;2\"";
        let found: Vec<_> = pairs(header).map(|cookie| (cookie.name, cookie.value)).collect();
        let wanted: [(&[u8], &[u8]); 6] = [
            (b"AWSALB", b"a+b/c=="),
            (b"empty", b""),
            (b"", b"alone"),
            (b"spaced", b"x y"),
            (b"q", b"\"1"),
            (b"", b"2\""),
        ];
        assert_eq!(found, wanted);
        assert_eq!(pairs(b"").count(), 0);
    }

    #[test]
    fn the_first_of_a_name_wins_across_lines() {
        let lines = [&b"a=1; AWSALB=x"[..], b"AWSALB=y; awsalb=z"];
        assert_eq!(find(lines.into_iter(), b"AWSALB"), Some(&b"x"[..]));
        assert_eq!(find(lines.into_iter(), b"awsalb"), Some(&b"z"[..]));
        assert_eq!(find(lines.into_iter(), b"alone"), None);
        assert_eq!(find([&b"alone"[..]].into_iter(), b""), None);
    }
}
