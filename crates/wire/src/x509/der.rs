//! Tag, length, value: just enough DER to walk what is too long to hold and to wrap keys.
//!
//! Invariant: a value never reaches beyond the input, and only the shortest form of a length is
//! read, so that one value has one encoding.

/// `BOOLEAN`.
pub const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub const INTEGER: u8 = 0x02;
/// `BIT STRING`.
pub const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`.
pub const OCTET_STRING: u8 = 0x04;
/// `NULL`.
pub const NULL: u8 = 0x05;
/// `OBJECT IDENTIFIER`.
pub const OID: u8 = 0x06;
/// `UTCTime`.
pub const UTC_TIME: u8 = 0x17;
/// `GeneralizedTime`.
pub const GENERALIZED_TIME: u8 = 0x18;
/// `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;

/// The constructed, context-specific tag of this number (below 31).
pub const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet; numbers above 30 are not read.
    pub tag: u8,
    /// The content.
    pub body: &'a [u8],
    /// Identifier, length and content.
    pub whole: &'a [u8],
}

/// Walks elements one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// At the start of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element; `None` at the end and for what is no element.
    pub fn element(&mut self) -> Option<Element<'a>> {
        let bytes = self.rest;
        let (&tag, after) = bytes.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (len, after) = length(after)?;
        let body = after.get(..len)?;
        let end = bytes.len() - after.len() + len;
        self.rest = &bytes[end..];
        Some(Element { tag, body, whole: &bytes[..end] })
    }

    /// The body of the next element, if it has this tag; else nothing is read.
    pub fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.expect_whole(tag).map(|element| element.body)
    }

    /// The next element, if it has this tag; else nothing is read.
    pub fn expect_whole(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.element().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, after) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), after));
    }
    let octets = usize::from(first & 0x7f);
    if !(1..=4).contains(&octets) {
        return None;
    }
    let (digits, after) = after.split_at_checked(octets)?;
    let len = digits.iter().fold(0u64, |len, digit| len << 8 | u64::from(*digit));
    let shortest = digits[0] != 0 && len >= 0x80;
    shortest.then_some((usize::try_from(len).ok()?, after))
}

// === writing ===

/// One element around these parts.
pub fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(len + 6);
    out.push(tag);
    if len < 0x80 {
        out.push(len as u8);
    } else {
        let digits = len.to_be_bytes();
        let skip = digits.iter().take_while(|digit| **digit == 0).count();
        out.push(0x80 | (digits.len() - skip) as u8);
        out.extend_from_slice(&digits[skip..]);
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// An object identifier in dotted form; `None` when it is cut or a number is too large.
pub fn dotted(oid: &[u8]) -> Option<String> {
    let mut numbers = Vec::new();
    let mut number = 0u64;
    for (at, byte) in oid.iter().enumerate() {
        number = number.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        } else if at + 1 == oid.len() {
            return None;
        }
    }
    let first = *numbers.first()?;
    let root = (first / 40).min(2);
    let head = [root, first - root * 40];
    let all = head.iter().chain(&numbers[1..]);
    Some(all.map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_read() {
        for len in [0usize, 1, 127, 128, 255, 256, 70_000] {
            let body = vec![7; len];
            let whole = wrap(OCTET_STRING, &[&body[..len / 2], &body[len / 2..]]);
            let mut reader = Reader::new(&whole);
            let element = reader.element().unwrap();
            assert_eq!((element.tag, element.body, element.whole), (OCTET_STRING, &*body, &*whole));
            assert!(reader.is_empty());
            assert_eq!(Reader::new(&whole[..whole.len() - 1]).element(), None, "cut at the end");
        }
    }

    #[test]
    fn other_forms_of_a_length_are_not_read() {
        let bad: [&[u8]; 6] = [
            &[4, 0x81, 1, 0],
            &[4, 0x82, 0, 0x80],
            &[4, 0x80, 0, 0],
            &[4, 0x85, 1, 1, 1, 1, 1],
            &[4, 0xff],
            &[0x1f, 0x81, 0],
        ];
        for bytes in bad {
            assert_eq!(Reader::new(bytes).element(), None, "{bytes:x?}");
        }
    }

    #[test]
    fn identifiers_have_dots() {
        assert_eq!(dotted(&[0x2b, 6, 1, 5, 5, 7, 3, 1]).unwrap(), "1.3.6.1.5.5.7.3.1");
        assert_eq!(dotted(&[0x55, 0x1d, 0x25, 0]).unwrap(), "2.5.29.37.0");
        assert_eq!(dotted(&[0x88, 0x37]).unwrap(), "2.999");
        assert_eq!(dotted(&[]), None);
        assert_eq!(dotted(&[0x2b, 0x80]), None);
        assert_eq!(dotted(&[0xff; 20]), None);
    }
}
