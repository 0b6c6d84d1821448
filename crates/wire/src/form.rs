//! `application/x-www-form-urlencoded` from hostile hands, and dotted names inside it.
//!
//! A form is kept as one sorted list of pairs; a dotted name such as `Tags.member.1.Key` is found
//! by binary search within the range of its prefix. There is no tree, so memory is proportional to
//! the bytes received, however the names are shaped.
//!
//! Invariant: pairs are sorted with `.` below every other byte, so all names that share a dotted
//! prefix are neighbours, and each name occurs once.

use std::cmp::Ordering;

use crate::limits;

/// A decoded form.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

/// The pairs whose names share a dotted prefix.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    start: usize,
    end: usize,
    /// Length of the prefix, with its last dot.
    prefix: usize,
}

/// What a form holds at one name.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Index of the pair with exactly this name.
    pub own: Option<usize>,
    /// The pairs below it.
    pub below: Scope,
}

/// Why bytes are not a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More than [`limits::BODY_BYTES_MAX`].
    #[error("the form is larger than {} bytes", limits::BODY_BYTES_MAX)]
    TooLarge,
    /// More than [`limits::PARAMETERS_MAX`].
    #[error("the form has more than {} parameters", limits::PARAMETERS_MAX)]
    TooManyParameters,
    /// A name longer than [`limits::KEY_BYTES_MAX`].
    #[error("a parameter name is longer than {} bytes", limits::KEY_BYTES_MAX)]
    KeyTooLong,
    /// A name with more parts than [`limits::DEPTH_MAX`].
    #[error("a parameter name has more than {} parts", limits::DEPTH_MAX)]
    TooDeep,
    /// A `%` without two hexadecimal digits.
    #[error("invalid percent escape")]
    Escape,
    /// Decoded bytes that are not UTF-8.
    #[error("invalid UTF-8")]
    Encoding,
    /// One name twice.
    #[error("parameter '{0}' is given twice")]
    Duplicate(String),
}

// === impl Form ===

impl Form {
    /// Parses a query string and a body; their parameters are one set.
    ///
    /// # Errors
    /// [`FormError`]; nothing is allocated beyond a small multiple of the input.
    pub fn parse(query: &[u8], body: &[u8]) -> Result<Self, FormError> {
        if query.len() + body.len() > limits::BODY_BYTES_MAX {
            return Err(FormError::TooLarge);
        }
        let mut pairs = Vec::new();
        let parts = query.split(|byte| *byte == b'&').chain(body.split(|byte| *byte == b'&'));
        for part in parts.filter(|part| !part.is_empty()) {
            if pairs.len() == limits::PARAMETERS_MAX {
                return Err(FormError::TooManyParameters);
            }
            pairs.push(pair(part)?);
        }
        pairs.sort_by(|(a, _), (b, _)| dotted_order(a, b));
        for neighbours in pairs.windows(2) {
            if neighbours[0].0 == neighbours[1].0 {
                return Err(FormError::Duplicate(neighbours[0].0.clone()));
            }
        }
        Ok(Self { pairs })
    }

    /// The value of an exact name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let place = self.pairs.binary_search_by(|(key, _)| dotted_order(key, name)).ok()?;
        Some(&self.pairs[place].1)
    }

    /// The pair at an index.
    pub fn pair(&self, index: usize) -> (&str, &str) {
        let (key, value) = &self.pairs[index];
        (key, value)
    }

    /// All pairs, sorted.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Everything.
    pub fn root(&self) -> Scope {
        Scope { start: 0, end: self.pairs.len(), prefix: 0 }
    }

    /// What lies at `name` within a scope; `name` has no dot.
    pub fn find(&self, scope: Scope, name: &str) -> Found {
        let pairs = &self.pairs[scope.start..scope.end];
        let segment = |key: &str| segment(&key[scope.prefix..]).cmp(name);
        let start = scope.start + pairs.partition_point(|(key, _)| segment(key) == Ordering::Less);
        let end = scope.start + pairs.partition_point(|(key, _)| segment(key) != Ordering::Greater);
        self.found(scope.prefix + name.len(), start, end)
    }

    /// The numbered names within a scope, by number; `None` when one is not a plain number from 1.
    pub fn numbered(&self, scope: Scope) -> Option<Vec<Found>> {
        let mut items = Vec::new();
        let mut at = scope.start;
        while at < scope.end {
            let name = segment(&self.pairs[at].0[scope.prefix..]);
            let found = self.find(scope, name);
            items.push((list_index(name)?, found));
            at = found.below.end;
        }
        items.sort_by_key(|(index, _)| *index);
        Some(items.into_iter().map(|(_, found)| found).collect())
    }

    /// The pairs `start..end`, whose names begin with the same `length` bytes.
    fn found(&self, length: usize, start: usize, end: usize) -> Found {
        let own = (start < end && self.pairs[start].0.len() == length).then_some(start);
        let start = start + usize::from(own.is_some());
        Found { own, below: Scope { start, end, prefix: length + 1 } }
    }
}

// === impl Scope ===

impl Scope {
    /// Whether no pair is in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

// === impl Found ===

impl Found {
    /// Whether the form holds nothing here.
    pub fn is_absent(self) -> bool {
        self.own.is_none() && self.below.is_empty()
    }

