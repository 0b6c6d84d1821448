//! The readiness loop of one data thread.
//!
//! ```text
//! poll → clock → (woken: mail) → publication → events → timers → run-again → turn_end → poll …
//! ```
//!
//! It is generic over its [`Handler`] and monomorphised; later planes are composed by an enum.
//! Every call into the handler is guarded: a panic costs the one connection it happened on.
//!
//! Invariant: the loop sleeps only when no stream is on the run-again list and every edge that the
//! kernel reported has been passed on.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Poll};

use crate::budget::Budget;
use crate::bugs::BugMeter;
use crate::clock::{Clock, Now};
use crate::doorbell::{Doorbell, Sound};
use crate::io::{Accepted, Io, reset_stream};
use crate::limits;
use crate::mailbox::Letters;
use crate::publication::Subscriber;
use crate::slab::{Ready, Token};
use crate::telemetry::ThreadCounters;

const BELL: mio::Token = mio::Token(0);

/// What a plane does with the events of one data thread. No method may block.
///
/// Whatever a method starts on a stream and does not finish because of a budget of its own goes on
/// the run-again list ([`Io::run_again`]); whatever stopped at "blocked" is called back.
pub trait Handler {
    /// What is published to the data threads.
    type Published: Send + Sync + 'static;
    /// What the control side sends to one thread (answers to errands).
    type Letter: Send + 'static;

