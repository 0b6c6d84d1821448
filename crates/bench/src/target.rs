//! The target: a single-threaded HTTP/1.1 server that answers at once.
//!
//! What it answers is decided by the end of the path (`/1k`, `/64k`, `/sse`); everything else, such
//! as a health check, gets two bytes. It never waits for anything but its sockets.
//!
//! Invariant: after a read that filled its buffer only partly, or after `WouldBlock`, the kernel
//! owes an event for whatever comes next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use memchr::{memchr, memmem};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::limits;
use crate::sse;

const LISTENER: Token = Token(usize::MAX - 1);

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Small,
    Large,
    Stream,
    Other,
}

/// What a head says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    kind: Kind,
    body: usize,
    close: bool,
}

/// The server.
struct Target {
    poll: Poll,
    listener: TcpListener,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    /// When which stream gets its next event: time, place, serial number.
    due: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    serial: u64,
    started: Instant,
    /// By kind (small, large, other) and by whether the connection ends.
    answers: [[Vec<u8>; 2]; 3],
    buffer: Vec<u8>,
}

/// One connection.
struct Peer {
    stream: TcpStream,
    serial: u64,
    head: Vec<u8>,
    /// The request whose body is still coming in.
    asked: Option<Head>,
    rest: Rest,
    streaming: bool,
}

/// What could not be written yet.
enum Rest {
    Nothing,
    Answer { kind: Kind, close: bool, sent: usize },
    Bytes(Vec<u8>),
}

/// What is to be done with a connection.
#[derive(PartialEq, Eq)]
enum Next {
    Keep,
    Close,
}

/// Binds to `listen`, says the address on standard output, and serves for a bounded time.
pub fn run(listen: SocketAddr) -> Result<()> {
    let mut target = Target::bind(listen)?;
    writeln!(io::stdout(), "{}", target.listener.local_addr()?)?;
    io::stdout().flush()?;
    let mut events = Events::with_capacity(limits::EVENTS);
    while target.started.elapsed() < limits::HELPER_LIVES {
        target.turn(&mut events)?;
    }
    Ok(())
}

// === impl Target ===

impl Target {
    fn bind(listen: SocketAddr) -> Result<Self> {
        let domain = socket2::Domain::for_address(listen);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM.nonblocking(), None)?;
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&listen.into()).with_context(|| format!("cannot listen on {listen}"))?;
        socket.listen(4_096)?;
        let mut listener = TcpListener::from_std(socket.into());
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let answers = [1_024, 64 * 1_024, 2].map(|size| [answer(size, false), answer(size, true)]);
        Ok(Self {
            poll,
            listener,
            peers: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            serial: 0,
            started: Instant::now(),
            answers,
            buffer: vec![0; limits::BUFFER_BYTES],
        })
    }

    fn turn(&mut self, events: &mut Events) -> Result<()> {
        let now = Instant::now();
        let next = self.due.peek().map(|Reverse((at, ..))| at.saturating_duration_since(now));
        let timeout = next.unwrap_or(limits::TURN_MAX).min(limits::TURN_MAX);
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in events.iter() {
            if event.token() == LISTENER {
                self.accept()?;
            } else {
                self.serve(event.token().0, event.is_read_closed() || event.is_error());
            }
        }
        self.stream(Instant::now());
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("accept"),
            };
            let place = self.free.pop().unwrap_or(self.peers.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(place), both)?;
            self.serial += 1;
            let peer = Peer {
                stream,
                serial: self.serial,
                head: Vec::new(),
                asked: None,
                rest: Rest::Nothing,
                streaming: false,
            };
            if place == self.peers.len() {
                self.peers.push(Some(peer));
            } else {
                self.peers[place] = Some(peer);
            }
        }
    }

    fn serve(&mut self, place: usize, ended: bool) {
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { return };
        let was_streaming = peer.streaming;
        let next = peer
            .write_rest(&self.answers)
            .and_then(|next| match next {
                Next::Keep => peer.read(&mut self.buffer, &self.answers, ended),
                Next::Close => Ok(Next::Close),
            })
            // Whoever hangs up on a target is counted by the load, not here.
            .unwrap_or(Next::Close);
        if next == Next::Close {
            self.peers[place] = None;
            self.free.push(place);
        } else if peer.streaming && !was_streaming {
            let at = first_due(self.started, Instant::now(), peer.serial);
            self.due.push(Reverse((at, place, peer.serial)));
        }
    }

    /// Writes the events that are due.
    fn stream(&mut self, now: Instant) {
        while let Some(&Reverse((at, place, serial))) = self.due.peek() {
            if at > now {
                return;
            }
            self.due.pop();
            let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { continue };
            if peer.serial != serial {
                continue;
            }
            if peer.write_event().is_ok() {
                self.due.push(Reverse((at + limits::SSE_PERIOD, place, serial)));
            } else {
                self.peers[place] = None;
                self.free.push(place);
            }
        }
    }
}

