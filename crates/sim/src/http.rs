//! A little HTTP/1.1 reader of the simulator's own, so that no check rests on the code it checks.
//!
//! It is strict: one framing, CRLF everywhere, no field in disguise. Slow and plain on purpose.
//!
//! Invariant: a message is reported as ended only when its own framing says so.

/// The fields that frame a message.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// One step of reading.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A head.
    Head(Head),
    /// Payload bytes, without framing.
    Body(Vec<u8>),
    /// The message is complete.
    End,
    /// This is not HTTP.
    Bad(String),
}

/// The start line and the fields of a message, names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// First line without its end.
    pub start: String,
    /// In order.
    pub fields: Vec<(String, String)>,
}

/// Whose messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Requests, as a target sees them.
    Requests,
    /// Responses, as a client sees them.
    Responses,
}

/// Reads messages from bytes that arrive in pieces.
#[derive(Debug)]
pub struct Reader {
    side: Side,
    buf: Vec<u8>,
    at: usize,
    dropped: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Ended,
    Length(u64),
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    UntilClose,
    Broken,
}

// === impl Head ===

impl Head {
    /// The only value of a field; `None` when it is absent or repeated.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(n, _)| n == name);
        let first = found.next()?;
        found.next().is_none().then_some(first.1.as_str())
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(n, _)| n == name)
    }

    /// Whether `Connection` holds this option.
    pub fn connection(&self, option: &str) -> bool {
        let lines = self.fields.iter().filter(|(n, _)| n == "connection");
        lines.flat_map(|(_, v)| v.split(',')).any(|o| o.trim().eq_ignore_ascii_case(option))
    }

    /// The status code of a response head; 0 when there is none.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

// === impl Reader ===

impl Reader {
    /// Reads from the first byte of a connection.
    pub fn new(side: Side) -> Self {
        Self { side, buf: Vec::new(), at: 0, dropped: 0, state: State::Head }
    }

    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.at > 4_096 {
            self.buf.drain(..self.at);
            self.dropped += self.at as u64;
            self.at = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// Bytes of all messages so far, framing included.
    pub fn consumed(&self) -> u64 {
        self.dropped + self.at as u64
    }

    /// Whether the end of the connection would end the message.
    pub fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose && self.at == self.buf.len()
    }

    /// The next step, or `None` when more bytes are needed. `bodiless`: the next final response
    /// answers HEAD.
    pub fn next(&mut self, bodiless: bool) -> Option<Item> {
        let step = match self.state {
            State::Head => self.head(bodiless),
            State::Ended => {
                self.state = State::Head;
                Ok(Some(Item::End))
            }
            State::Length(left) => Ok(self.take(left).map(|bytes| {
                let rest = left - bytes.len() as u64;
                self.state = if rest == 0 { State::Ended } else { State::Length(rest) };
                Item::Body(bytes)
            })),
            State::Data(left) => Ok(self.take(left).map(|bytes| {
                let rest = left - bytes.len() as u64;
                self.state = if rest == 0 { State::DataEnd } else { State::Data(rest) };
                Item::Body(bytes)
            })),
            State::UntilClose => Ok(self.take(u64::MAX).map(Item::Body)),
            State::Size => self.size(),
            State::DataEnd => self.data_end(),
            State::Trailers => self.trailers(),
            State::Broken => Ok(None),
        };
        step.unwrap_or_else(|why| {
            self.state = State::Broken;
            Some(Item::Bad(why))
        })
    }

    fn take(&mut self, most: u64) -> Option<Vec<u8>> {
        let here = (self.buf.len() - self.at).min(usize::try_from(most).unwrap_or(usize::MAX));
        if here == 0 {
            return None;
        }
        let bytes = self.buf[self.at..self.at + here].to_vec();
        self.at += here;
        Some(bytes)
    }

    fn line(&mut self) -> Option<String> {
        let rest = &self.buf[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end + 2;
        Some(line)
    }

    fn head(&mut self, bodiless: bool) -> Result<Option<Item>, String> {
        let rest = &self.buf[self.at..];
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end + 4;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut head = Head { start, fields: Vec::new() };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("no field: {line}"))?;
            // Odd names may pass, as they do on AWS; a framing field in disguise may not.
            let trimmed = name.trim().to_ascii_lowercase();
            let disguised =
                trimmed != name.to_ascii_lowercase() && FRAMING.contains(&trimmed.as_str());
            if name.is_empty() || disguised || line.contains(['\r', '\n', '\0']) {
                return Err(format!("an odd field: {line:?}"));
            }
            head.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        self.state = match self.side {
            Side::Requests => request_framing(&head)?,
            Side::Responses => response_framing(&head, bodiless)?,
        };
        Ok(Some(Item::Head(head)))
    }

