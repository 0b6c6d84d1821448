//! What a handler may do with the sources of its data thread.
//!
//! Streams are registered once, for both directions, edge-triggered. The readiness that the kernel
//! reported is kept per stream and used up by short reads and short writes, so that no call is
//! made that is known to return EAGAIN: a request costs two receives, two sends and its share of a
//! poll.
//!
//! Invariant: while a stream's `readable` (`writable`) flag is down, the kernel owes an edge; while
//! it is up, whoever stops early must call [`Io::run_again`] or be called again by other means.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};

use crate::budget::Budget;
use crate::clock::Now;
use crate::limits;
use crate::slab::{Listener, Ready, Slab, Source, Stream, Token};
use crate::telemetry::ThreadCounters;
use crate::wheel::Wheel;

/// Outcome of a receive that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recv {
    /// So many bytes were put at the start of the buffer.
    Data(usize),
    /// Nothing to read now; an event will tell.
    Blocked,
    /// The peer has ended its direction (FIN).
    Closed,
}

/// Sources, timers and the run-again list of one data thread.
pub struct Io {
    registry: Registry,
    slab: Slab,
    wheel: Wheel,
    again: VecDeque<Token>,
    /// Kept between turns so that expiry allocates nothing.
    keys: Vec<u32>,
    spare: Option<File>,
    connections: usize,
    budget: Arc<Budget>,
    counters: Arc<ThreadCounters>,
    /// Time of the current turn.
    pub(crate) now: Now,
}

/// Outcome of one accept.
pub(crate) enum Accepted {
    Stream(TcpStream, SocketAddr),
    Drained,
    /// The process has no descriptor left; the listener's timer is armed.
    Starved,
}

// === impl Io: sources ===

impl Io {
    pub(crate) fn new(
        registry: Registry,
        now: Now,
        budget: Arc<Budget>,
        counters: Arc<ThreadCounters>,
    ) -> Self {
        Self {
            registry,
            slab: Slab::new(),
            wheel: Wheel::new(now.mono_ms()),
            again: VecDeque::new(),
            keys: Vec::new(),
            spare: spare(),
            connections: 0,
            budget,
            counters,
            now,
        }
    }