    /// A new publication, at a turn boundary. It is acknowledged when this returns, so everything
    /// started afterwards must use it.
    fn published(&mut self, cx: &mut Cx<'_>, value: Arc<Self::Published>);

    /// May this client in? `false` resets it at once (security groups).
    fn admit(&mut self, cx: &mut Cx<'_>, listener: Token, peer: SocketAddr) -> bool {
        let _ = (cx, listener, peer);
        true
    }

    /// A client was accepted and registered.
    fn accepted(&mut self, cx: &mut Cx<'_>, listener: Token, stream: Token, peer: SocketAddr);

    /// A connection begun with [`Io::connect`] stands or has failed. The handler closes a failed
    /// one.
    fn connected(&mut self, cx: &mut Cx<'_>, stream: Token, result: io::Result<()>);

    /// A stream became ready; `ready` is all that is known and not used up.
    fn ready(&mut self, cx: &mut Cx<'_>, stream: Token, ready: Ready);

    /// A stream was on the run-again list.
    fn again(&mut self, cx: &mut Cx<'_>, stream: Token) {
        let ready = cx.io.readiness(stream);
        self.ready(cx, stream, ready);
    }

    /// The deadline of a source has passed.
    fn timer(&mut self, cx: &mut Cx<'_>, token: Token);

    /// A letter from the control side.
    fn letter(&mut self, cx: &mut Cx<'_>, letter: Self::Letter) {
        let _ = (cx, letter);
    }

    /// The doorbell rang: somebody else's thread has work for this one (a returned permit).
    fn woken(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// The end of a turn: the place to flush what was collected.
    fn turn_end(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// A call for this token panicked: forget it and what belongs to it. The reactor resets the
    /// token's stream afterwards; other streams of the same exchange are the handler's to reset.
    fn reset(&mut self, cx: &mut Cx<'_>, token: Token);

    /// The thread is about to stop: listeners are closed, connections may finish.
    fn draining(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }
}

/// What a handler is lent for one call. The fields borrow apart, so bytes in `scratch` can be
/// written through `io`.
pub struct Cx<'a> {
    /// Sources, timers, run-again list.
    pub io: &'a mut Io,
    /// [`limits::SCRATCH_BYTES`] bytes; content does not survive the call.
    pub scratch: &'a mut [u8],
    /// Time of this turn.
    pub now: Now,
}

/// The doorbell's sound: an eventfd in the thread's own epoll set.
pub struct Eventfd(mio::Waker);

/// Wakes a data thread.
pub type Bell = Doorbell<Eventfd>;

/// Tells a thread to leave; shared between its handle and its loop.
#[derive(Debug, Default)]
pub(crate) struct StopSign(AtomicU8);

/// One data thread's loop, before and while it runs.
pub struct Reactor {
    poll: Poll,
    io: Io,
    scratch: Box<[u8]>,
    clock: Clock,
    bell: Arc<Bell>,
    stop: Arc<StopSign>,
    bugs: Arc<BugMeter>,
    counters: Arc<ThreadCounters>,
    fired: Vec<Token>,
    draining: bool,
}

/// A reactor joined with its handler and its inputs.
struct Running<'a, H: Handler> {
    reactor: &'a mut Reactor,
    handler: H,
    subscriber: Subscriber<H::Published>,
    letters: Letters<H::Letter>,
}

// === impl Eventfd ===

impl Sound for Eventfd {
    fn sound(&self) {
        if let Err(error) = self.0.wake() {
            tracing::error!(%error, "a data thread could not be woken");
        }
    }
}

// === impl StopSign ===

impl StopSign {
    const RUN: u8 = 0;
    const DRAIN: u8 = 1;
    const STOP: u8 = 2;

    pub(crate) fn drain(&self) {
        self.0.fetch_max(Self::DRAIN, Ordering::Release);
    }

    pub(crate) fn stop(&self) {
        self.0.fetch_max(Self::STOP, Ordering::Release);
    }

    fn read(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

// === impl Reactor ===

impl Reactor {
    /// Makes the epoll set and the bell of a thread that is yet to be started.
    ///
    /// # Errors
    /// Those of `epoll_create1` and `eventfd` (descriptors).
    pub fn new(
        budget: Arc<Budget>,
        bugs: Arc<BugMeter>,
        counters: Arc<ThreadCounters>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Doorbell::new(Eventfd(mio::Waker::new(poll.registry(), BELL)?));
        let mut clock = Clock::new();
        let io = Io::new(poll.registry().try_clone()?, clock.read(), budget, counters.clone());
        Ok(Self {
            poll,
            io,
            scratch: vec![0; limits::SCRATCH_BYTES].into_boxed_slice(),
            clock,
            bell: Arc::new(bell),
            stop: Arc::default(),
            bugs,
            counters,
            fired: Vec::new(),
            draining: false,
        })
    }

    /// Wakes this thread, from anywhere.
    pub fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    pub(crate) fn stop_sign(&self) -> Arc<StopSign> {
        self.stop.clone()
    }

    /// Runs until told to stop, then drops the handler and closes every source.
    ///
    /// # Errors
    /// Only those of `epoll_wait` itself, which are bugs.
    pub fn run<H: Handler>(
        mut self,
        handler: H,
        subscriber: Subscriber<H::Published>,
        letters: Letters<H::Letter>,
    ) -> io::Result<()> {
        let mut events = Events::with_capacity(limits::EVENTS_PER_TURN);
        let mut running = Running { reactor: &mut self, handler, subscriber, letters };
        while running.turn(&mut events)? {}
        Ok(())
    }

    /// How long the coming poll may sleep; `None` means until something happens.
    fn sleep(&mut self, letters_left: bool) -> Option<Duration> {
        if letters_left || self.io.again_len() > 0 {
            return Some(Duration::ZERO);
        }
        let next_ms = self.io.next_deadline_ms()?;
        Some(Duration::from_millis(next_ms.saturating_sub(self.io.now.mono_ms())))
    }
}

// === impl Running ===

impl<H: Handler> Running<'_, H> {
    /// One turn; `false` when the thread is to end.
    fn turn(&mut self, events: &mut Events) -> io::Result<bool> {
        let sleep = self.reactor.sleep(!self.letters.is_empty());
        match self.reactor.poll.poll(events, sleep) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            other => other?,
        }
        self.reactor.io.now = self.reactor.clock.read();
        self.reactor.counters.turns.add(1);
        let again = self.reactor.io.again_len();
        self.reactor.counters.run_again_depth.set(again as u64);
        let woken = events.iter().any(|event| event.token() == BELL);
        if woken {
            self.reactor.bell.answer();
        }
        self.adopt_publication();
        if woken || !self.letters.is_empty() {
            self.read_letters(woken);
        }
        for event in events.iter().filter(|event| event.token() != BELL) {
            self.event(event);
        }
        self.fire_timers();
        self.rerun(again);
        self.guarded(None, |handler, cx| handler.turn_end(cx));
        Ok(!self.should_end())
    }

    fn adopt_publication(&mut self) {
        let Some((epoch, value)) = self.subscriber.poll() else {
            return;
        };
        // Without an acknowledgement the publisher reports this thread as behind: an outage that
        // is seen, instead of a thread that silently runs half of a publication.
        if self.guarded(None, |handler, cx| handler.published(cx, value)) {
            self.subscriber.ran(epoch);
        }
    }

    fn read_letters(&mut self, woken: bool) {
        for _ in 0..limits::LETTERS_PER_TURN {
            let Some(letter) = self.letters.next() else {
                break;
            };
            self.guarded(None, |handler, cx| handler.letter(cx, letter));
        }
        self.letters.peek();
        if woken {
            self.guarded(None, |handler, cx| handler.woken(cx));
        }
    }

    fn event(&mut self, event: &Event) {
        let token = Token::from_mio(event.token());
        if self.reactor.io.is_listener(token) {
            self.accept_some(token);
            return;
        }
        let seen = Ready {
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            write_closed: event.is_write_closed(),
            error: event.is_error(),
        };
        match self.reactor.io.note(token, seen) {
            None => {}
            Some(false) => self.ready(token),
            Some(true) => self.finish_connect(token),
        }
    }

    fn ready(&mut self, token: Token) {
        let ready = self.reactor.io.readiness(token);
        self.guarded(Some(token), |handler, cx| handler.ready(cx, token, ready));
    }

    fn finish_connect(&mut self, token: Token) {
        let Some(result) = self.reactor.io.connect_result(token) else {
            return;
        };
        self.guarded(Some(token), |handler, cx| handler.connected(cx, token, result));
        // The target may have spoken first, or ended already.
        if self.reactor.io.readiness(token).readable {
            self.ready(token);
        }
    }

    fn accept_some(&mut self, listener: Token) {
        for _ in 0..limits::ACCEPTS_PER_TURN {
            match self.reactor.io.accept(listener) {
                Accepted::Stream(stream, peer) => self.client(listener, stream, peer),
                Accepted::Drained | Accepted::Starved => return,
            }
        }
        self.reactor.io.run_again(listener);
    }

    fn client(&mut self, listener: Token, stream: TcpStream, peer: SocketAddr) {
        if !self.reactor.io.has_room() {
            self.reactor.counters.sheds.add(1);
            return reset_stream(&stream);
        }
        let mut admitted = false;
        self.guarded(None, |handler, cx| admitted = handler.admit(cx, listener, peer));
        if !admitted {
            self.reactor.counters.denied.add(1);
            return reset_stream(&stream);
        }
        match self.reactor.io.adopt_client(stream) {
            Ok(token) => {
                self.reactor.counters.accepts.add(1);
                self.guarded(Some(token), |handler, cx| {
                    handler.accepted(cx, listener, token, peer);
                });
            }
            Err(error) => {
                self.reactor.counters.sheds.add(1);
                tracing::error!(%error, "an accepted connection could not be registered");
            }
        }
    }

    fn fire_timers(&mut self) {
        let mut fired = std::mem::take(&mut self.reactor.fired);
        self.reactor.io.expire(&mut fired);
        for token in fired.drain(..) {
            // A timer before it in this turn may have closed the source or armed it again.
            if !self.reactor.io.is_fired(token) {
                continue;
            }
            if self.reactor.io.is_listener(token) {
                self.accept_some(token);
            } else {
                self.guarded(Some(token), |handler, cx| handler.timer(cx, token));
            }
        }
        self.reactor.fired = fired;
    }

    /// Runs what was on the list when the turn began; what was added since waits one turn.
    fn rerun(&mut self, count: usize) {
        for _ in 0..count {
            let Some(token) = self.reactor.io.again_pop() else {
                return;
            };
            if self.reactor.io.is_listener(token) {
                self.accept_some(token);
            } else if self.reactor.io.contains(token) {
                self.guarded(Some(token), |handler, cx| handler.again(cx, token));
            }
        }
    }

    fn should_end(&mut self) -> bool {
        let sign = self.reactor.stop.read();
        if sign == StopSign::RUN {
            return false;
        }
        if !self.reactor.draining {
            self.reactor.draining = true;
            self.reactor.io.close_listeners();
            self.guarded(None, |handler, cx| handler.draining(cx));
        }
        sign == StopSign::STOP || self.reactor.io.connections() == 0
    }

    /// Calls the handler; `false` if it panicked, after the token's stream was reset.
    fn guarded(&mut self, token: Option<Token>, call: impl FnOnce(&mut H, &mut Cx<'_>)) -> bool {
        if self.caught(call) {
            return true;
        }
        self.reactor.counters.bugs.add(1);
        if let Some(token) = token {
            let calm = self.caught(|handler, cx| handler.reset(cx, token));
            self.reactor.io.reset(token);
            if !calm {
                tracing::error!("the clean-up after a panic panicked itself");
                self.reactor.counters.bugs.add(1);
            }
        }
        self.reactor.bugs.record(self.reactor.io.now.mono_ms());
        false
    }

    fn caught(&mut self, call: impl FnOnce(&mut H, &mut Cx<'_>)) -> bool {
        let now = self.reactor.io.now;
        let mut cx = Cx { io: &mut self.reactor.io, scratch: &mut self.reactor.scratch, now };
        // The handler's state for this connection is dropped by `reset`; what other connections
        // share is counters and permits, which are consistent at every step.
        catch_unwind(AssertUnwindSafe(|| call(&mut self.handler, &mut cx))).is_ok()
    }
}
