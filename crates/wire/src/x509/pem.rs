//! The text that wraps keys and certificates.
//!
//! Invariant: `blocks(encode(label, x))` is one block of that label with exactly `x`.

use std::fmt;

use super::Error;
use crate::base64;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// Characters of base64 on one line.
const LINE: usize = 64;

/// One block.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    /// For example `CERTIFICATE`.
    pub label: String,
    /// Whether it had header lines, as encrypted keys of old have.
    pub has_headers: bool,
    /// What it wraps. Never shown: it may be a key.
    pub der: Vec<u8>,
}

/// What may stand between blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// Anything, as many tools write it.
    Anything,
    /// Lines of comment (`#`, without dashes) and nothing else.
    // spec: alb §8.3 Trust store
    Comments,
}

// === impl Block ===

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({}, {} bytes)", self.label, self.der.len())
    }
}

/// All blocks of a text, at most `max`.
///
/// # Errors
/// What is not text, a block that does not end or decode, more than `max` blocks, and between
/// them what `around` forbids. No block at all is no error.
pub fn blocks(bytes: &[u8], around: Around, max: usize) -> Result<Vec<Block>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Pem("it is not text"))?;
    let mut out = Vec::new();
    let mut lines = text.lines().map(|line| line.trim_end_matches([' ', '\t', '\r']));
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(DASHES))
        else {
            judge_between(line, around)?;
            continue;
        };
        if out.len() == max {
            return Err(Error::TooMany { max });
        }
        out.push(block(label, &mut lines)?);
    }
    Ok(out)
}

fn block<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Block, Error> {
    let mut packed = String::new();
    let mut has_headers = false;
    for line in lines {
        if let Some(end) = line.strip_prefix(END) {
            if end.strip_suffix(DASHES) != Some(label) {
                return Err(Error::Pem("a block ends as something else than it began"));
            }
            let der = base64::decode(&packed).ok_or(Error::Pem("a block is not base64"))?;
            // Too short for anything that is wrapped, and surely a mistake.
            if der.is_empty() {
                return Err(Error::Pem("a block is empty"));
            }
            return Ok(Block { label: label.to_owned(), has_headers, der });
        }
        if line.contains(':') {
            has_headers = true;
        } else {
            packed.push_str(line.trim());
        }
    }
    Err(Error::Pem("a block does not end"))
}

fn judge_between(line: &str, around: Around) -> Result<(), Error> {
    match around {
        Around::Anything => Ok(()),
        Around::Comments if line.starts_with('#') && !line.contains('-') => Ok(()),
        Around::Comments => {
            Err(Error::Pem("only comments without dashes may stand outside of its blocks"))
        }
    }
}

/// One block, with a line end after it.
pub fn encode(label: &str, der: &[u8]) -> String {
    let packed = base64::encode(der);
    let mut out = format!("{BEGIN}{label}{DASHES}\n");
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("{END}{label}{DASHES}\n"));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Block>, Error> {
        blocks(text.as_bytes(), Around::Anything, 3)
    }

    #[test]
    fn text_around_is_judged() {
        let text = format!("Bag Attributes\n{}# a comment\n", encode("X", b"abc"));
        assert_eq!(read(&text).unwrap().len(), 1);
        assert!(blocks(text.as_bytes(), Around::Comments, 3).is_err());
        for (between, fits) in [("# fine\n", true), ("# a-b\n", false), ("\n", false)] {
            let text = format!("{between}{}", encode("X", b"abc"));
            let outcome = blocks(text.as_bytes(), Around::Comments, 3);
            assert_eq!(outcome.is_ok(), fits, "{between:?}");
        }
    }

    #[test]
    fn broken_blocks_are_refused() {
        let whole = encode("X", b"abc");
        let broken = [
            whole.replace("END X", "END Y"),
            whole.replace("YWJj", "YW*j"),
            whole.replace("YWJj", ""),
            whole.replace("-----END X-----\n", ""),
        ];
        for text in broken {
            assert!(read(&text).is_err(), "{text}");
        }
        assert_eq!(read(&whole.repeat(4)), Err(Error::TooMany { max: 3 }));
        assert_eq!(read("nothing").unwrap(), []);
        let windows = whole.replace('\n', "\r\n");
        assert_eq!(read(&windows).unwrap()[0].der, b"abc");
        let headers = whole.replace("YWJj", "Proc-Type: 4,ENCRYPTED\n\nYWJj");
        assert!(read(&headers).unwrap()[0].has_headers);
    }

    proptest! {
        #[test]
        fn round_trip(der in proptest::collection::vec(any::<u8>(), 1..300)) {
            let read = read(&encode("A LABEL", &der)).unwrap();
            prop_assert_eq!((read.len(), &read[0].der), (1, &der));
        }
    }
}
