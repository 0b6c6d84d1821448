//! One connection of the load: asks, reads, verifies.
//!
//! Invariant: a connection that reports `Step::Answered` has read its answer to the last byte.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::answer::{Fault, Fed, Reader};
use crate::limits;
use crate::sse;

/// A connection and where it is in its exchange.
pub struct Connection {
    stream: TcpStream,
    phase: Phase,
    reader: Reader,
    /// Bytes of the request that were written.
    written: usize,
    /// When the exchange began: with `connect` or with the request.
    pub since: Instant,
    /// An event of a stream that came in parts.
    event: [u8; limits::SSE_EVENT_BYTES],
    event_bytes: usize,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connecting, or writing the request.
    Asking,
    /// Reading the answer.
    Reading,
    /// Reading a stream that has begun.
    Streaming,
    /// Waiting for the other side to close.
    Closing,
    /// Open and silent.
    Parked,
}

/// What an event led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to report.
    Wait,
    /// A whole answer was read; the flag says that the connection ends.
    Answered(bool),
    /// The head of a stream was read for the first time.
    Began,
    /// The other side closed, as it had said.
    Closed,
    /// The exchange failed.
    Failed(Failure),
}

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Connect,
    /// The connection broke.
    Reset,
    /// Another status than 2xx.
    Status,
    /// Not the body that was asked for.
    Body,
}

/// What a connection is told with every event.
pub struct Script<'a> {
    /// The request.
    pub request: &'a [u8],
    /// Size of the answer's body, if it ends.
    pub wanted: Option<usize>,
    /// Scratch buffer.
    pub buffer: &'a mut [u8],
}

// === impl Connection ===

impl Connection {
    /// Starts connecting to `addr` from source address number `source`.
    pub fn open(
        registry: &Registry,
        token: Token,
        addr: SocketAddr,
        source: u32,
        now: Instant,
    ) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP))?;
        let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 200, 0, 1)) + source);
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        match socket.connect(&addr.into()) {
            Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error),
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            phase: Phase::Asking,
            reader: Reader::default(),
            written: 0,
            since: now,
            event: [0; limits::SSE_EVENT_BYTES],
            event_bytes: 0,
        })
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Stays open and silent from now on.
    pub fn park(&mut self) {
        self.phase = Phase::Parked;
    }

    /// Waits for the other side's end from now on.
    pub fn expect_end(&mut self) {
        self.phase = Phase::Closing;
    }

    /// Writes the request, as much as goes.
    pub fn ask(&mut self, script: &Script<'_>, now: Instant) -> Step {
        (self.phase, self.written, self.since) = (Phase::Asking, 0, now);
        self.write(script)
    }

    fn write(&mut self, script: &Script<'_>) -> Step {
        match self.stream.write(&script.request[self.written..]) {
            Ok(count) => self.written += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => return Step::Wait,
            Err(error) if error.kind() == ErrorKind::NotConnected => return Step::Wait,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                return Step::Failed(Failure::Connect);
            }
            Err(_) => return Step::Failed(Failure::Reset),
        }
        if self.written == script.request.len() {
            self.phase = Phase::Reading;
        }
        Step::Wait
    }

    /// Handles what the kernel says. `samples` gets the age of each event of a stream in
    /// nanoseconds.
    pub fn handle(
        &mut self,
        event: &Event,
        script: &mut Script<'_>,
        samples: &mut impl FnMut(u64),
    ) -> Step {
        let ended = event.is_read_closed() || event.is_error();
        if self.phase == Phase::Asking {
            if event.is_error() {
                return Step::Failed(Failure::Connect);
            }
            let step = self.write(script);
            if step != Step::Wait || self.phase == Phase::Asking {
                return step;
            }
        }
        if event.is_readable() || ended { self.read(script, ended, samples) } else { Step::Wait }
    }

    fn read(
        &mut self,
        script: &mut Script<'_>,
        ended: bool,
        samples: &mut impl FnMut(u64),
    ) -> Step {
        loop {
            let count = match self.stream.read(script.buffer) {
                Ok(0) if self.phase == Phase::Closing => return Step::Closed,
                Ok(0) => return Step::Failed(Failure::Reset),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(_) => return Step::Failed(Failure::Reset),
            };
            if matches!(self.phase, Phase::Parked | Phase::Closing) {
                return Step::Failed(Failure::Body);
            }
            let bytes = &script.buffer[..count];
            let (event, event_bytes) = (&mut self.event, &mut self.event_bytes);
            let streaming = script.wanted.is_none();
            let mut torn = false;
            let mut take = |data: &[u8]| {
                if streaming {
                    torn |= !take_events(event, event_bytes, data, samples);
                }
            };
            match self.reader.feed(bytes, script.wanted, &mut take) {
                Fed::Fault(Fault::Status) => return Step::Failed(Failure::Status),
                Fed::Fault(Fault::Body) => return Step::Failed(Failure::Body),
                // The end may have come with the answer, then it has no event of its own.
                Fed::Done(close) if close && ended => return Step::Answered(true),
                Fed::Done(close) => return Step::Answered(close),
                Fed::More(_) if torn => return Step::Failed(Failure::Body),
                Fed::More(true) if streaming && self.phase == Phase::Reading => {
                    self.phase = Phase::Streaming;
                    return Step::Began;
                }
                Fed::More(_) if count < script.buffer.len() && !ended => return Step::Wait,
                Fed::More(_) => {}
            }
        }
    }
}

/// Linux's number for "the connection is on its way".
const EINPROGRESS: i32 = 115;

/// Cuts a stream's bytes into events; `false` when one is not whole.
fn take_events(
    event: &mut [u8; limits::SSE_EVENT_BYTES],
    filled: &mut usize,
    mut data: &[u8],
    samples: &mut impl FnMut(u64),
) -> bool {
    while !data.is_empty() {
        let count = data.len().min(limits::SSE_EVENT_BYTES - *filled);
        event[*filled..*filled + count].copy_from_slice(&data[..count]);
        *filled += count;
        data = &data[count..];
        if *filled == limits::SSE_EVENT_BYTES {
            *filled = 0;
            match sse::written_ns(event) {
                Some(ns) => samples(sse::now_ns().saturating_sub(ns)),
                None => return false,
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_across_reads() {
        let bytes = [sse::event(1), sse::event(2), sse::event(3)].concat();
        for step in [1, 7, 64, 100, 192] {
            let (mut event, mut filled) = ([0; limits::SSE_EVENT_BYTES], 0);
            let mut ages = Vec::new();
            for piece in bytes.chunks(step) {
                assert!(take_events(&mut event, &mut filled, piece, &mut |age| ages.push(age)));
            }
            assert_eq!((ages.len(), filled), (3, 0));
        }
    }
}
