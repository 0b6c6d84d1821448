//! Message bodies, read from whatever slices arrive.
//!
//! ```text
//!   bytes ──► advance ──► (consumed, payload range, done)
//! ```
//!
//! The reader never copies. With the same framing on both sides the proxy forwards exactly the
//! bytes that [`Body::pass`] consumed, chunk headers included, after they have been validated.
//! With different framings it takes the payload ranges of [`Body::advance`] one by one.
//!
//! Invariant: `consumed` never reaches into the next message, and once `done` nothing more is
//! consumed.

use std::ops::Range;

use super::chunk::{Chunked, MalformedChunk};

/// How the end of a body is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// So many bytes are still to come.
    Length(u64),
    /// Chunked transfer coding.
    Chunked(Chunked),
    /// Everything until the peer closes.
    UntilClose,
}

/// One step of reading a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes used up, framing included. Zero means that more input is needed (or the end).
    pub consumed: usize,
    /// Payload among the consumed bytes; it may be empty.
    pub payload: Range<usize>,
    /// Whether the body is complete.
    pub done: bool,
}

/// All that one slice had to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Bytes that belong to the body, framing included.
    pub consumed: usize,
    /// Payload bytes among them.
    pub payload: u64,
    /// Whether the body is complete.
    pub done: bool,
}

// === impl Body ===

impl Body {
    /// A chunked body from its start.
    pub fn chunked() -> Self {
        Body::Chunked(Chunked::default())
    }

    /// Whether the body is complete. [`Body::UntilClose`] never is by itself.
    #[inline]
    pub fn is_done(&self) -> bool {
        match self {
            Body::None | Body::Length(0) => true,
            Body::Length(_) | Body::UntilClose => false,
            Body::Chunked(chunked) => chunked.is_done(),
        }
    }

    /// Whether the end of the connection at this point ends the body properly. When it does not,
    /// the body is truncated, and whoever reads the copy has to notice it too.
    #[inline]
    pub fn may_end_with_connection(&self) -> bool {
        matches!(self, Body::UntilClose) || self.is_done()
    }

    /// Reads up to the end of the next payload range, or of the input.
    ///
    /// Call it again with the rest of the input until `consumed` is zero or `done` is set.
    ///
    /// # Errors
    /// The chunked coding is broken; nothing after this point can be trusted.
    pub fn advance(&mut self, buf: &[u8]) -> Result<Piece, MalformedChunk> {
        let taken = match self {
            Body::None => 0,
            Body::Length(left) => {
                let taken = (*left).min(buf.len() as u64);
                *left -= taken;
                taken as usize
            }
            Body::UntilClose => buf.len(),
            Body::Chunked(chunked) => return chunked.advance(buf),
        };
        Ok(Piece { consumed: taken, payload: 0..taken, done: self.is_done() })
    }

    /// Reads as much of `buf` as belongs to the body. What was consumed may be forwarded as it
    /// is to a peer that expects the same framing.
    ///
    /// # Errors
    /// The chunked coding is broken; none of `buf` may be forwarded.
    pub fn pass(&mut self, buf: &[u8]) -> Result<Passed, MalformedChunk> {
        let mut passed = Passed { consumed: 0, payload: 0, done: self.is_done() };
        while !passed.done {
            let piece = self.advance(&buf[passed.consumed..])?;
            passed.consumed += piece.consumed;
            passed.payload += piece.payload.len() as u64;
            passed.done = piece.done;
            if piece.consumed == 0 {
                break;
            }
        }
        Ok(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_ends_where_it_says() {
        let mut body = Body::Length(5);
        let first = body.pass(b"abc").unwrap();
        assert_eq!(first, Passed { consumed: 3, payload: 3, done: false });
        assert!(!body.may_end_with_connection());
        let second = body.pass(b"deGET /").unwrap();
        assert_eq!(second, Passed { consumed: 2, payload: 2, done: true });
        assert_eq!(body.pass(b"GET /").unwrap().consumed, 0);
    }

    #[test]
    fn no_body_consumes_nothing() {
        let mut body = Body::None;
        assert_eq!(body.pass(b"GET /").unwrap(), Passed { consumed: 0, payload: 0, done: true });
        assert!(Body::Length(0).is_done());
    }

    #[test]
    fn until_close_takes_everything_and_only_the_close_ends_it() {
        let mut body = Body::UntilClose;
        let passed = body.pass(b"abc").unwrap();
        assert_eq!(passed, Passed { consumed: 3, payload: 3, done: false });
        assert!(body.may_end_with_connection());
    }
}
