//! The do-nothing relay: bytes from an accepted client to a fresh upstream connection and back.
//!
//! It is the floor that the HTTP plane is measured against, and the smallest real user of the
//! reactor. Each direction holds at most one scratch buffer of bytes that the other side did not
//! take; meanwhile it is not read. An end is passed on as an end, a failure as a reset.
//!
//! Invariant: a direction with bytes held back is blocked on the *writer's* readiness only.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::io::Recv;
use crate::listeners::Listeners;
use crate::reactor::{Cx, Handler};
use crate::slab::{Ready, Token};
use crate::sockets::SocketTable;

/// Scratch buffers that one direction may move in one turn; the rest runs again.
const ROUNDS_PER_TURN: usize = 4;

/// What is published to relays.
pub struct Route {
    /// Where to listen.
    pub sockets: Arc<SocketTable>,
    /// Where every connection goes.
    pub target: SocketAddr,
}

/// The handler of one data thread.
pub struct Relay {
    listeners: Listeners,
    target: Option<SocketAddr>,
    /// By token index; both ends of a pair hold the same number into `pairs`.
    pair_of: Vec<Option<usize>>,
    pairs: Vec<Option<Pair>>,
    free: Vec<usize>,
}

/// A client and its upstream connection.
struct Pair {
    /// `[client, upstream]`.
    tokens: [Token; 2],
    /// `flows[i]` is read from `tokens[i]` and written to `tokens[1 - i]`.
    flows: [Flow; 2],
    connected: bool,
}

#[derive(Default)]
struct Flow {
    held: Vec<u8>,
    ended: bool,
    end_sent: bool,
}

/// Why a direction stopped moving.
enum Pump {
    /// Waits for an event.
    Waiting,
    /// The budget of the turn is used up.
    Budget,
}

// === impl Relay ===

impl Relay {
    /// A relay for data thread number `thread`.
    pub fn new(thread: usize) -> Self {
        Self {
            listeners: Listeners::new(thread),
            target: None,
            pair_of: Vec::new(),
            pairs: Vec::new(),
            free: Vec::new(),
        }
    }

    fn insert(&mut self, client: Token, upstream: Token) {
        let tokens = [client, upstream];
        let pair = Pair { tokens, flows: Default::default(), connected: false };
        let number = match self.free.pop() {
            Some(number) => {
                self.pairs[number] = Some(pair);
                number
            }
            None => {
                self.pairs.push(Some(pair));
                self.pairs.len() - 1
            }
        };
        for token in tokens {
            if self.pair_of.len() <= token.index() {
                self.pair_of.resize(token.index() + 1, None);
            }
            self.pair_of[token.index()] = Some(number);
        }
    }

    fn take(&mut self, token: Token) -> Option<Pair> {
        let number = (*self.pair_of.get(token.index())?)?;
        let pair = self.pairs[number].take()?;
        self.free.push(number);
        for token in pair.tokens {
            self.pair_of[token.index()] = None;
        }
        Some(pair)
    }

    fn fail(&mut self, cx: &mut Cx<'_>, token: Token) {
        match self.take(token) {
            Some(pair) => pair.tokens.into_iter().for_each(|token| cx.io.reset(token)),
            None => cx.io.reset(token),
        }
    }

    fn drive(&mut self, cx: &mut Cx<'_>, token: Token) {
        let number = self.pair_of.get(token.index()).copied().flatten();
        let Some(pair) = number.and_then(|number| self.pairs[number].as_mut()) else {
            return;
        };
        match pair.pump_both(cx) {
            Err(_reset_or_timeout) => self.fail(cx, token),
            Ok(()) if pair.is_over() => {
                if let Some(pair) = self.take(token) {
                    pair.tokens.into_iter().for_each(|token| cx.io.close(token));
                }
            }
            Ok(()) => {}
        }
    }
}

impl Handler for Relay {
    type Published = Route;
    type Letter = ();

    fn published(&mut self, cx: &mut Cx<'_>, route: Arc<Route>) {
        self.target = Some(route.target);
        self.listeners.apply(cx.io, &route.sockets);
    }

    fn accepted(&mut self, cx: &mut Cx<'_>, _listener: Token, stream: Token, _peer: SocketAddr) {
        let upstream = self.target.map(|target| cx.io.connect(target));
        match upstream {
            Some(Ok(upstream)) => self.insert(stream, upstream),
            Some(Err(_)) | None => cx.io.reset(stream),
        }
    }

    fn connected(&mut self, cx: &mut Cx<'_>, stream: Token, result: io::Result<()>) {
        if result.is_err() {
            return self.fail(cx, stream);
        }
        let number = self.pair_of.get(stream.index()).copied().flatten();
        if let Some(pair) = number.and_then(|number| self.pairs[number].as_mut()) {
            pair.connected = true;
            self.drive(cx, stream);
        }
    }

    fn ready(&mut self, cx: &mut Cx<'_>, stream: Token, _ready: Ready) {
        self.drive(cx, stream);
    }

    fn timer(&mut self, _cx: &mut Cx<'_>, _token: Token) {}

    fn reset(&mut self, cx: &mut Cx<'_>, token: Token) {
        self.fail(cx, token);
    }
}

// === impl Pair ===

impl Pair {
    fn pump_both(&mut self, cx: &mut Cx<'_>) -> io::Result<()> {
        if !self.connected {
            return Ok(());
        }
        for side in [0, 1] {
            let (from, to) = (self.tokens[side], self.tokens[1 - side]);
            if let Pump::Budget = self.flows[side].pump(cx, from, to)? {
                cx.io.run_again(from);
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.flows.iter().all(|flow| flow.end_sent)
    }
}

// === impl Flow ===

impl Flow {
    fn pump(&mut self, cx: &mut Cx<'_>, from: Token, to: Token) -> io::Result<Pump> {
        // After its end a direction is not read any more; a reset still has to be noticed.
        if self.ended && cx.io.readiness(from).error {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        for _ in 0..ROUNDS_PER_TURN {
            if !self.release(cx, to)? {
                return Ok(Pump::Waiting);
            }
            if self.ended {
                if !self.end_sent {
                    self.end_sent = true;
                    cx.io.shutdown_write(to);
                }
                return Ok(Pump::Waiting);
            }
            match cx.io.recv(from, cx.scratch)? {
                Recv::Blocked => return Ok(Pump::Waiting),
                Recv::Closed => self.ended = true,
                Recv::Data(count) => {
                    let sent = cx.io.write(to, &cx.scratch[..count])?;
                    self.held.extend_from_slice(&cx.scratch[sent..count]);
                    if !cx.io.readiness(from).readable && self.held.is_empty() {
                        return Ok(Pump::Waiting);
                    }
                }
            }
        }
        Ok(Pump::Budget)
    }

    /// Writes what was held back; `true` when nothing is left. The buffer is freed then, so an
    /// idle connection holds none.
    fn release(&mut self, cx: &mut Cx<'_>, to: Token) -> io::Result<bool> {
        if self.held.is_empty() {
            return Ok(true);
        }
        let sent = cx.io.write(to, &self.held)?;
        self.held.drain(..sent);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(self.held.is_empty())
    }
}