    fn size(&mut self) -> Result<Option<Item>, String> {
        let Some(line) = self.line() else { return Ok(None) };
        let digits = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(digits, 16).map_err(|_| format!("no size: {line:?}"))?;
        self.state = if size == 0 { State::Trailers } else { State::Data(size) };
        Ok(Some(Item::Body(Vec::new())))
    }

    fn data_end(&mut self) -> Result<Option<Item>, String> {
        if self.buf.len() - self.at < 2 {
            return Ok(None);
        }
        if &self.buf[self.at..self.at + 2] != b"\r\n" {
            return Err("a chunk does not end".to_owned());
        }
        self.at += 2;
        self.state = State::Size;
        Ok(Some(Item::Body(Vec::new())))
    }

    fn trailers(&mut self) -> Result<Option<Item>, String> {
        loop {
            match self.line() {
                None => return Ok(None),
                Some(line) if line.is_empty() => {
                    self.state = State::Head;
                    return Ok(Some(Item::End));
                }
                Some(_) => {}
            }
        }
    }
}

/// The framing that the length fields name, if exactly one does.
fn lengths(head: &Head) -> Result<Option<State>, String> {
    match (head.has("transfer-encoding"), head.has("content-length")) {
        (false, false) => Ok(None),
        (true, true) => Err("two framings".to_owned()),
        (true, false) => match head.only("transfer-encoding") {
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(Some(State::Size)),
            other => Err(format!("transfer coding {other:?}")),
        },
        (false, true) => {
            let text = head.only("content-length").ok_or("two lengths")?;
            let length = text.parse().map_err(|_| format!("length {text:?}"))?;
            Ok(Some(if length == 0 { State::Ended } else { State::Length(length) }))
        }
    }
}

fn request_framing(head: &Head) -> Result<State, String> {
    let parts: Vec<&str> = head.start.split(' ').collect();
    if parts.len() != 3 || parts[2] != "HTTP/1.1" {
        return Err(format!("request line {:?}", head.start));
    }
    Ok(lengths(head)?.unwrap_or(State::Ended))
}

fn response_framing(head: &Head, bodiless: bool) -> Result<State, String> {
    if !head.start.starts_with("HTTP/1.") {
        return Err(format!("status line {:?}", head.start));
    }
    match head.status() {
        100..=199 => Ok(State::Ended),
        // Without a body the lengths must make sense all the same.
        204 | 304 => lengths(head).map(|_| State::Ended),
        200..=599 if bodiless => lengths(head).map(|_| State::Ended),
        200..=599 => Ok(lengths(head)?.unwrap_or(State::UntilClose)),
        _ => Err(format!("status line {:?}", head.start)),
    }
}

/// Byte number `index` of the body that belongs to `key`: every position of every body differs.
pub fn pattern(key: u64, index: u64) -> u8 {
    let mixed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key.wrapping_mul(0xd1b5_4a32_d192_ed03);
    (mixed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
}

/// A whole body.
pub fn body(key: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|index| pattern(key, index)).collect()
}

/// Whether `bytes` is the part of the body of `key` that starts at `from`.
pub fn is_part(key: u64, from: u64, bytes: &[u8]) -> bool {
    (from..).zip(bytes).all(|(index, byte)| pattern(key, index) == *byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(side: Side, text: &[u8], step: usize) -> Vec<Item> {
        let (mut reader, mut out) = (Reader::new(side), Vec::new());
        for piece in text.chunks(step) {
            reader.feed(piece);
            while let Some(item) = reader.next(false) {
                match (out.last_mut(), item) {
                    (Some(Item::Body(all)), Item::Body(more)) => all.extend(more),
                    (_, item) => out.push(item),
                }
            }
        }
        out
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
                     HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let whole = items(Side::Responses, text, text.len());
        assert_eq!(whole.len(), 8, "{whole:?}");
        assert!(whole.contains(&Item::Body(b"abcde".to_vec())));
        for step in 1..20 {
            assert_eq!(items(Side::Responses, text, step), whole);
        }
    }

    #[test]
    fn two_framings_are_bad() {
        let text = b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(matches!(&items(Side::Requests, text, 9)[..], [Item::Bad(_)]));
    }

    #[test]
    fn a_body_until_close_never_ends_by_itself() {
        let mut reader = Reader::new(Side::Responses);
        reader.feed(b"HTTP/1.1 200 OK\r\n\r\nxyz");
        assert!(matches!(reader.next(false), Some(Item::Head(_))));
        assert_eq!(reader.next(false), Some(Item::Body(b"xyz".to_vec())));
        assert_eq!(reader.next(false), None);
        assert!(reader.ends_with_connection());
    }

    #[test]
    fn a_shifted_body_is_noticed() {
        assert!(is_part(7, 5, &body(7, 50)[5..]));
        assert!(!is_part(7, 5, &body(7, 50)[6..]));
        assert!(!is_part(8, 0, &body(7, 50)));
    }
}