    /// Adds a listening socket; the reactor accepts from it. `addr` is what it is bound to.
    ///
    /// # Errors
    /// Those of `epoll_ctl`.
    pub fn listen(&mut self, socket: std::net::TcpListener, addr: SocketAddr) -> io::Result<Token> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket);
        let listener = Listener { socket, addr, again: false };
        let token = self.slab.insert(Source::Listener(Box::new(listener)));
        let Some(Source::Listener(listener)) = self.slab.source_mut(token) else {
            return Err(stale());
        };
        let registered =
            self.registry.register(&mut listener.socket, token.to_mio(), Interest::READABLE);
        if let Err(error) = registered {
            self.slab.remove(token);
            return Err(error);
        }
        Ok(token)
    }

    /// Adds a connected, non-blocking stream and registers it once for both directions.
    ///
    /// # Errors
    /// Those of `epoll_ctl`.
    pub fn register(&mut self, stream: std::net::TcpStream) -> io::Result<Token> {
        stream.set_nonblocking(true)?;
        self.adopt(TcpStream::from_std(stream), false)
    }

    /// Starts a connection. The handler's `connected` is called when it stands or has failed,
    /// never from inside this call. TCP_NODELAY is set.
    ///
    /// # Errors
    /// What the kernel refuses at once (no route, no port, no descriptor).
    pub fn connect(&mut self, to: SocketAddr) -> io::Result<Token> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        self.adopt(socket, true)
    }

    /// Like [`Io::connect`], from a given local address (its port may be 0).
    ///
    /// # Errors
    /// As [`Io::connect`], and those of `bind`.
    pub fn connect_from(&mut self, from: SocketAddr, to: SocketAddr) -> io::Result<Token> {
        use socket2::{Domain, Protocol, Socket, Type};
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // Leaves the choice of the port to `connect`, which may share it between destinations.
        if from.port() == 0 {
            bind_address_no_port(&socket)?;
        }
        socket.bind(&from.into())?;
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        self.adopt(TcpStream::from_std(socket.into()), true)
    }

    /// A token without a socket, for [`Io::arm`]; the handler's `timer` is called with it.
    pub fn timer(&mut self) -> Token {
        self.slab.insert(Source::Timer)
    }

    /// Closes a source of any kind. The kernel forgets its registration by itself. Stale tokens
    /// are ignored.
    pub fn close(&mut self, token: Token) {
        drop(self.remove(token));
    }

    /// Closes a stream with RST: the peer sees a failure, not an end.
    pub fn reset(&mut self, token: Token) {
        if let Source::Stream(stream) = self.remove(token) {
            reset_stream(&stream.socket);
        }
    }

    /// Takes a stream out of the reactor, to be given to somebody else.
    ///
    /// # Errors
    /// `NotConnected` for a stale token or one that is no stream; those of `epoll_ctl`.
    pub fn detach(&mut self, token: Token) -> io::Result<std::net::TcpStream> {
        if self.slab.stream_mut(token).is_none() {
            return Err(stale());
        }
        let Source::Stream(mut stream) = self.remove(token) else {
            return Err(stale());
        };
        self.registry.deregister(&mut stream.socket)?;
        Ok(stream.socket.into())
    }

    /// Ends our direction of a stream (FIN).
    pub fn shutdown_write(&mut self, token: Token) {
        if let Some(stream) = self.slab.stream_mut(token) {
            // Fails only when the connection is already gone, which the next event reports.
            let _gone = stream.socket.shutdown(Shutdown::Write);
        }
    }

    /// Bytes written to a stream that its peer has not acknowledged; `None` when the system does
    /// not say.
    pub fn unsent(&mut self, token: Token) -> Option<usize> {
        self.slab.stream_mut(token).and_then(|stream| unacknowledged(&stream.socket))
    }

    /// Whether the token still names a source.
    pub fn contains(&self, token: Token) -> bool {
        self.slab.contains(token)
    }

    /// The address of a listener.
    pub fn listener_addr(&self, token: Token) -> Option<SocketAddr> {
        match self.slab.source(token) {
            Some(Source::Listener(listener)) => Some(listener.addr),
            _ => None,
        }
    }

    /// The local address of a stream (one syscall; the listener's address is free).
    ///
    /// # Errors
    /// `NotConnected` for a stale token.
    pub fn local_addr(&self, token: Token) -> io::Result<SocketAddr> {
        match self.slab.source(token) {
            Some(Source::Stream(stream)) => stream.socket.local_addr(),
            _ => Err(stale()),
        }
    }

    /// Streams that are open on this thread, clients and targets together.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// This thread's counters.
    pub fn counters(&self) -> &ThreadCounters {
        &self.counters
    }

    fn adopt(&mut self, mut socket: TcpStream, connecting: bool) -> io::Result<Token> {
        let token = self.slab.insert(Source::Free);
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut socket, token.to_mio(), both) {
            self.slab.remove(token);
            return Err(error);
        }
        let stream = Stream { socket, ready: Ready::default(), connecting, again: false };
        if let Some(source) = self.slab.source_mut(token) {
            *source = Source::Stream(stream);
        }
        self.connections += 1;
        self.counters.connections_open.set(self.connections as u64);
        Ok(token)
    }

    fn remove(&mut self, token: Token) -> Source {
        let source = self.slab.remove(token);
        if !matches!(source, Source::Free) {
            self.wheel.remove(token.key());
        }
        if matches!(source, Source::Stream(_)) {
            self.connections -= 1;
            self.counters.connections_open.set(self.connections as u64);
        }
        source
    }
}

// === impl Io: bytes ===

