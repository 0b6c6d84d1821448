//! Reads one answer and says whether it counts: 2xx, and the whole body.
//!
//! It is written for cost, not for strangers: it talks to proxies in front of our own target.
//! Invariant: `Fed::Done` is said once per answer, and only after every byte of it was seen.

use memchr::{memchr, memmem};

use crate::limits;
use crate::target::field;

/// Reads answers, one after the other.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of a head that came in parts.
    head: Vec<u8>,
    body: Body,
    close: bool,
    /// Body bytes seen.
    seen: usize,
}

#[derive(Debug, Default)]
enum Body {
    /// The head is not complete.
    #[default]
    Head,
    Sized(usize),
    Chunked(Chunked),
}

/// Where in a chunked body the reader is.
#[derive(Clone, Copy, Debug)]
enum Chunked {
    /// In the size line: the value so far, and whether its digits are over.
    Size(usize, bool),
    Data(usize),
    /// After the data: the line end.
    DataEnd,
    /// After the last chunk: bytes of the line so far.
    Trailer(usize),
}

/// What feeding bytes led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// More is to come; the flag says whether the head was seen.
    More(bool),
    /// The answer is complete; the flag says that the connection ends.
    Done(bool),
    /// The answer does not count.
    Fault(Fault),
}

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another status than 2xx.
    Status,
    /// The body is shorter or longer than asked for, or the framing is broken.
    Body,
}

// === impl Reader ===

impl Reader {
    /// Starts over.
    pub fn reset(&mut self) {
        self.head.clear();
        (self.body, self.close, self.seen) = (Body::Head, false, 0);
    }

