//! Chunked transfer coding: a decoder that validates in place, and the bytes of an encoder.
//!
//! ```text
//!  Size ──►(blank) Padding ──►(;) Extension ──► SizeLf ──► Data ──► DataCr ──► DataLf ──► Size
//!                                                 │ size 0
//!                                                 ▼
//!           Done ◄── EndLf ◄── LineStart ◄──► TrailerName ──► TrailerValue ──► TrailerLf
//! ```
//!
//! It is strict where lenient readers disagree with each other: lines end in CR LF and nothing
//! else, a size has digits and nothing before them, a chunk is followed by its line end, a
//! trailer line is a header line. Blanks between size and line end are accepted, because old
//! servers pad with them and every reader agrees on what they mean.
//!
//! Invariant: every path through the framing consumes a bounded number of bytes.

use super::body::Piece;
use super::bytes::{self, TOKEN, VALUE};
use super::limits;

/// Closes the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";
/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Reads a chunked body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunked {
    state: State,
    digits: u8,
    size: u64,
    extension: u32,
    extensions: u32,
    trailers: u32,
}

/// The chunked coding is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedChunk {
    /// No digit, too many digits, or something that is not one.
    #[error("malformed chunk size")]
    Size,
    /// A control character in an extension, or too many extension bytes.
    #[error("malformed or too long chunk extension")]
    Extension,
    /// CR and LF are not where they have to be.
    #[error("malformed line end in chunked body")]
    LineEnd,
    /// A trailer that is not a header line, or too many trailer bytes.
    #[error("malformed or too long trailer")]
    Trailer,
}

/// The line before a chunk's data, ready to be sent.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHeader {
    bytes: [u8; 18],
    start: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

// === impl Chunked ===

impl Chunked {
    /// Whether the last chunk and the trailers have been read.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads framing up to the next payload range and that range, or as much as there is.
    ///
    /// # Errors
    /// The coding is broken.
    pub fn advance(&mut self, buf: &[u8]) -> Result<Piece, MalformedChunk> {
        let mut at = 0;
        while at < buf.len() {
            match self.state {
                State::Data => {
                    let taken = self.size.min((buf.len() - at) as u64) as usize;
                    self.size -= taken as u64;
                    if self.size == 0 {
                        self.state = State::DataCr;
                    }
                    let end = at + taken;
                    return Ok(Piece { consumed: end, payload: at..end, done: false });
                }
                State::Done => break,
                _ => self.framing_byte(buf[at])?,
            }
            at += 1;
        }
        Ok(Piece { consumed: at, payload: at..at, done: self.is_done() })
    }

    fn framing_byte(&mut self, byte: u8) -> Result<(), MalformedChunk> {
        match self.state {
            State::Size => self.size_byte(byte),
            State::Padding | State::Extension => self.extension_byte(byte),
            State::SizeLf => {
                let next = if self.size == 0 { State::LineStart } else { State::Data };
                self.extension = 0;
                self.digits = 0;
                self.expect(byte, b'\n', next)
            }
            State::DataCr => self.expect(byte, b'\r', State::DataLf),
            State::DataLf => self.expect(byte, b'\n', State::Size),
            State::EndLf => self.expect(byte, b'\n', State::Done),
            State::LineStart | State::TrailerName | State::TrailerValue | State::TrailerLf => {
                self.trailer_byte(byte)
            }
            State::Data | State::Done => Ok(()),
        }
    }

    fn expect(&mut self, byte: u8, wanted: u8, next: State) -> Result<(), MalformedChunk> {
        if byte != wanted {
            return Err(MalformedChunk::LineEnd);
        }
        self.state = next;
        Ok(())
    }

    fn size_byte(&mut self, byte: u8) -> Result<(), MalformedChunk> {
        if let Some(digit) = (byte as char).to_digit(16) {
            if self.digits == limits::CHUNK_SIZE_DIGITS_MAX {
                return Err(MalformedChunk::Size);
            }
            self.digits += 1;
            self.size = self.size << 4 | u64::from(digit);
            return Ok(());
        }
        if self.digits == 0 {
            return Err(MalformedChunk::Size);
        }
        match byte {
            b'\r' => self.state = State::SizeLf,
            b';' => self.state = State::Extension,
            b' ' | b'\t' => self.state = State::Padding,
            _ => return Err(MalformedChunk::Size),
        }
        Ok(())
    }

    fn extension_byte(&mut self, byte: u8) -> Result<(), MalformedChunk> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > limits::CHUNK_EXTENSION_MAX
            || self.extensions > limits::CHUNK_EXTENSIONS_MAX
        {
            return Err(MalformedChunk::Extension);
        }
        match byte {
            b'\r' => self.state = State::SizeLf,
            b';' => self.state = State::Extension,
            b' ' | b'\t' => {}
            _ if self.state == State::Padding => return Err(MalformedChunk::Size),
            _ if bytes::is(byte, VALUE) => {}
            _ => return Err(MalformedChunk::Extension),
        }
        Ok(())
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<(), MalformedChunk> {
        self.trailers += 1;
        if self.trailers > limits::TRAILERS_MAX {
            return Err(MalformedChunk::Trailer);
        }
        self.state = match (self.state, byte) {
            (State::LineStart, b'\r') => State::EndLf,
            (State::LineStart, _) if bytes::is(byte, TOKEN) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerName, _) if bytes::is(byte, TOKEN) => State::TrailerName,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if bytes::is(byte, VALUE) => State::TrailerValue,
            (State::TrailerLf, b'\n') => State::LineStart,
            (State::TrailerLf, _) => return Err(MalformedChunk::LineEnd),
            _ => return Err(MalformedChunk::Trailer),
        };
        Ok(())
    }
}