    /// Index of some pair here, for messages.
    pub fn any(self) -> usize {
        self.own.unwrap_or(self.below.start)
    }
}

// === helpers ===

fn pair(part: &[u8]) -> Result<(String, String), FormError> {
    let split = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
    let key = unescape(&part[..split])?;
    if key.len() > limits::KEY_BYTES_MAX {
        return Err(FormError::KeyTooLong);
    }
    if key.bytes().filter(|byte| *byte == b'.').count() >= limits::DEPTH_MAX {
        return Err(FormError::TooDeep);
    }
    let value = part.get(split + 1..).unwrap_or_default();
    Ok((key, unescape(value)?))
}

/// Percent-decodes, `+` as space.
fn unescape(text: &[u8]) -> Result<String, FormError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = bytes.next().and_then(|digit| hex(*digit)).ok_or(FormError::Escape)?;
                let low = bytes.next().and_then(|digit| hex(*digit)).ok_or(FormError::Escape)?;
                high << 4 | low
            }
            other => *other,
        });
    }
    String::from_utf8(out).map_err(|_| FormError::Encoding)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn segment(rest: &str) -> &str {
    rest.split('.').next().unwrap_or_default()
}

/// A number from 1 without leading zeros: `01` and `1` must not name two items.
fn list_index(name: &str) -> Option<u32> {
    let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && !name.starts_with('0');
    if plain { name.parse().ok() } else { None }
}

/// Byte order, but `.` sorts below every byte.
fn dotted_order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'.' { 0 } else { u16::from(byte) + 1 };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes(), b"").unwrap()
    }

    #[test]
    fn names_with_a_common_prefix_are_neighbours() {
        let form = form("A.1-x=a&A.1=b&A.1.k=c&A.10=d&A=e&A.2.k=f");
        let found = form.find(form.root(), "A");
        assert_eq!(form.pair(found.own.unwrap()).1, "e");
        let one = form.find(found.below, "1");
        assert_eq!(form.pair(one.own.unwrap()).1, "b");
        let inner = form.find(one.below, "k");
        assert_eq!(form.pair(inner.own.unwrap()).1, "c");
        assert!(form.find(found.below, "3").is_absent());
        assert!(form.numbered(found.below).is_none(), "1-x is no number");
    }

    #[test]
    fn numbers_sort_as_numbers_and_may_have_gaps() {
        let form = form("L.10=c&L.9=b&L.4294967295=d&L.1=a");
        let items = form.numbered(form.find(form.root(), "L").below).unwrap();
        let values: Vec<_> = items.iter().map(|item| form.pair(item.own.unwrap()).1).collect();
        assert_eq!(values, ["a", "b", "c", "d"]);
        for bad in ["L.0=a", "L.01=a", "L.-1=a", "L.4294967296=a", "L.x=a", "L.=a"] {
            let form = Form::parse(bad.as_bytes(), b"").unwrap();
            assert!(form.numbered(form.find(form.root(), "L").below).is_none(), "{bad}");
        }
    }

    #[test]
    fn escapes() {
        let form = form("a=%41+b%2Bc&=x&k");
        assert_eq!(form.value("a"), Some("A b+c"));
        assert_eq!(form.value("k"), Some(""));
        let error = |text: &[u8]| Form::parse(text, b"").unwrap_err();
        assert_eq!(error(b"a=%4"), FormError::Escape);
        assert_eq!(error(b"a=%zz"), FormError::Escape);
        assert_eq!(error(b"a=%ff"), FormError::Encoding);
        assert_eq!(error(b"a=\xff"), FormError::Encoding);
        assert_eq!(error(b"a=1&%61=2"), FormError::Duplicate("a".into()));
    }

    #[test]
    fn bounds() {
        let error = |text: String| Form::parse(text.as_bytes(), b"").unwrap_err();
        assert_eq!(error("a".repeat(limits::BODY_BYTES_MAX + 1)), FormError::TooLarge);
        assert_eq!(error("a".repeat(limits::KEY_BYTES_MAX + 1)), FormError::KeyTooLong);
        assert_eq!(error("a.".repeat(limits::DEPTH_MAX)), FormError::TooDeep);
        let many: String = (0..=limits::PARAMETERS_MAX).map(|at| format!("{at}&")).collect();
        assert_eq!(error(many), FormError::TooManyParameters);
        let ten_mib = vec![b'&'; 10 << 20];
        assert_eq!(Form::parse(b"", &ten_mib).unwrap_err(), FormError::TooLarge);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(form) = Form::parse(&bytes, b"") {
                let _ = form.numbered(form.root());
            }
        }

        #[test]
        fn every_pair_is_found_by_its_name(
            names in proptest::collection::btree_set("[a1.-]{0,6}", 0..12)
        ) {
            let text: Vec<_> = names.iter().map(|name| format!("{name}={name}")).collect();
            let form = form(&text.join("&"));
            for name in names.iter() {
                prop_assert_eq!(form.value(name), Some(name.as_str()));
                let mut found = Found { own: None, below: form.root() };
                for part in name.split('.') {
                    found = form.find(found.below, part);
                }
                prop_assert_eq!(form.pair(found.own.unwrap()).0, name.as_str());
            }
        }
    }
}