// === impl Peer ===

impl Peer {
    fn read(
        &mut self,
        buffer: &mut [u8],
        answers: &[[Vec<u8>; 2]; 3],
        ended: bool,
    ) -> io::Result<Next> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(Next::Close),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Keep),
                Err(error) => return Err(error),
            };
            if self.take(&buffer[..count], answers)? == Next::Close {
                return Ok(Next::Close);
            }
            // An end that came before this event has no event of its own.
            if count < buffer.len() && !ended {
                return Ok(Next::Keep);
            }
        }
    }

    /// Takes bytes of requests; answers each that is complete.
    fn take(&mut self, mut bytes: &[u8], answers: &[[Vec<u8>; 2]; 3]) -> io::Result<Next> {
        while !bytes.is_empty() {
            if self.asked.is_none() {
                bytes = self.take_head(bytes)?;
            }
            let Some(asked) = &mut self.asked else { return Ok(Next::Keep) };
            let body = asked.body.min(bytes.len());
            asked.body -= body;
            bytes = &bytes[body..];
            if asked.body > 0 {
                return Ok(Next::Keep);
            }
            if let Some(asked) = self.asked.take()
                && self.answer(&asked, answers)? == Next::Close
            {
                return Ok(Next::Close);
            }
        }
        Ok(Next::Keep)
    }

    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        if self.head.is_empty()
            && let Some(end) = memmem::find(bytes, b"\r\n\r\n")
        {
            self.asked = Some(parse(&bytes[..end + 2]));
            return Ok(&bytes[end + 4..]);
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        if let Some(end) = memmem::find(&self.head, b"\r\n\r\n") {
            self.asked = Some(parse(&self.head[..end + 2]));
            self.head.clear();
            return Ok(&bytes[end + 4 - before..]);
        }
        if self.head.len() > limits::HEAD_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(&[])
    }

    fn answer(&mut self, asked: &Head, answers: &[[Vec<u8>; 2]; 3]) -> io::Result<Next> {
        if asked.kind == Kind::Stream {
            self.streaming = true;
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                         Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
            self.rest = Rest::Bytes(head.to_vec());
        } else {
            self.rest = Rest::Answer { kind: asked.kind, close: asked.close, sent: 0 };
        }
        self.write_rest(answers)
    }

    fn write_rest(&mut self, answers: &[[Vec<u8>; 2]; 3]) -> io::Result<Next> {
        match &mut self.rest {
            Rest::Nothing => {}
            Rest::Bytes(bytes) => {
                let sent = written(self.stream.write(bytes))?;
                bytes.drain(..sent);
                if bytes.is_empty() {
                    self.rest = Rest::Nothing;
                }
            }
            Rest::Answer { kind, close, sent } => {
                let bytes = &answers[kind.index()][usize::from(*close)];
                *sent += written(self.stream.write(&bytes[*sent..]))?;
                if *sent == bytes.len() {
                    let close = *close;
                    self.rest = Rest::Nothing;
                    return Ok(if close { Next::Close } else { Next::Keep });
                }
            }
        }
        Ok(Next::Keep)
    }

    /// One event; it is left out when the one before is still held back, as a chat would not.
    fn write_event(&mut self) -> io::Result<()> {
        if !matches!(self.rest, Rest::Nothing) {
            return Ok(());
        }
        let mut chunk = [0; limits::SSE_EVENT_BYTES + 6];
        chunk[..4].copy_from_slice(b"40\r\n");
        chunk[4..4 + limits::SSE_EVENT_BYTES].copy_from_slice(&sse::event(sse::now_ns()));
        chunk[4 + limits::SSE_EVENT_BYTES..].copy_from_slice(b"\r\n");
        let sent = written(self.stream.write(&chunk))?;
        if sent < chunk.len() {
            self.rest = Rest::Bytes(chunk[sent..].to_vec());
        }
        Ok(())
    }
}

