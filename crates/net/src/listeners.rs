//! A data thread's own view of the published socket table.
//!
//! Sockets are compared by the `Arc` that holds them, and only when the table itself is another
//! one; so a publication that changes no socket costs one pointer comparison.
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
    table: Option<Arc<SocketTable>>,
    open: BTreeMap<SocketAddr, (Arc<BoundSockets>, Option<Token>)>,
}

// === impl Listeners ===

impl Listeners {
    /// Of data thread number `thread`, listening nowhere.
    pub fn new(thread: usize) -> Self {
        Self { thread, table: None, open: BTreeMap::new() }
    }

    /// Closes what is gone, takes over what is new, leaves the rest alone.
    pub fn apply(&mut self, io: &mut Io, table: &Arc<SocketTable>) {
        if self.table.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, table)) {
            return;
        }
        self.open.retain(|addr, (bound, token)| {
            let stays = table.socket(*addr).is_some_and(|published| Arc::ptr_eq(published, bound));
            if let (false, Some(token)) = (stays, token) {
                io.close(*token);
            }
            stays
        });
        for bound in table.iter() {
            let thread = self.thread;
            self.open
                .entry(bound.addr())
                .or_insert_with(|| (bound.clone(), open(io, bound, thread)));
        }
        self.table = Some(table.clone());
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
