//! What each byte may be, as one table.
//!
//! Invariant: one lookup answers every question that the readers ask about a byte.

/// May stand in a token (method, header name).
pub(crate) const TOKEN: u8 = 1;
/// Letter, digit or hyphen: all that a *valid* header field name may hold.
// spec: alb §3.8 Invalid header fields
pub(crate) const NAME: u8 = 1 << 1;
/// May stand in a header value: visible, blank, tab, or beyond ASCII.
pub(crate) const VALUE: u8 = 1 << 2;
/// May stand in a request target: above space and not DEL.
pub(crate) const TARGET: u8 = 1 << 3;

static CLASS: [u8; 256] = table();

/// Whether every byte of `text` has the property `class` (one bit). Most texts have it, so
/// nothing is gained by stopping early and a branch per byte is saved.
#[inline]
pub(crate) fn all(text: &[u8], class: u8) -> bool {
    text.iter().fold(class, |left, &byte| left & CLASS[byte as usize]) != 0
}

/// Whether `byte` has the property `class`.
#[inline]
pub(crate) fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// `text` without the spaces and tabs around it.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let (start, end) = trim_range(text, 0, text.len());
    &text[start..end]
}

/// The range of `buf[start..end]` without the spaces and tabs around it.
#[inline]
pub(crate) fn trim_range(buf: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && is_blank(buf[start]) {
        start += 1;
    }
    while start < end && is_blank(buf[end - 1]) {
        end -= 1;
    }
    (start, end)
}

/// Space or tab.
#[inline]
pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Reads decimal digits; `None` for anything else, for nothing, and for more than `u64`.
#[inline]
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(value)
}

/// Whether the letters and digits of `name`, and nothing else of it, spell `Content-Length` or
/// `Transfer-Encoding`. A name that *is* one of the two resembles it as well; ask that first.
///
/// `ſ` (U+017F) counts as s and `ı` (U+0131) as i, because upper-casing maps them there.
// spec: alb §3.9 Desync mitigation
#[inline]
pub(crate) fn resembles_length_header(name: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() && !matches!(byte | 0x20, b'c' | b't');
    name.len() >= b"contentlength".len()
        && !name.first().is_some_and(letter)
        && (same_letters(name, b"contentlength") || same_letters(name, b"transferencoding"))
}

fn same_letters(name: &[u8], letters: &[u8]) -> bool {
    let mut wanted = letters.iter();
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let letter = match (byte, tail.first()) {
            (0xc5, Some(0xbf)) => b's',
            (0xc4, Some(0xb1)) => b'i',
            _ if byte.is_ascii_alphanumeric() => byte.to_ascii_lowercase(),
            _ => continue,
        };
        if wanted.next() != Some(&letter) {
            return false;
        }
    }
    wanted.next().is_none()
}

const fn table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut index = 0usize;
    while index < 256 {
        let byte = index as u8;
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || is_token_mark(byte) {
            class |= TOKEN;
        }
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            class |= NAME;
        }
        if (byte >= 0x20 && byte != 0x7f) || byte == b'\t' {
            class |= VALUE;
        }
        if byte > 0x20 && byte != 0x7f {
            class |= TARGET;
        }
        table[index] = class;
        index += 1;
    }
    table
}

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'-' | b'_'
            | b'.'
            | b'!'
            | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'^'
            | b'`'
            | b'|'
            | b'~'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_of_the_length_headers() {
        for name in [
            &b"Transfer_Encoding"[..],
            b"Transfer---Encoding",
            b" transfer-encoding",
            b"\x01Content-Length",
            b"Content-Length\xe2\x80\x83",
            "Tran\u{17f}fer-Encod\u{131}ng".as_bytes(),
            b"Content-Length",
        ] {
            assert!(resembles_length_header(name), "{name:?}");
        }
        for name in [&b"Content-Type"[..], b"Content-Length1", b"X-Content-Length", b"", b"-----"] {
            assert!(!resembles_length_header(name), "{name:?}");
        }
    }

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"18446744073709551616", b"+1", b"1 ", b"0x1", b"1,1"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }
}