// === impl Kind ===

impl Kind {
    fn index(self) -> usize {
        match self {
            Self::Small => 0,
            Self::Large => 1,
            Self::Other | Self::Stream => 2,
        }
    }
}

/// Streams of one wave are spread over the period, each on the same beat from then on.
fn first_due(started: Instant, now: Instant, serial: u64) -> Instant {
    let period = limits::SSE_PERIOD;
    let periods = now.duration_since(started).as_nanos() / period.as_nanos() + 1;
    let share = (serial % limits::SSE_STREAMS as u64) as u32;
    let offset = period / limits::SSE_STREAMS as u32 * share;
    let beat = period * u32::try_from(periods).unwrap_or(u32::MAX);
    (started + beat + offset).max(now + Duration::from_millis(1))
}

fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn answer(size: usize, close: bool) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: target\r\nContent-Type: text/plain\r\n\
         Content-Length: {size}\r\n{close}\r\n"
    );
    [head.into_bytes(), vec![b'y'; size]].concat()
}

/// Reads a head that ends with its last line's end. Only what a proxy of ours sends is understood.
fn parse(head: &[u8]) -> Head {
    let line_end = memchr(b'\r', head).unwrap_or(head.len());
    let path = head[..line_end].split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let kind = match path {
        path if path.ends_with(b"/1k") => Kind::Small,
        path if path.ends_with(b"/64k") => Kind::Large,
        path if path.ends_with(b"/sse") => Kind::Stream,
        _ => Kind::Other,
    };
    let mut parsed = Head { kind, body: 0, close: false };
    let mut rest = &head[line_end..];
    while let Some(end) = memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        if !matches!(rest.first(), Some(b'c' | b'C')) {
            continue;
        }
        if let Some(value) = field(rest, b"content-length:") {
            parsed.body = value.parse().unwrap_or(0);
        } else if let Some(value) = field(rest, b"connection:") {
            parsed.close = value.eq_ignore_ascii_case("close");
        }
    }
    parsed
}

/// The value of the field on the first line, if it has this name.
pub fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    if line.len() < name.len() || !line[..name.len()].eq_ignore_ascii_case(name) {
        return None;
    }
    let end = memchr(b'\r', line).unwrap_or(line.len());
    std::str::from_utf8(&line[name.len()..end]).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_understood() {
        let head = parse(b"POST /svc-20/64k HTTP/1.1\r\nHost: a\r\ncontent-length: 16384\r\n");
        assert_eq!(head, Head { kind: Kind::Large, body: 16_384, close: false });
        let head = parse(b"GET /svc-20/1k HTTP/1.1\r\nCookie: x\r\nConnection: Close\r\n");
        assert_eq!(head, Head { kind: Kind::Small, body: 0, close: true });
        assert_eq!(parse(b"GET / HTTP/1.1\r\n").kind, Kind::Other);
        assert_eq!(parse(b"GET /x/sse HTTP/1.1\r\n").kind, Kind::Stream);
    }

    #[test]
    fn answers_have_the_size_they_claim() {
        let bytes = answer(1_024, true);
        let end = memmem::find(&bytes, b"\r\n\r\n").unwrap();
        assert_eq!(bytes.len() - end - 4, 1_024);
        assert!(memmem::find(&bytes, b"Connection: close").is_some());
    }

    #[test]
    fn streams_are_spread_over_the_period() {
        let started = Instant::now();
        let now = started + Duration::from_millis(100);
        let first = first_due(started, now, 0).duration_since(started);
        let middle = first_due(started, now, 500).duration_since(started);
        assert_eq!(first, Duration::from_millis(120));
        assert_eq!(middle, Duration::from_millis(140));
    }
}
