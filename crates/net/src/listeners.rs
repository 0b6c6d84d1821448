//! A data thread's own view of the published socket table.
//!
//! Tables are compared by what they do not share, so a publication costs the sockets that it
//! changes: a pointer comparison when it changes none.
//!
//! Invariant: after `apply`, the thread listens on exactly the addresses of the table.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::io::Io;
use crate::slab::Token;
use crate::sockets::{BoundSockets, SocketTable};

/// Which addresses this thread listens on.
pub struct Listeners {
    thread: usize,
    table: Arc<SocketTable>,
    open: BTreeMap<SocketAddr, (Arc<BoundSockets>, Option<Token>)>,
}

// === impl Listeners ===

impl Listeners {
    /// Of data thread number `thread`, listening nowhere.
    pub fn new(thread: usize) -> Self {
        Self { thread, table: Arc::default(), open: BTreeMap::new() }
    }

    /// Closes what is gone, takes over what is new, leaves the rest alone.
    pub fn apply(&mut self, io: &mut Io, table: &Arc<SocketTable>) {
        let mine = std::mem::replace(&mut self.table, table.clone());
        // Everything is closed before anything is opened: descriptors first, then new ones.
        let mut added = Vec::new();
        table.changes_since(&mine, |addr, _, now| {
            if let Some((_, Some(token))) = self.open.remove(&addr) {
                io.close(token);
            }
            added.extend(now.cloned());
        });
        for bound in added {
            let token = open(io, &bound, self.thread);
            self.open.insert(bound.addr(), (bound, token));
        }
    }

    /// The listener of an address.
    pub fn token(&self, addr: SocketAddr) -> Option<Token> {
        self.open.get(&addr)?.1
    }
}

fn open(io: &mut Io, bound: &BoundSockets, thread: usize) -> Option<Token> {
    let Some(socket) = bound.take(thread) else {
        if bound.is_closed() {
            return None; // A newer table, without this address, is on its way.
        }
        tracing::error!(addr = %bound.addr(), thread, "a listening socket was taken twice");
        return None;
    };
    match io.listen(socket, bound.addr()) {
        Ok(token) => Some(token),
        Err(error) => {
            tracing::error!(addr = %bound.addr(), thread, %error, "cannot register a listener");
            None
        }
    }
}