    /// Takes bytes. `wanted` is the size of the body, if it has one; `data` gets the body's bytes.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        wanted: Option<usize>,
        data: &mut impl FnMut(&[u8]),
    ) -> Fed {
        let mut rest = bytes;
        if let Body::Head = self.body {
            match self.take_head(bytes) {
                Ok(Some(after)) => rest = after,
                Ok(None) => return Fed::More(false),
                Err(fault) => return Fed::Fault(fault),
            }
        }
        let done = match self.body {
            Body::Head => false,
            Body::Sized(left) => {
                let (now, extra) = rest.split_at(left.min(rest.len()));
                data(now);
                self.seen += now.len();
                self.body = Body::Sized(left - now.len());
                rest = extra;
                left == now.len()
            }
            Body::Chunked(state) => match self.take_chunks(state, &mut rest, data) {
                Some(done) => done,
                None => return Fed::Fault(Fault::Body),
            },
        };
        if !done {
            return Fed::More(true);
        }
        if !rest.is_empty() || wanted != Some(self.seen) {
            return Fed::Fault(Fault::Body);
        }
        let close = self.close;
        self.reset();
        Fed::Done(close)
    }

    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
        if self.head.is_empty()
            && let Some(end) = memmem::find(bytes, b"\r\n\r\n")
        {
            self.understand(&bytes[..end + 2])?;
            return Ok(Some(&bytes[end + 4..]));
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        if let Some(end) = memmem::find(&self.head, b"\r\n\r\n") {
            let head = std::mem::take(&mut self.head);
            self.understand(&head[..end + 2])?;
            return Ok(Some(&bytes[end + 4 - before..]));
        }
        if self.head.len() > limits::HEAD_MAX { Err(Fault::Body) } else { Ok(None) }
    }

    fn understand(&mut self, head: &[u8]) -> Result<(), Fault> {
        if head.len() < 12 || !head.starts_with(b"HTTP/1.1 2") {
            return Err(Fault::Status);
        }
        let mut rest = head;
        while let Some(end) = memchr(b'\n', rest) {
            rest = &rest[end + 1..];
            if let Some(value) = field(rest, b"content-length:") {
                self.body = Body::Sized(value.parse().map_err(|_| Fault::Body)?);
            } else if let Some(value) = field(rest, b"connection:") {
                self.close = value.eq_ignore_ascii_case("close");
            } else if let Some(value) = field(rest, b"transfer-encoding:") {
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err(Fault::Body);
                }
                self.body = Body::Chunked(Chunked::Size(0, false));
            }
        }
        if let Body::Head = self.body { Err(Fault::Body) } else { Ok(()) }
    }

    /// Whether the body is over; `None` when it is broken.
    fn take_chunks(
        &mut self,
        mut state: Chunked,
        bytes: &mut &[u8],
        data: &mut impl FnMut(&[u8]),
    ) -> Option<bool> {
        while let Some(&first) = bytes.first() {
            if let Chunked::Data(left) = state {
                let (now, after) = bytes.split_at(left.min(bytes.len()));
                data(now);
                self.seen += now.len();
                *bytes = after;
                state = match left - now.len() {
                    0 => Chunked::DataEnd,
                    left => Chunked::Data(left),
                };
                continue;
            }
            *bytes = &bytes[1..];
            state = match (state, first) {
                (Chunked::Size(0, _), b'\n') => Chunked::Trailer(0),
                (Chunked::Size(size, _), b'\n') => Chunked::Data(size),
                (Chunked::Size(size, true), _) => Chunked::Size(size, true),
                (Chunked::Size(size, _), b';' | b'\r' | b' ') => Chunked::Size(size, true),
                (Chunked::Size(size, _), digit) => {
                    let digit = char::from(digit).to_digit(16)? as usize;
                    Chunked::Size(size.checked_mul(16)?.checked_add(digit)?, false)
                }
                (Chunked::DataEnd, b'\r') => Chunked::DataEnd,
                (Chunked::DataEnd, b'\n') => Chunked::Size(0, false),
                (Chunked::DataEnd, _) => return None,
                (Chunked::Trailer(0), b'\n') => return Some(true),
                (Chunked::Trailer(_), b'\n') => Chunked::Trailer(0),
                (Chunked::Trailer(length), b'\r') => Chunked::Trailer(length),
                (Chunked::Trailer(length), _) => Chunked::Trailer(length + 1),
                (Chunked::Data(_), _) => return None,
            };
        }
        self.body = Body::Chunked(state);
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the answer in pieces of every size; all must agree.
    fn read(answer: &[u8], wanted: Option<usize>) -> (Fed, Vec<u8>) {
        let mut results = Vec::new();
        for step in 1..=answer.len() {
            let (mut reader, mut body) = (Reader::default(), Vec::new());
            let mut last = Fed::More(false);
            for piece in answer.chunks(step) {
                last = reader.feed(piece, wanted, &mut |data| body.extend_from_slice(data));
                if !matches!(last, Fed::More(_)) {
                    break;
                }
            }
            results.push((last, body));
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
        results.remove(0)
    }

    #[test]
    fn a_sized_answer_is_done_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(read(answer, Some(5)), (Fed::Done(false), b"hello".to_vec()));
        assert_eq!(read(&answer[..answer.len() - 1], Some(5)).0, Fed::More(true));
        assert_eq!(read(answer, Some(6)).0, Fed::Fault(Fault::Body));
    }

    #[test]
    fn a_chunked_answer_is_done_with_its_trailer() {
        let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n\
                       3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
        assert_eq!(read(answer, Some(13)), (Fed::Done(true), b"abc0123456789".to_vec()));
        assert_eq!(read(answer, Some(12)).0, Fed::Fault(Fault::Body));
    }

    #[test]
    fn other_answers_do_not_count() {
        let refused = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(refused, Some(0)).0, Fed::Fault(Fault::Status));
        let endless = b"HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(read(endless, Some(0)).0, Fed::Fault(Fault::Body));
        let broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert_eq!(read(broken, Some(0)).0, Fed::Fault(Fault::Body));
    }

    #[test]
    fn bytes_behind_the_answer_are_a_fault() {
        let mut reader = Reader::default();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxx";
        assert_eq!(reader.feed(answer, Some(1), &mut |_| {}), Fed::Fault(Fault::Body));
    }
}
