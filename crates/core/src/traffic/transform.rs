//! Rewriting a request's host, path and query before a target gets it.
//!
//! A transform runs after its rule has matched; it never changes which rule or group is used. A
//! pattern that does not match leaves the text as it is. Only the first match is replaced: AWS
//! does not say, and a pattern of a whole text has no second one.
//!
//! Invariant: a rewritten host is one host with at most a port, a rewritten URL is one path with
//! at most a query, both of visible ASCII, or the request fails.
// spec: alb §2.4 Transforms (released 2025-10-15)

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::limits;
use crate::resource::{Transform, TransformKind};

/// The transforms of one rule, compiled.
#[derive(Clone, Debug, Default)]
pub struct TransformPlan {
    host: Option<Rewrite>,
    url: Option<Rewrite>,
}

#[derive(Clone, Debug)]
struct Rewrite {
    regex: Regex,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Group(usize),
}

/// What a request looks like to its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transformed {
    /// The `Host`, when it was rewritten.
    pub host: Option<Vec<u8>>,
    /// Path and query, when they were rewritten.
    pub url: Option<Vec<u8>>,
}

/// A rewritten text that cannot be sent (status 500).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransformFailure {
    /// It is no host.
    Host,
    /// It is no path with a query.
    Url,
    /// It is too long.
    TooLong,
}

// === impl TransformFailure ===

impl TransformFailure {
    /// The status in the access log.
    // spec: alb §11.1 Access log - fields in order (space separated)
    pub fn code(self) -> &'static str {
        match self {
            Self::Host => "TransformInvalidHost",
            Self::Url => "TransformInvalidPath",
            Self::TooLong => "TransformBufferTooSmall",
        }
    }
}

// === impl TransformPlan ===

impl TransformPlan {
    /// Compiles what the catalog has judged; `None` when nothing is rewritten.
    pub fn new(transforms: &[Transform]) -> Option<Self> {
        let find = |kind| {
            let found = transforms.iter().find(|transform| transform.kind == kind)?;
            let regex = regex(&found.regex).expect("invariant: the catalog compiled it once");
            let parts = parts(&found.replace, regex.captures_len());
            Some(Rewrite { regex, parts })
        };
        let plan = Self {
            host: find(TransformKind::HostHeaderRewrite),
            url: find(TransformKind::UrlRewrite),
        };
        (!transforms.is_empty()).then_some(plan)
    }

    /// Rewrites the host (without port, in lower case) and the URL (path, and `?` with the query
    /// if there is one) of a request.
    ///
    /// # Errors
    /// The result cannot be sent.
    pub fn apply(&self, host: &[u8], url: Option<&[u8]>) -> Result<Transformed, TransformFailure> {
        let host = self.host.as_ref().and_then(|rewrite| rewrite.apply(host));
        if host.as_ref().is_some_and(|host| !is_host(host)) {
            return Err(TransformFailure::Host);
        }
        let url = self.url.as_ref().zip(url).and_then(|(rewrite, url)| rewrite.apply(url));
        if url.as_ref().is_some_and(|url| !is_url(url)) {
            return Err(TransformFailure::Url);
        }
        let long = |text: &Option<Vec<u8>>| {
            text.as_ref().is_some_and(|text| text.len() > limits::TRANSFORMED_BYTES_MAX)
        };
        if long(&host) || long(&url) {
            return Err(TransformFailure::TooLong);
        }
        Ok(Transformed { host, url })
    }
}

// === impl Rewrite ===

impl Rewrite {
    /// `None` when the pattern does not match.
    fn apply(&self, text: &[u8]) -> Option<Vec<u8>> {
        let captures = self.regex.captures(text)?;
        let whole = captures.get(0)?;
        let mut out = Vec::with_capacity(text.len());
        out.extend_from_slice(&text[..whole.start()]);
        self.parts.iter().for_each(|part| part.write(&captures, &mut out));
        out.extend_from_slice(&text[whole.end()..]);
        Some(out)
    }
}

// === impl Part ===

impl Part {
    fn write(&self, captures: &Captures<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Literal(text) => out.extend_from_slice(text),
            Self::Group(index) => {
                out.extend_from_slice(captures.get(*index).map_or(&[], |group| group.as_bytes()));
            }
        }
    }
}

/// Compiles a transform's pattern; the catalog refuses what this refuses.
// spec: alb §2.3 Regex dialect (conditions and transforms)
pub fn regex(text: &str) -> Option<Regex> {
    if has_unicode_class(text) {
        return None;
    }
    RegexBuilder::new(text).size_limit(limits::REGEX_SIZE_MAX).build().ok()
}

/// Whether a pattern uses `\p{…}` or `\P{…}`, which our engine knows and AWS's refuses.
pub fn has_unicode_class(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if c == '\\' && matches!(characters.next(), Some('p' | 'P')) {
            return true;
        }
    }
    false
}

