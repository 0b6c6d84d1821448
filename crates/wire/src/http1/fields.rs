//! The header lines of one head, as views.
//!
//! One array per head, allocated once and reused; each entry is 16 bytes. While lines are added
//! the cheap facts are gathered that decide whether anybody has to look at them again: which
//! known names occur, what the length headers say together, whether a name is invalid.
//!
//! Invariant: `first[k]` is meaningful exactly when bit `k` of `present` is set.

use super::bytes::{self, NAME, TOKEN, VALUE};
use super::known::NAMES;
use super::{Anomalies, Known, Span, limits};

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    name_start: u32,
    value_start: u32,
    name_len: u16,
    value_len: u16,
    /// Which header it is.
    pub known: Known,
    /// What is odd about it.
    pub flags: FieldFlags,
}

/// Bits about one header line; zero for a clean one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldFlags(u8);

/// What the length headers of a head say, when it can be said without judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Neither `Content-Length` nor `Transfer-Encoding`.
    #[default]
    None,
    /// Exactly one `Content-Length`, plain digits, and no `Transfer-Encoding`.
    Length(u64),
    /// Exactly one `Transfer-Encoding`, which is `chunked`, and no `Content-Length`.
    Chunked,
    /// Anything else: the header lines have to be read by whoever decides.
    Odd,
}

/// All header lines of one head.
#[derive(Clone, Debug)]
pub struct Fields {
    list: Vec<Field>,
    present: u64,
    first: [u8; Known::Other as usize],
    framing: Framing,
    invalid_names: bool,
    end: u32,
}

// === impl Field ===

impl Field {
    /// The name as it was sent; blanks around it are part of it.
    #[inline]
    pub fn raw_name<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let start = self.name_start as usize;
        &buf[start..start + self.name_len as usize]
    }

    /// The name to forward: without the blanks that only an odd line has.
    #[inline]
    pub fn name<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let name = self.raw_name(buf);
        if self.flags.is_empty() { name } else { bytes::trim(name) }
    }

    /// The value, without the blanks around it.
    #[inline]
    pub fn value<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let start = self.value_start as usize;
        &buf[start..start + self.value_len as usize]
    }

    /// Where the value stands.
    #[inline]
    pub fn value_span(&self) -> Span {
        Span { start: self.value_start, end: self.value_start + u32::from(self.value_len) }
    }

    /// Where the name stands, as it was sent.
    #[inline]
    pub fn name_span(&self) -> Span {
        Span { start: self.name_start, end: self.name_start + u32::from(self.name_len) }
    }
}

// === impl FieldFlags ===

impl FieldFlags {
    /// The name holds something else than letters, digits and hyphens.
    // spec: alb §3.8 Invalid header fields
    pub const INVALID_NAME: Self = Self(1);
    /// The name is empty, is not a token, or resembles a length header.
    pub const ODD_NAME: Self = Self(1 << 1);
    /// The value holds a control character other than tab.
    pub const ODD_VALUE: Self = Self(1 << 2);
    /// The line began with a blank.
    pub const FOLDED: Self = Self(1 << 3);
    /// The line had no colon; the whole line is the name.
    pub const NO_COLON: Self = Self(1 << 4);

    /// Whether the line is clean.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any of `other` is set.
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds `other`.
    #[inline]
    pub(crate) fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

// === impl Fields ===

impl Default for Fields {
    fn default() -> Self {
        Self {
            list: Vec::with_capacity(limits::HEADERS_MAX),
            present: 0,
            first: [0; Known::Other as usize],
            framing: Framing::None,
            invalid_names: false,
            end: 0,
        }
    }
}

impl Fields {
    /// Every header line, in order.
    #[inline]
    pub fn as_slice(&self) -> &[Field] {
        &self.list
    }

    /// Number of header lines.
    #[inline]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no header line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a line with this name exists. One bit test.
    #[inline]
    pub fn has(&self, known: Known) -> bool {
        self.present & bit(known) != 0
    }

    /// The first line with this name. Constant time; [`Known::Other`] is never found.
    #[inline]
    pub fn first(&self, known: Known) -> Option<&Field> {
        if !self.has(known) {
            return None;
        }
        self.list.get(usize::from(*self.first.get(known as usize)?))
    }

