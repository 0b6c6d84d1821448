//! The engines' seam, played by the virtual network.
//!
//! Invariant: a call for a connection that the engine was not told of, or has ended, is a broken
//! promise, not a panic and not a silence.

use std::net::{Ipv4Addr, SocketAddr};

use weir_l7::machine::{Conn, End, Gone, Seam};

use crate::net::{Event, LinkId, Net, Owner};

/// What one engine may touch, for the time of one call.
pub struct Wire<'a> {
    /// The network.
    pub net: &'a mut Net,
    /// Whose call this is.
    pub thread: usize,
}

// === impl Wire ===

impl Wire<'_> {
    fn find(&mut self, conn: Conn, what: &str) -> Option<(LinkId, usize)> {
        let found = self.net.of_conn(self.thread, conn);
        if found.is_none() {
            let thread = self.thread;
            self.net.breaks(format!("{what} for {conn:?} of thread {thread}, which it has ended"));
        }
        found
    }
}

impl Seam for Wire<'_> {
    fn send(&mut self, conn: Conn, parts: &[&[u8]]) -> Result<usize, Gone> {
        let (link, side) = self.find(conn, "send").ok_or(Gone)?;
        let taken = self.net.send(link, side, parts);
        self.net.trace.note(self.net.now_us, || {
            let text: Vec<u8> = parts.concat();
            let text: Vec<u8> = text.into_iter().take(70).collect();
            format!("  engine sends {link}/{side} {taken:?}: {}", text.escape_ascii())
        });
        taken
    }

    fn connect(&mut self, to: SocketAddr) -> Option<Conn> {
        let thread = self.thread;
        let from = SocketAddr::from((Ipv4Addr::new(127, 1, 0, thread as u8), 1));
        let link = self.net.open(Owner::Nobody, from, to);
        let conn = self.net.number_conn(thread, link);
        self.net.edge(link, 0).owner = Owner::Engine(thread, conn);
        self.net.trace.note(self.net.now_us, || format!("  engine connects {link}/0 to {to}"));
        Some(conn)
    }

    fn end(&mut self, conn: Conn, how: End) {
        let link = self.net.of_conn(self.thread, conn);
        self.net.trace.note(self.net.now_us, || format!("  engine ends {link:?} {how:?}"));
        self.net.end_conn(self.thread, conn, how);
    }

    fn read(&mut self, conn: Conn, wanted: bool) {
        let Some((link, side)) = self.find(conn, "read") else { return };
        let before = std::mem::replace(&mut self.net.edge(link, side).wanted, wanted);
        if wanted && !before && self.net.is_readable(link, side) {
            self.net.after(0, Event::Look { link, side });
        }
    }

    fn arm(&mut self, conn: Conn, deadline_ms: u64) {
        if let Some((link, side)) = self.find(conn, "arm") {
            self.net.arm(link, side, deadline_ms);
        }
    }

    fn record(&mut self, _load_balancer: u64, line: &[u8]) {
        self.net.records.push(line.to_vec());
    }
}