/// Splits a replacement at its references: `$1`, `$12` when there are so many groups. A `$` that
/// names no group stands for itself.
fn parts(replace: &str, groups: usize) -> Vec<Part> {
    let bytes = replace.as_bytes();
    let (mut parts, mut literal, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).filter(|b| b.is_ascii_digit()).map(|b| b - b'0');
        let one = (bytes[at] == b'$').then(|| digit(at + 1)).flatten().map(usize::from);
        let two = one.and_then(|one| Some(one * 10 + usize::from(digit(at + 2)?)));
        let found = match (one, two) {
            (Some(1..), Some(two)) if two < groups => Some((two, 3)),
            (Some(one), _) if one < groups => Some((one, 2)),
            _ => None,
        };
        match found {
            Some((group, length)) => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Group(group));
                at += length;
            }
            None => {
                literal.push(bytes[at]);
                at += 1;
            }
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    parts
}

fn is_host(host: &[u8]) -> bool {
    let sound = |b: &u8| b.is_ascii_graphic() && !b"/?#@,\\\"<>".contains(b);
    !host.is_empty() && host.iter().all(sound)
}

fn is_url(url: &[u8]) -> bool {
    url.first() == Some(&b'/') && url.iter().all(|b| b.is_ascii_graphic() && *b != b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: TransformKind, regex: &str, replace: &str) -> TransformPlan {
        let transform = Transform { kind, regex: regex.to_owned(), replace: replace.to_owned() };
        TransformPlan::new(&[transform]).unwrap()
    }

    fn url(regex: &str, replace: &str, from: &str) -> Result<Option<String>, TransformFailure> {
        let plan = plan(TransformKind::UrlRewrite, regex, replace);
        let done = plan.apply(b"a.example.com", Some(from.as_bytes()))?;
        assert_eq!(done.host, None);
        Ok(done.url.map(|url| String::from_utf8(url).unwrap()))
    }

    fn host(regex: &str, replace: &str, from: &str) -> Result<Option<String>, TransformFailure> {
        let plan = plan(TransformKind::HostHeaderRewrite, regex, replace);
        let done = plan.apply(from.as_bytes(), Some(b"/"))?;
        Ok(done.host.map(|host| String::from_utf8(host).unwrap()))
    }

    #[test]
    fn captures_stand_in_the_replacement() {
        let moved = url("^/dp/([A-Za-z0-9]+)/?$", "/product.php?id=$1", "/dp/B09G/");
        assert_eq!(moved.unwrap().as_deref(), Some("/product.php?id=B09G"));
        let swapped = url("^/(a)(b)/", "/$2x$1/$$0$9", "/ab/c").unwrap();
        assert_eq!(swapped.as_deref(), Some("/bxa/$/ab/$9c"));
        let sub = host(r"^(.+)\.example\.com$", "$1.internal.test", "shop.example.com");
        assert_eq!(sub.unwrap().as_deref(), Some("shop.internal.test"));
    }

    #[test]
    fn the_query_is_part_of_the_url_and_the_first_match_counts() {
        let moved = url(r"\?v=(\d+)", "?version=$1&x=1", "/p?v=12&v=3").unwrap();
        assert_eq!(moved.as_deref(), Some("/p?version=12&x=1&v=3"));
        assert_eq!(url("/a", "/b", "/a/a").unwrap().as_deref(), Some("/b/a"));
    }

    #[test]
    fn no_match_changes_nothing() {
        assert_eq!(url("^/x", "/y", "/z?x").unwrap(), None);
        assert_eq!(host("^x", "y", "z").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_sent_fails() {
        assert_eq!(url("^/", "", "/x"), Err(TransformFailure::Url));
        assert_eq!(host("^.*$", "", "x"), Err(TransformFailure::Host));
        let long = format!("/{}", "a".repeat(limits::TRANSFORMED_BYTES_MAX));
        assert_eq!(url("^/", "/b", &long), Err(TransformFailure::TooLong));
    }

    #[test]
    fn two_digits_are_one_reference_when_there_are_so_many_groups() {
        assert_eq!(parts("$12", 3), [Part::Group(1), Part::Literal(b"2".to_vec())]);
        assert_eq!(parts("$12", 13), [Part::Group(12)]);
        assert_eq!(parts("a$x$", 3), [Part::Literal(b"a$x$".to_vec())]);
    }

    #[test]
    fn the_dialect_is_linear_and_bounded() {
        for bad in ["(?=a)", r"(a)\1", r"\p{L}", "a{1000}{1000}", "("] {
            assert!(regex(bad).is_none(), "{bad}");
        }
        assert!(regex(r"\\p{2}").is_some());
    }

    #[test]
    fn no_transforms_no_plan() {
        assert!(TransformPlan::new(&[]).is_none());
    }
}
