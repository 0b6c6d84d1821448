//! Byte classes and the two trims that several decisions share.
//!
//! Invariant: the classes are those of the mitigation's published algorithm, not of a parser.

/// Space or tab.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// `text` without the spaces and tabs around it.
#[inline]
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|&byte| !is_blank(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// A character of a token.
// spec: alb §3.9 Desync mitigation
#[inline]
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte)
}

/// NUL, CR or LF: never acceptable, wherever it stands.
#[inline]
pub(super) fn is_fatal(byte: u8) -> bool {
    matches!(byte, 0 | b'\r' | b'\n')
}

/// Appends the bytes in lower-case hexadecimal.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for part in bytes.chunks(16) {
        let mut text = [0u8; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(part) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.extend_from_slice(&text[..part.len() * 2]);
    }
}

/// The items of a comma-separated header value, trimmed; empty items are items.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&byte| byte == b',').map(trim)
}