impl Io {
    /// Reads once. A short read means that the socket is drained, unless its end was announced.
    ///
    /// # Errors
    /// The stream's error (ECONNRESET …), or `NotConnected` for a stale token. The caller closes.
    pub fn recv(&mut self, token: Token, into: &mut [u8]) -> io::Result<Recv> {
        let stream = self.slab.stream_mut(token).ok_or_else(stale)?;
        if !stream.ready.readable {
            return Ok(Recv::Blocked);
        }
        loop {
            match stream.socket.read(into) {
                Ok(0) if !into.is_empty() => {
                    stream.ready.readable = false;
                    stream.ready.read_closed = true;
                    return Ok(Recv::Closed);
                }
                Ok(count) => {
                    let ready = &mut stream.ready;
                    ready.readable = count == into.len() || ready.read_closed || ready.error;
                    return Ok(Recv::Data(count));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    stream.ready.readable = false;
                    return Ok(Recv::Blocked);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes once, all slices in one call. Returns how many bytes the kernel took: less than
    /// offered (0 included) means that `ready` will be called when there is room again.
    ///
    /// # Errors
    /// The stream's error (EPIPE, ECONNRESET …), or `NotConnected` for a stale token.
    pub fn writev(&mut self, token: Token, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offered = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let stream = self.slab.stream_mut(token).ok_or_else(stale)?;
        if !stream.ready.writable || offered == 0 {
            return Ok(0);
        }
        loop {
            let sent = match slices {
                // `send` instead of `writev`: cheaper in the kernel.
                [one] => stream.socket.write(one),
                _ => stream.socket.write_vectored(slices),
            };
            match sent {
                Ok(count) => {
                    stream.ready.writable = count == offered;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    stream.ready.writable = false;
                    return Ok(0);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// [`Io::writev`] of one slice.
    ///
    /// # Errors
    /// As [`Io::writev`].
    pub fn write(&mut self, token: Token, bytes: &[u8]) -> io::Result<usize> {
        self.writev(token, &[IoSlice::new(bytes)])
    }

    /// What is known about a stream and not used up; nothing for a stale token.
    pub fn readiness(&self, token: Token) -> Ready {
        match self.slab.source(token) {
            Some(Source::Stream(stream)) => stream.ready,
            _ => Ready::default(),
        }
    }
}

// === impl Io: time and turns ===

impl Io {
    /// Sets the one deadline of a source (monotonic milliseconds). Pushing it back is one store.
    pub fn arm(&mut self, token: Token, deadline_ms: u64) {
        if self.slab.contains(token) {
            self.wheel.arm(token.key(), deadline_ms);
        }
    }

    /// Forgets the deadline of a source.
    pub fn disarm(&mut self, token: Token) {
        if self.slab.contains(token) {
            self.wheel.disarm(token.key());
        }
    }

    /// Has `again` called for a stream in the next turn, which then does not sleep. For work that
    /// stopped at a budget before EAGAIN. A stream is in the list at most once.
    pub fn run_again(&mut self, token: Token) {
        let again = match self.slab.source_mut(token) {
            Some(Source::Stream(stream)) => &mut stream.again,
            Some(Source::Listener(listener)) => &mut listener.again,
            _ => return,
        };
        if !std::mem::replace(again, true) {
            self.again.push_back(token);
        }
    }

    pub(crate) fn again_len(&self) -> usize {
        self.again.len()
    }

    pub(crate) fn again_pop(&mut self) -> Option<Token> {
        let token = self.again.pop_front()?;
        match self.slab.source_mut(token) {
            Some(Source::Stream(stream)) => stream.again = false,
            Some(Source::Listener(listener)) => listener.again = false,
            _ => {}
        }
        Some(token)
    }

    /// Appends the tokens whose deadline has passed. Slots may change hands while they are worked
    /// through, hence tokens and not slots.
    pub(crate) fn expire(&mut self, fired: &mut Vec<Token>) {
        let mut keys = std::mem::take(&mut self.keys);
        self.wheel.expire(self.now.mono_ms(), &mut keys);
        fired.extend(keys.drain(..).filter_map(|key| self.slab.token_at(key)));
        self.keys = keys;
    }

    /// Whether an expired token is still to be called.
    pub(crate) fn is_fired(&self, token: Token) -> bool {
        self.slab.contains(token) && self.wheel.deadline_ms(token.key()).is_none()
    }

    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.next_ms()
    }

    pub(crate) fn is_listener(&self, token: Token) -> bool {
        matches!(self.slab.source(token), Some(Source::Listener(_)))
    }

    /// Merges an event into a stream's readiness. `None` if the token is stale; otherwise whether
    /// the stream was connecting.
    pub(crate) fn note(&mut self, token: Token, seen: Ready) -> Option<bool> {
        let stream = self.slab.stream_mut(token)?;
        let ready = &mut stream.ready;
        // An end or an error is something to read, even if an earlier event announced it.
        ready.readable |= seen.readable | seen.read_closed | seen.error;
        ready.writable |= seen.writable;
        ready.read_closed |= seen.read_closed;
        ready.write_closed |= seen.write_closed;
        ready.error |= seen.error;
        Some(stream.connecting)
    }

    /// Ends the connecting state. The error is asked for only when the event hinted at one, so
    /// an ordinary connection costs no getsockopt. `None`: not decided yet.
    pub(crate) fn connect_result(&mut self, token: Token) -> Option<io::Result<()>> {
        let stream = self.slab.stream_mut(token)?;
        let ready = stream.ready;
        let result = if ready.error || ready.write_closed {
            match stream.socket.take_error() {
                Ok(None) if ready.writable => Ok(()),
                Ok(None) => return None,
                Ok(Some(error)) | Err(error) => Err(error),
            }
        } else if ready.writable {
            Ok(())
        } else {
            return None;
        };
        stream.connecting = false;
        Some(result)
    }
}

// === impl Io: accepting ===

impl Io {
    pub(crate) fn accept(&mut self, token: Token) -> Accepted {
        let Some(Source::Listener(listener)) = self.slab.source(token) else {
            return Accepted::Drained;
        };
        loop {
            // accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; TCP_NODELAY comes from the listener.
            match listener.socket.accept() {
                Ok((stream, peer)) => return Accepted::Stream(stream, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Accepted::Drained,
                Err(error) if is_starvation(&error) => break,
                // The connection died in the queue (ECONNABORTED …): take the next one.
                Err(error) if is_peer_fault(&error) => {}
                Err(error) => {
                    tracing::error!(addr = %listener.addr, %error, "accept failed");
                    break;
                }
            }
        }
        self.shed_with_spare(token);
        self.arm(token, self.now.mono_ms() + limits::ACCEPT_REARM_MS);
        Accepted::Starved
    }

    /// Whether one more client fits; if not, the stream is to be reset.
    pub(crate) fn has_room(&self) -> bool {
        (self.connections as u64) < self.budget.connections_per_thread()
    }

    pub(crate) fn adopt_client(&mut self, socket: TcpStream) -> io::Result<Token> {
        self.adopt(socket, false)
    }

    /// Closes every listener.
    pub(crate) fn close_listeners(&mut self) {
        for token in self.slab.listener_tokens() {
            self.close(token);
        }
    }

    /// Uses the descriptor kept for this to accept and reset one connection, so that its client
    /// fails fast instead of waiting in a queue that nobody empties.
    fn shed_with_spare(&mut self, token: Token) {
        if self.spare.take().is_some()
            && let Some(Source::Listener(listener)) = self.slab.source(token)
            && let Ok((stream, _)) = listener.socket.accept()
        {
            reset_stream(&stream);
            self.counters.sheds.add(1);
        }
        self.spare = spare();
    }
}

/// Makes the close that follows send RST.
pub(crate) fn reset_stream(stream: &TcpStream) {
    // If it cannot be set the peer sees an end instead of a reset, and the close still happens.
    let linger = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
    if let Err(error) = linger {
        tracing::debug!(%error, "SO_LINGER refused");
    }
}

/// Bytes in the send queue of a connection.
#[allow(unsafe_code)]
fn unacknowledged(stream: &TcpStream) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for the time of the call, and the request writes one c_int.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    (result == 0).then(|| usize::try_from(bytes).ok()).flatten()
}

#[allow(unsafe_code)]
fn bind_address_no_port(socket: &socket2::Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, `on` outlives the call and its true size is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_starvation(error: &io::Error) -> bool {
    let starving = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| starving.contains(&code))
}

fn is_peer_fault(error: &io::Error) -> bool {
    let faults = [
        libc::ECONNABORTED,
        libc::EPROTO,
        libc::EINTR,
        libc::EPERM,
        libc::ENETDOWN,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::ETIMEDOUT,
    ];
    error.raw_os_error().is_some_and(|code| faults.contains(&code))
}

fn stale() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "the token names no source")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_peer_has_not_taken_is_known() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_far, _peer) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut near = TcpStream::from_std(near);
        assert_eq!(unacknowledged(&near), Some(0));
        while near.write(&[0; 65_536]).is_ok() {}
        assert!(unacknowledged(&near).is_some_and(|bytes| bytes > 0));
    }
}