// === impl ChunkHeader ===

impl ChunkHeader {
    /// The header of a chunk of `size` bytes. A size of zero would end the body: use
    /// [`LAST_CHUNK`] for that.
    pub fn new(size: usize) -> Self {
        debug_assert!(size > 0, "a chunk of zero bytes is the last one");
        let mut header = Self { bytes: [0; 18], start: 16 };
        header.bytes[16..].copy_from_slice(CHUNK_END);
        let mut left = size;
        while left > 0 || header.start == 16 {
            header.start -= 1;
            header.bytes[header.start as usize] = b"0123456789abcdef"[left & 15];
            left >>= 4;
        }
        header
    }

    /// The bytes to send.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::*;

    fn decode(input: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), MalformedChunk> {
        let mut body = Body::chunked();
        let (mut payload, mut at, mut end) = (Vec::new(), 0, 0);
        while end < input.len() && !body.is_done() {
            end = (end + step).min(input.len());
            loop {
                let piece = body.advance(&input[at..end])?;
                payload.extend_from_slice(&input[at..end][piece.payload.clone()]);
                at += piece.consumed;
                if piece.consumed == 0 || piece.done {
                    break;
                }
            }
        }
        Ok((payload, at, body.is_done()))
    }

    #[test]
    fn payload_and_end_are_found_at_every_split() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"0\r\n\r\n", b""),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
            (b"5;name=value;q=\"a b\"\r\nhello\r\n0;x\r\n\r\n", b"hello"),
            (b"00005  \r\nhello\r\n6\r\n world\r\n000\r\n\r\n", b"hello world"),
            (b"1\r\n\r\r\n0\r\nTrailer: x\r\nOther:\r\n\r\n", b"\r"),
            (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"),
        ];
        for (wire, wanted) in cases {
            for step in 1..=wire.len() {
                let mut input = wire.to_vec();
                input.extend_from_slice(b"GET / HTTP/1.1");
                let (payload, consumed, done) = decode(&input, step).unwrap();
                assert_eq!((&payload[..], consumed, done), (wanted, wire.len(), true));
            }
        }
    }

    #[test]
    fn broken_codings_are_refused_at_every_split() {
        use MalformedChunk::*;
        let long_extension = [b"1;".to_vec(), vec![b'x'; 5000], b"\r\n".to_vec()].concat();
        let long_trailer = [b"0\r\nx: ".to_vec(), vec![b'x'; 17_000], b"\r\n".to_vec()].concat();
        let cases: [(&[u8], MalformedChunk); 18] = [
            (b"\r\n", Size),
            (b";x\r\n", Size),
            (b" 5\r\n", Size),
            (b"+5\r\n", Size),
            (b"-1\r\n", Size),
            (b"0x5\r\n", Size),
            (b"5 5\r\n", Size),
            (b"5\n", Size),
            (b"11111111111111111\r\n", Size),
            (b"5;x\ny\r\n", Extension),
            (b"5;x\0\r\n", Extension),
            (b"5\rx", LineEnd),
            (b"5\r\nhelloX", LineEnd),
            (b"5\r\nhello\n", LineEnd),
            (b"0\r\n name: x\r\n\r\n", Trailer),
            (b"0\r\nGET / HTTP/1.1\r\n\r\n", Trailer),
            (&long_extension, Extension),
            (&long_trailer, Trailer),
        ];
        for (wire, wanted) in cases {
            for step in [1, 2, 3, 7, wire.len()] {
                assert_eq!(decode(wire, step), Err(wanted), "{:?}", wire.get(..20));
            }
        }
    }

    #[test]
    fn a_huge_size_is_only_a_number() {
        let mut body = Body::chunked();
        let passed = body.pass(b"ffffffffffffffff\r\nabc").unwrap();
        assert_eq!((passed.payload, passed.done), (3, false));
        assert!(!body.may_end_with_connection());
    }

    #[test]
    fn encoder_and_decoder_agree() {
        for size in [1usize, 9, 10, 15, 16, 255, 256, 65_536, 70_001] {
            let mut wire = ChunkHeader::new(size).as_bytes().to_vec();
            assert_eq!(wire, format!("{size:x}\r\n").as_bytes());
            wire.resize(wire.len() + size, b'x');
            wire.extend_from_slice(CHUNK_END);
            wire.extend_from_slice(LAST_CHUNK);
            let passed = Body::chunked().pass(&wire).unwrap();
            assert_eq!(
                (passed.consumed, passed.payload, passed.done),
                (wire.len(), size as u64, true)
            );
        }
        assert_eq!(ChunkHeader::new(usize::MAX).as_bytes(), b"ffffffffffffffff\r\n");
    }
}
