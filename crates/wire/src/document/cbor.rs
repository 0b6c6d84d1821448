//! CBOR (RFC 8949), as far as RPC v2 uses it: text keys, instants as tag 1, and no numbers beyond
//! 64 bits.
//!
//! Invariant: a length in the message never decides how much is allocated; only bytes that are
//! there do.

use super::{Budget, Document, DocumentError};
use crate::time::Time;

/// The initial byte of a string, list or map whose end is marked.
const INDEFINITE: u8 = 31;
/// What marks that end.
const BREAK: u8 = 0xff;
/// Tag of an instant in seconds since 1970.
const EPOCH: u64 = 1;

/// Reads one data item.
///
/// # Errors
/// When the bytes are not one, or exceed the limits.
pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
    let mut parser = Parser { bytes, at: 0, budget: Budget::default() };
    let document = parser.item()?;
    if parser.at == bytes.len() { Ok(document) } else { Err(DocumentError::Syntax(parser.at)) }
}

/// Writes one data item, in definite lengths.
pub fn write(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    item(document, &mut out);
    out
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    budget: Budget,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn item(&mut self) -> Result<Document, DocumentError> {
        self.budget.node()?;
        let begin = self.at;
        let (major, info) = self.initial()?;
        match major {
            0 => Ok(unsigned(self.argument(info)?)),
            1 => Ok(negative(self.argument(info)?)),
            2 => self.string(2, info).map(Document::Bytes),
            3 => self.text(info, begin).map(Document::Text),
            4 => self.list(info),
            5 => self.map(info),
            6 => self.tagged(info, begin),
            _ => self.simple(info, begin),
        }
    }

    fn list(&mut self, info: u8) -> Result<Document, DocumentError> {
        let mut left = self.length(info)?;
        self.budget.enter()?;
        let mut items = Vec::new();
        while self.more(&mut left)? {
            items.push(self.item()?);
        }
        self.budget.leave();
        Ok(Document::List(items))
    }

    fn map(&mut self, info: u8) -> Result<Document, DocumentError> {
        let mut left = self.length(info)?;
        self.budget.enter()?;
        let mut entries = Vec::new();
        while self.more(&mut left)? {
            let begin = self.at;
            let (major, info) = self.initial()?;
            if major != 3 {
                return Err(DocumentError::Syntax(begin));
            }
            let key = self.text(info, begin)?;
            entries.push((key, self.item()?));
        }
        self.budget.leave();
        Ok(Document::Map(entries))
    }

    /// Whether another item follows: counted, or until the mark.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, DocumentError> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.bytes.get(self.at) == Some(&BREAK) => {
                self.at += 1;
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn text(&mut self, info: u8, begin: usize) -> Result<String, DocumentError> {
        let bytes = self.string(3, info)?;
        String::from_utf8(bytes).map_err(|_| DocumentError::Text(begin))
    }

    /// A byte or text string, in one piece or in several.
    fn string(&mut self, major: u8, info: u8) -> Result<Vec<u8>, DocumentError> {
        if info != INDEFINITE {
            let length = self.argument(info)?;
            return self.take(length).map(<[u8]>::to_vec);
        }
        let mut whole = Vec::new();
        loop {
            let begin = self.at;
            if self.bytes.get(self.at) == Some(&BREAK) {
                self.at += 1;
                return Ok(whole);
            }
            let (piece, info) = self.initial()?;
            if piece != major || info == INDEFINITE {
                return Err(DocumentError::Syntax(begin));
            }
            let length = self.argument(info)?;
            whole.extend_from_slice(self.take(length)?);
        }
    }

    fn tagged(&mut self, info: u8, begin: usize) -> Result<Document, DocumentError> {
        let tag = self.argument(info)?;
        self.budget.enter()?;
        let content = self.item()?;
        self.budget.leave();
        match (tag, content) {
            (EPOCH, Document::I64(seconds)) => Ok(Document::Time(Time::from_epoch_s(seconds))),
            (EPOCH, Document::F64(seconds)) if seconds.is_finite() => {
                Ok(Document::Time(Time::from_seconds(seconds)))
            }
            (EPOCH, _) => Err(DocumentError::Syntax(begin)),
            // Other tags say how to show a value, not what it is.
            (_, content) => Ok(content),
        }
    }

    fn simple(&mut self, info: u8, begin: usize) -> Result<Document, DocumentError> {
        Ok(match info {
            20 => Document::Bool(false),
            21 => Document::Bool(true),
            22 | 23 => Document::Null,
            25 => Document::F64(half(self.array().map(u16::from_be_bytes)?)),
            26 => Document::F64(f32::from_be_bytes(self.array()?).into()),
            27 => Document::F64(f64::from_be_bytes(self.array()?)),
            _ => return Err(DocumentError::Syntax(begin)),
        })
    }

    fn initial(&mut self) -> Result<(u8, u8), DocumentError> {
        let [byte] = self.array()?;
        Ok((byte >> 5, byte & 0x1f))
    }

    fn length(&mut self, info: u8) -> Result<Option<u64>, DocumentError> {
        if info == INDEFINITE { Ok(None) } else { self.argument(info).map(Some) }
    }

    fn argument(&mut self, info: u8) -> Result<u64, DocumentError> {
        Ok(match info {
            0..=23 => info.into(),
            24 => self.array::<1>()?[0].into(),
            25 => u16::from_be_bytes(self.array()?).into(),
            26 => u32::from_be_bytes(self.array()?).into(),
            27 => u64::from_be_bytes(self.array()?),
            _ => return Err(DocumentError::Syntax(self.at)),
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DocumentError> {
        let at = self.at;
        self.take(N as u64)?.try_into().map_err(|_| DocumentError::Syntax(at))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DocumentError> {
        let rest = &self.bytes[self.at..];
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len());
        let length = length.ok_or(DocumentError::Syntax(self.bytes.len()))?;
        self.at += length;
        Ok(&rest[..length])
    }
}

// === helpers ===

fn unsigned(number: u64) -> Document {
    i64::try_from(number).map_or(Document::F64(number as f64), Document::I64)
}

fn negative(number: u64) -> Document {
    i64::try_from(number).map_or(Document::F64(-1.0 - number as f64), |n| Document::I64(-1 - n))
}

fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

fn item(document: &Document, out: &mut Vec<u8>) {
    match document {
        Document::Null => out.push(0xf6),
        Document::Bool(flag) => out.push(0xf4 + u8::from(*flag)),
        Document::I64(number) => match u64::try_from(*number) {
            Ok(number) => head(0, number, out),
            Err(_) => head(1, !*number as u64, out),
        },
        Document::F64(number) => double(*number, out),
        Document::Text(text) => string(3, text.as_bytes(), out),
        Document::Bytes(bytes) => string(2, bytes, out),
        Document::Time(time) => {
            head(6, EPOCH, out);
            double(time.seconds(), out);
        }
        Document::List(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|one| item(one, out));
        }
        Document::Map(entries) => {
            head(5, entries.len() as u64, out);
            for (key, one) in entries {
                string(3, key.as_bytes(), out);
                item(one, out);
            }
        }
    }
}

fn string(major: u8, bytes: &[u8], out: &mut Vec<u8>) {
    head(major, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn double(number: f64, out: &mut Vec<u8>) {
    out.push(0xfb);
    out.extend_from_slice(&number.to_be_bytes());
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 8949, appendix A, that this reader understands.
    #[test]
    fn published_examples() {
        let text = |text: &str| Document::Text(text.into());
        for (bytes, document) in [
            (&[0x17][..], Document::I64(23)),
            (&[0x18, 0x64], Document::I64(100)),
            (&[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0], Document::I64(1_000_000_000_000)),
            (&[0x38, 0x63], Document::I64(-100)),
            (&[0xf9, 0x3c, 0], Document::F64(1.0)),
            (&[0xf9, 0x7b, 0xff], Document::F64(65504.0)),
            (&[0xf9, 0, 1], Document::F64(5.960464477539063e-8)),
            (&[0xf9, 0xc4, 0], Document::F64(-4.0)),
            (&[0xfa, 0x47, 0xc3, 0x50, 0], Document::F64(100_000.0)),
            (&[0xf7], Document::Null),
            (&[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0], Document::Time(Time::from_epoch_s(1363896240))),
            (&[0x44, 1, 2, 3, 4], Document::Bytes(vec![1, 2, 3, 4])),
            (&[0x7f, 0x61, b'a', 0x62, b'b', b'c', 0xff], text("abc")),
            (&[0x9f, 1, 0x82, 2, 3, 0xff], {
                let inner = Document::List(vec![Document::I64(2), Document::I64(3)]);
                Document::List(vec![Document::I64(1), inner])
            }),
            (&[0xbf, 0x61, b'a', 1, 0xff], Document::Map(vec![("a".into(), Document::I64(1))])),
        ] {
            assert_eq!(parse(bytes), Ok(document), "{bytes:02x?}");
        }
        assert!(matches!(parse(&[0xf9, 0x7e, 0]), Ok(Document::F64(number)) if number.is_nan()));
    }

    #[test]
    fn lengths_are_not_believed() {
        for bytes in [
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x1c],
            &[0xff],
            &[0xa1, 1, 1],
            &[0x5f, 0x61, b'a', 0xff],
            &[0x61, 0xff],
            &[0xc1, 0x61, b'a'],
            &[1, 1],
        ] {
            assert!(parse(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
