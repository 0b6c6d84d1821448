//! Listening sockets: bound by the control side before a commit, one per data thread, handed over
//! through publication.
//!
//! The first socket of an address is bound *without* SO_REUSEPORT, because with it a second
//! process of the same user would silently take half of the connections. Only then it is opened
//! for sharing and the sockets of the other threads join.
//!
//! Invariant: a [`BoundSockets`] either has a listening socket for every thread or does not exist;
//! a failed bind leaves nothing behind.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};
use weir_core::persistent::Map;

use crate::budget::{Budget, Claim, Exhausted};
use crate::limits;

/// The listening sockets of one address and port, one per data thread.
#[derive(Debug)]
pub struct BoundSockets {
    addr: SocketAddr,
    sockets: Vec<Mutex<Option<TcpListener>>>,
    closed: AtomicBool,
    _claim: Option<Claim>,
}

/// Why an address could not be bound. Both kinds are outages: the world's fault, not the caller's.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The kernel said no.
    #[error("cannot listen on {addr}: {source}")]
    Io {
        /// The address and port that were asked for.
        addr: SocketAddr,
        /// The kernel's number, 0 if there was none.
        errno: i32,
        /// Its kind and text.
        source: io::Error,
    },
    /// The descriptor budget said no.
    #[error("cannot listen on {addr}: {source}")]
    Budget {
        /// The address and port that were asked for.
        addr: SocketAddr,
        /// How much room there is.
        source: Exhausted,
    },
}

/// Every address on which this process listens, sorted. Published whole; copies share what they
/// have in common.
#[derive(Clone, Debug, Default)]
pub struct SocketTable {
    entries: Map<SocketAddr, Arc<BoundSockets>>,
}

// === impl BindError ===

impl BindError {
    /// The address that could not be bound.
    pub fn addr(&self) -> SocketAddr {
        match self {
            Self::Io { addr, .. } | Self::Budget { addr, .. } => *addr,
        }
    }

    /// The kernel's error number; EMFILE if the budget refused.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Io { errno, .. } => *errno,
            Self::Budget { .. } => libc::EMFILE,
        }
    }

    /// The kind of the error, for retry decisions.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            Self::Budget { .. } => io::ErrorKind::QuotaExceeded,
        }
    }

    fn io(addr: SocketAddr, source: io::Error) -> Self {
        Self::Io { addr, errno: source.raw_os_error().unwrap_or(0), source }
    }
}

// === impl BoundSockets ===

impl BoundSockets {
    /// The address; if port 0 was asked for, with the port that the kernel chose.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Hands the socket of one data thread over. Each can be taken once: whoever has it closes it,
    /// and a second descriptor would keep the port alive.
    pub fn take(&self, thread: usize) -> Option<TcpListener> {
        let socket = self.sockets.get(thread)?;
        socket.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Closes the sockets that no data thread has taken, and hands none over any more. A thread
    /// that slept through a publication and the one that takes it back would leave its share
    /// listening with nobody to accept, for as long as an exchange pins the old table.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        (0..self.sockets.len()).for_each(|thread| drop(self.take(thread)));
    }

