//! Comparison strings of rule conditions: `*` for any run of bytes, `?` for exactly one.
//!
//! The common forms (exact, prefix, suffix) are recognised when the rule is compiled, so that a
//! match is one comparison. The general form backtracks over the last `*` only, which bounds a
//! match to pattern length times text length.
//!
//! Invariant: the whole text must match, never a part of it.
// spec: alb §2.2 Conditions

/// A compiled comparison string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The literal bytes that every match begins with, at most eight, and which bits of them
    /// count: most rules do not match, and this says so in one comparison.
    head: u64,
    mask: u64,
    form: Form,
    fold: bool,
}

/// A text to be matched against many patterns.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    bytes: &'a [u8],
    head: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Any,
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Glob(Vec<Piece>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    One,
    Many,
}

/// Whether a backslash takes the meaning from a following `*` or `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// Backslash is an ordinary byte.
    No,
    /// Query strings.
    Yes,
}

// === impl Pattern ===

impl Pattern {
    /// Compares bytes as they are.
    pub fn sensitive(text: &str) -> Self {
        Self::build(text, false, Escapes::No)
    }

    /// Compares ASCII letters without regard to case.
    pub fn insensitive(text: &str) -> Self {
        Self::build(text, true, Escapes::No)
    }

    /// Compares without regard to case; `\*` and `\?` stand for themselves.
    pub fn query(text: &str) -> Self {
        Self::build(text, true, Escapes::Yes)
    }

    fn build(text: &str, fold: bool, escapes: Escapes) -> Self {
        let pieces = pieces(text, fold, escapes);
        let wild = pieces.iter().filter(|p| !matches!(p, Piece::Byte(_))).count();
        let bytes = |pieces: &[Piece]| -> Vec<u8> {
            pieces
                .iter()
                .filter_map(|p| if let Piece::Byte(b) = p { Some(*b) } else { None })
                .collect()
        };
        let pieces_head: Vec<u8> = pieces
            .iter()
            .map_while(|p| if let Piece::Byte(b) = p { Some(*b) } else { None })
            .take(8)
            .collect();
        let form = match (pieces.as_slice(), wild) {
            ([Piece::Many], 1) => Form::Any,
            (all, 0) => Form::Exact(bytes(all)),
            ([head @ .., Piece::Many], 1) => Form::Prefix(bytes(head)),
            ([Piece::Many, tail @ ..], 1) => Form::Suffix(bytes(tail)),
            _ => Form::Glob(pieces),
        };
        let (head, mask) = head_of(&pieces_head, fold);
        Self { head, mask, form, fold }
    }

    /// Whether the whole of `text` matches.
    #[inline]
    pub fn matches(&self, text: Text<'_>) -> bool {
        (text.head ^ self.head) & self.mask == 0 && self.matches_whole(text.bytes)
    }

    fn matches_whole(&self, text: &[u8]) -> bool {
        match &self.form {
            Form::Any => true,
            Form::Exact(want) => self.same(want, text),
            Form::Prefix(want) => text.len() >= want.len() && self.same(want, &text[..want.len()]),
            Form::Suffix(want) => {
                text.len() >= want.len() && self.same(want, &text[text.len() - want.len()..])
            }
            Form::Glob(pieces) => glob(pieces, text, self.fold),
        }
    }

    fn same(&self, want: &[u8], text: &[u8]) -> bool {
        if self.fold { want.eq_ignore_ascii_case(text) } else { want == text }
    }
}

// === impl Text ===

impl<'a> Text<'a> {
    /// Prepares a text.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, head: first_eight(bytes) }
    }
}

/// The first eight bytes, zeros behind a shorter text.
#[inline]
fn first_eight(bytes: &[u8]) -> u64 {
    let mut head = [0u8; 8];
    match bytes.first_chunk::<8>() {
        Some(whole) => head = *whole,
        None => head[..bytes.len()].copy_from_slice(bytes),
    }
    u64::from_le_bytes(head)
}

/// Literal beginning and mask. Where case is ignored, the bit that tells the cases of a letter
/// apart does not count; that lets too much through at worst, and the full comparison follows.
fn head_of(literal: &[u8], fold: bool) -> (u64, u64) {
    let (mut head, mut mask) = ([0u8; 8], [0u8; 8]);
    for (index, byte) in literal.iter().enumerate() {
        head[index] = *byte;
        mask[index] = if fold && byte.is_ascii_alphabetic() { 0xdf } else { 0xff };
    }
    (u64::from_le_bytes(head), u64::from_le_bytes(mask))
}

/// Wildcards in a comparison string, as the quota counts them.
pub fn wildcards(text: &str) -> usize {
    text.bytes().filter(|b| matches!(b, b'*' | b'?')).count()
}

fn pieces(text: &str, fold: bool, escapes: Escapes) -> Vec<Piece> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let piece = match byte {
            b'\\' if escapes == Escapes::Yes && matches!(bytes.peek(), Some(b'*' | b'?')) => {
                Piece::Byte(bytes.next().expect("invariant: just peeked"))
            }
            b'*' => Piece::Many,
            b'?' => Piece::One,
            other if fold => Piece::Byte(other.to_ascii_lowercase()),
            other => Piece::Byte(other),
        };
        if piece != Piece::Many || out.last() != Some(&Piece::Many) {
            out.push(piece);
        }
    }
    out
}

fn glob(pieces: &[Piece], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() {
        let byte = if fold { text[t].to_ascii_lowercase() } else { text[t] };
        match pieces.get(p) {
            Some(Piece::Many) => {
                resume = Some((p + 1, t));
                p += 1;
            }
            Some(Piece::One) => (p, t) = (p + 1, t + 1),
            Some(Piece::Byte(want)) if *want == byte => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after, from)) = resume else { return false };
                resume = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pieces[p..].iter().all(|piece| *piece == Piece::Many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_the_guide() {
        let host = Pattern::insensitive("*.example.com");
        assert!(
            host.matches(Text::new(b"A.Example.COM")) && !host.matches(Text::new(b"example.com"))
        );
        let path = Pattern::sensitive("/img/*");
        assert!(
            path.matches(Text::new(b"/img/a/b"))
                && !path.matches(Text::new(b"/img"))
                && !path.matches(Text::new(b"/IMG/a"))
        );
        assert!(Pattern::sensitive("/img/*/pics").matches(Text::new(b"/img/x/y/pics")));
        assert!(
            Pattern::sensitive("/a?c").matches(Text::new(b"/abc"))
                && !Pattern::sensitive("/a?c").matches(Text::new(b"/ac"))
        );
        assert!(Pattern::sensitive("*").matches(Text::new(b"")));
        assert!(
            Pattern::query(r"a\*b").matches(Text::new(b"A*B"))
                && !Pattern::query(r"a\*b").matches(Text::new(b"aXb"))
        );
    }

    /// The obvious exponential definition, for comparison.
    fn slow(pieces: &[Piece], text: &[u8]) -> bool {
        match pieces.split_first() {
            None => text.is_empty(),
            Some((Piece::Many, rest)) => (0..=text.len()).any(|cut| slow(rest, &text[cut..])),
            Some((Piece::One, rest)) => !text.is_empty() && slow(rest, &text[1..]),
            Some((Piece::Byte(b), rest)) => text.first() == Some(b) && slow(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let want = slow(&pieces(&pattern, false, Escapes::No), text.as_bytes());
            prop_assert_eq!(Pattern::sensitive(&pattern).matches(Text::new(text.as_bytes())), want);
        }
    }
}