    /// The value of the first line with this name.
    #[inline]
    pub fn value<'b>(&self, known: Known, buf: &'b [u8]) -> Option<&'b [u8]> {
        self.first(known).map(|field| field.value(buf))
    }

    /// The values of all lines with this name, in order.
    pub fn values<'a, 'b: 'a>(
        &'a self,
        known: Known,
        buf: &'b [u8],
    ) -> impl Iterator<Item = &'b [u8]> + Clone + 'a {
        let start =
            self.first(known).map_or(self.list.len(), |_| usize::from(self.first[known as usize]));
        let lines = self.list[start..].iter();
        lines.filter(move |field| field.known == known).map(move |field| field.value(buf))
    }

    /// What the length headers say.
    #[inline]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether some name holds something else than letters, digits and hyphens.
    // spec: alb §3.8 Invalid header fields
    #[inline]
    pub fn has_invalid_names(&self) -> bool {
        self.invalid_names
    }

    /// The raw bytes of the lines `from..to` with their line ends, for copying runs at once.
    ///
    /// Only for heads without anomalies: elsewhere the raw lines are not what we understood.
    #[inline]
    pub fn lines(&self, from: usize, to: usize) -> Span {
        let start = self.list.get(from).map_or(self.end, |field| field.name_start);
        let end = self.list.get(to).map_or(self.end, |field| field.name_start);
        Span { start, end }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.present = 0;
        self.framing = Framing::None;
        self.invalid_names = false;
        self.end = 0;
    }

    /// Notes where the header lines end: the position of the closing empty line.
    pub(crate) fn finish(&mut self, end: usize) {
        self.end = end as u32;
    }

    /// Adds a line that httparse accepted: the name is a token, the value has no control
    /// character. Returns whether the line is odd all the same (a look-alike name).
    #[inline]
    pub(crate) fn push_clean(&mut self, buf: &[u8], name: Span, value: Span) -> bool {
        let text = name.of(buf);
        let known = Known::of_token(text);
        let mut flags = FieldFlags::default();
        if known == Known::Other {
            if !bytes::all(text, NAME) {
                flags.insert(FieldFlags::INVALID_NAME);
                self.invalid_names = true;
            }
            if bytes::resembles_length_header(text) {
                flags.insert(FieldFlags::ODD_NAME);
            }
        }
        self.add(buf, name, value, known, flags);
        flags.intersects(FieldFlags::ODD_NAME)
    }

    /// Adds a line of unknown quality and returns what is odd about it.
    pub(crate) fn push_raw(
        &mut self,
        buf: &[u8],
        name: Span,
        value: Span,
        mut flags: FieldFlags,
    ) -> Anomalies {
        let text = name.of(buf);
        let known = Known::of(text);
        if !bytes::all(text, NAME) || text.is_empty() {
            flags.insert(FieldFlags::INVALID_NAME);
            self.invalid_names = true;
        }
        let look_alike = known == Known::Other && bytes::resembles_length_header(text);
        if text.is_empty() || !bytes::all(text, TOKEN) || look_alike {
            flags.insert(FieldFlags::ODD_NAME);
        }
        if !bytes::all(value.of(buf), VALUE) {
            flags.insert(FieldFlags::ODD_VALUE);
        }
        self.add(buf, name, value, known, flags);
        let mut found = Anomalies::NONE;
        for (flag, anomaly) in [
            (FieldFlags::ODD_NAME, Anomalies::ODD_HEADER),
            (FieldFlags::ODD_VALUE, Anomalies::ODD_HEADER),
            (FieldFlags::FOLDED, Anomalies::FOLDED),
            (FieldFlags::NO_COLON, Anomalies::NO_COLON),
        ] {
            if flags.intersects(flag) {
                found.insert(anomaly);
            }
        }
        found
    }

    #[inline]
    fn add(&mut self, buf: &[u8], name: Span, value: Span, known: Known, flags: FieldFlags) {
        debug_assert!(self.list.len() < limits::HEADERS_MAX);
        if known != Known::Other {
            if !self.has(known) {
                self.present |= bit(known);
                self.first[known as usize] = self.list.len() as u8;
            }
            self.note_length(known, value.of(buf));
        }
        self.list.push(Field {
            name_start: name.start,
            value_start: value.start,
            name_len: name.len() as u16,
            value_len: value.len() as u16,
            known,
            flags,
        });
    }

    #[inline]
    fn note_length(&mut self, known: Known, value: &[u8]) {
        let said = match known {
            Known::ContentLength => bytes::decimal(value).map_or(Framing::Odd, Framing::Length),
            Known::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            Known::TransferEncoding => Framing::Odd,
            _ => return,
        };
        self.framing = if self.framing == Framing::None { said } else { Framing::Odd };
    }
}

#[inline]
fn bit(known: Known) -> u64 {
    const { assert!(NAMES.len() < 64) };
    1 << (known as u64)
}