    /// Whether the address was given up.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Binds and listens on `addr` once per data thread, counted against `budget`.
///
/// # Errors
/// [`BindError`] with the address; EADDRINUSE also when another process listens there with
/// SO_REUSEPORT. Nothing stays open.
pub fn bind_listener(
    budget: &Arc<Budget>,
    addr: SocketAddr,
    threads: usize,
) -> Result<BoundSockets, BindError> {
    let claim =
        budget.claim(threads as u64).map_err(|source| BindError::Budget { addr, source })?;
    let mut bound = bind_uncounted(addr, threads).map_err(|error| BindError::io(addr, error))?;
    bound._claim = Some(claim);
    Ok(bound)
}

fn bind_uncounted(addr: SocketAddr, threads: usize) -> io::Result<BoundSockets> {
    assert!((1..=limits::THREADS_MAX).contains(&threads), "a listener needs threads");
    let first = socket(addr)?;
    first.bind(&addr.into())?;
    first.set_reuse_port(true)?;
    // With port 0 the kernel has chosen one: the other threads share that.
    let addr = first.local_addr()?.as_socket().unwrap_or(addr);
    let mut sockets = vec![first];
    for _ in 1..threads {
        let shared = socket(addr)?;
        shared.set_reuse_port(true)?;
        shared.bind(&addr.into())?;
        sockets.push(shared);
    }
    for socket in &sockets {
        socket.listen(limits::LISTEN_BACKLOG)?;
    }
    let sockets = sockets.into_iter().map(|socket| Mutex::new(Some(socket.into()))).collect();
    Ok(BoundSockets { addr, sockets, closed: AtomicBool::new(false), _claim: None })
}

fn socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Connections of a former owner in TIME_WAIT must not keep the port busy.
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it: one call per listener instead of one per connection.
    socket.set_tcp_nodelay(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

// === impl SocketTable ===

impl SocketTable {
    /// A table of these sockets, by their addresses; of two with one address the later stays.
    pub fn new(sockets: impl IntoIterator<Item = Arc<BoundSockets>>) -> Self {
        Self { entries: sockets.into_iter().map(|bound| (bound.addr, bound)).collect() }
    }

    /// The sockets of an address.
    pub fn socket(&self, addr: SocketAddr) -> Option<&Arc<BoundSockets>> {
        self.entries.get(&addr)
    }

    /// All of them, by address.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<BoundSockets>> {
        self.entries.values()
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the process listens nowhere.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the sockets of an address.
    pub fn insert(&mut self, bound: Arc<BoundSockets>) {
        self.entries.insert(bound.addr, bound);
    }

    /// Takes the sockets of an address out.
    pub fn remove(&mut self, addr: SocketAddr) -> Option<Arc<BoundSockets>> {
        self.entries.remove(&addr)
    }

    /// Calls `told` with every address whose sockets differ from `older`'s: before, now. It costs
    /// what changed, not what exists.
    pub fn changes_since(
        &self,
        older: &Self,
        mut told: impl FnMut(SocketAddr, Option<&Arc<BoundSockets>>, Option<&Arc<BoundSockets>>),
    ) {
        self.entries.changes_since(&older.entries, Arc::ptr_eq, |addr, old, new| {
            told(*addr, old, new);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    fn any() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    fn budget() -> Arc<Budget> {
        Budget::new(20_000, 2)
    }

    /// A listener of somebody else, with SO_REUSEPORT as a greedy program would set it.
    fn foreign() -> (Socket, SocketAddr) {
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        other.set_reuse_port(true).unwrap();
        other.set_reuse_address(true).unwrap();
        other.bind(&any().into()).unwrap();
        other.listen(1).unwrap();
        let addr = other.local_addr().unwrap().as_socket().unwrap();
        (other, addr)
    }

    #[test]
    fn a_foreign_listener_is_detected_even_if_it_would_share() {
        let budget = budget();
        let (_other, addr) = foreign();
        let error = bind_listener(&budget, addr, 2).unwrap_err();
        assert_eq!((error.addr(), error.errno()), (addr, libc::EADDRINUSE));
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        assert_eq!(budget.listeners(), 0, "nothing is left behind");
    }

    #[test]
    fn a_wildcard_listener_is_detected_too() {
        let other = TcpListener::bind("0.0.0.0:0").unwrap();
        let addr = SocketAddr::new(any().ip(), other.local_addr().unwrap().port());
        assert_eq!(bind_listener(&budget(), addr, 2).unwrap_err().errno(), libc::EADDRINUSE);
    }

    #[test]
    fn our_own_second_bind_fails_and_a_later_one_succeeds() {
        let budget = budget();
        let first = bind_listener(&budget, any(), 2).unwrap();
        let addr = first.addr();
        assert_eq!(bind_listener(&budget, addr, 2).unwrap_err().errno(), libc::EADDRINUSE);
        let client = TcpStream::connect(addr).unwrap();
        drop(first);
        drop(client);
        bind_listener(&budget, addr, 2).unwrap();
    }

    #[test]
    fn every_thread_gets_its_share_once() {
        let bound = bind_listener(&budget(), any(), 2).unwrap();
        let sockets: Vec<_> = (0..2).map(|thread| bound.take(thread).unwrap()).collect();
        assert!(bound.take(0).is_none() && bound.take(2).is_none());
        let clients: Vec<_> = (0..64)
            .map(|_| TcpStream::connect_timeout(&bound.addr(), Duration::from_secs(5)).unwrap())
            .collect();
        let mut counts = [0, 0];
        for (count, socket) in counts.iter_mut().zip(&sockets) {
            while socket.accept().is_ok() {
                *count += 1;
            }
        }
        assert_eq!(counts[0] + counts[1], clients.len());
        assert!(counts[0] > 0 && counts[1] > 0, "the kernel spreads connections: {counts:?}");
    }

    #[test]
    fn a_given_up_address_is_free_although_its_table_is_pinned() {
        let budget = budget();
        let pinned = Arc::new(bind_listener(&budget, any(), 2).unwrap());
        let taken = pinned.take(0).unwrap();
        pinned.close();
        assert!(pinned.is_closed() && pinned.take(1).is_none());
        drop(taken);
        bind_listener(&budget, pinned.addr(), 2).unwrap();
    }

    #[test]
    fn accepted_connections_inherit_nodelay() {
        let bound = bind_listener(&budget(), any(), 1).unwrap();
        let socket = bound.take(0).unwrap();
        socket.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(bound.addr()).unwrap();
        assert!(socket.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn an_address_that_is_not_ours_and_a_full_budget_say_why() {
        let error = bind_listener(&budget(), "192.0.2.1:80".parse().unwrap(), 1).unwrap_err();
        assert_eq!(error.errno(), libc::EADDRNOTAVAIL);
        let tiny = Budget::new(limits::DESCRIPTORS_RESERVED + 2, 2);
        let error = bind_listener(&tiny, any(), 2).unwrap_err();
        assert!(matches!(error, BindError::Budget { .. }), "{error}");
        assert_eq!(error.errno(), libc::EMFILE);
    }

    #[test]
    fn tables_are_sorted_and_copied() {
        let budget = budget();
        let bind = || Arc::new(bind_listener(&budget, any(), 1).unwrap());
        let (one, two) = (bind(), bind());
        let table = SocketTable::new([two.clone(), one.clone()]);
        assert_eq!(table.len(), 2);
        assert!(Arc::ptr_eq(table.socket(one.addr()).unwrap(), &one));
        let mut rest = table.clone();
        assert!(rest.remove(one.addr()).is_some() && rest.remove(one.addr()).is_none());
        assert!(rest.socket(one.addr()).is_none() && rest.socket(two.addr()).is_some());
        assert!(table.socket(one.addr()).is_some(), "the copy was changed, not the table");
        let mut told = Vec::new();
        rest.changes_since(&table, |addr, old, new| {
            told.push((addr, old.is_some(), new.is_some()))
        });
        assert_eq!(told, [(one.addr(), true, false)]);
    }
}
