//! Finding the end of a head that arrives in pieces, in linear time, and its size limits.
//!
//! A head that arrives whole never comes here: httparse reads it straight away. Everything else
//! is scanned line by line from where the last call stopped, so that a client that sends one byte
//! at a time costs one look at each byte. A [`Scan`] is all that a connection has to keep between
//! two calls besides the bytes.
//!
//! Invariant: no byte before `at` is looked at again.

use super::bytes::{self, TOKEN};
use super::{ParseError, limits};

/// Where the search for the end of one head stands. Start a new one for every message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// First byte that has not been searched for a line end.
    at: u32,
    /// First byte of the line under construction.
    line_start: u32,
    /// First byte of the start line.
    start: u32,
    /// First byte of the first header line.
    headers_start: u32,
    /// Complete lines, the start line included.
    lines: u16,
    /// Empty lines before the start line.
    empty_lines: u8,
}

/// The limits of one kind of head.
pub(crate) struct Bounds {
    /// Longest start line.
    pub start_line_max: usize,
    /// A header line of this length is too long.
    pub header_line_max: usize,
    /// All lines that `total_from_start` selects.
    pub total_max: usize,
    /// Whether the start line counts towards `total_max`.
    pub total_from_start: bool,
    /// Whether a start line is the whole head (an HTTP/0.9 request).
    pub is_whole_head: fn(&[u8]) -> bool,
    /// Whether the first byte must be able to begin a method.
    pub must_begin_with_token: bool,
}

// === impl Scan ===

impl Scan {
    /// Whether nothing was scanned yet.
    #[inline]
    pub fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Whether any byte of the message itself has been seen (empty lines before it do not count).
    pub fn has_started(&self) -> bool {
        self.at > self.start
    }

    /// First byte of the start line.
    pub(crate) fn start(&self) -> usize {
        self.start as usize
    }

    /// Complete lines so far.
    pub(crate) fn lines(&self) -> u16 {
        self.lines
    }

    /// Scans on. Returns the length of the head once it is complete.
    pub(crate) fn advance(
        &mut self,
        buf: &[u8],
        bounds: &Bounds,
    ) -> Result<Option<usize>, ParseError> {
        while let Some(found) = memchr::memchr(b'\n', &buf[self.at as usize..]) {
            let line_end = self.at as usize + found;
            self.at = line_end as u32 + 1;
            let line = &buf[self.line_start as usize..line_end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.lines == 0 && line.is_empty() {
                self.skip_empty_line()?;
                continue;
            }
            self.check_first_byte(line, bounds)?;
            self.check_sizes(line.len(), line_end + 1, bounds)?;
            if self.lines > 0 && line.is_empty() {
                return Ok(Some(line_end + 1));
            }
            self.take_line(line_end + 1)?;
            if self.lines == 1 && (bounds.is_whole_head)(line) {
                return Ok(Some(line_end + 1));
            }
        }
        self.at = buf.len() as u32;
        let line = &buf[self.line_start as usize..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.check_first_byte(line, bounds)?;
        self.check_sizes(line.len(), buf.len(), bounds)?;
        Ok(None)
    }

    fn skip_empty_line(&mut self) -> Result<(), ParseError> {
        self.empty_lines += 1;
        if usize::from(self.empty_lines) > limits::LEADING_EMPTY_LINES_MAX {
            return Err(ParseError::EmptyLines);
        }
        self.line_start = self.at;
        self.start = self.at;
        Ok(())
    }

    fn take_line(&mut self, next: usize) -> Result<(), ParseError> {
        if self.lines == 0 {
            self.headers_start = next as u32;
        }
        self.lines += 1;
        self.line_start = next as u32;
        if usize::from(self.lines) > limits::HEADERS_MAX + 1 {
            return Err(ParseError::TooManyHeaders);
        }
        Ok(())
    }

    fn check_first_byte(&self, line: &[u8], bounds: &Bounds) -> Result<(), ParseError> {
        if self.lines > 0 || !bounds.must_begin_with_token {
            return Ok(());
        }
        match line.first() {
            Some(&byte) if !bytes::is(byte, TOKEN) => Err(ParseError::NotHttp),
            _ => Ok(()),
        }
    }

    /// Checks the line that begins at `line_start` and has `line_len` bytes so far; `seen` bytes
    /// of the buffer have been read. Of two limits, the one that was passed first is reported.
    fn check_sizes(&self, line_len: usize, seen: usize, bounds: &Bounds) -> Result<(), ParseError> {
        let base = if bounds.total_from_start { self.start } else { self.headers_start } as usize;
        let counts = bounds.total_from_start || self.lines > 0;
        let total = counts && seen - base > bounds.total_max;
        if self.lines == 0 {
            if line_len > bounds.start_line_max {
                return Err(ParseError::RequestLineTooLong);
            }
        } else if line_len >= bounds.header_line_max {
            let line_at = self.line_start as usize + bounds.header_line_max;
            if !total || line_at <= base + bounds.total_max + 1 {
                return Err(ParseError::HeaderTooLong);
            }
        }
        if total { Err(ParseError::HeadersTooLarge) } else { Ok(()) }
    }
}
