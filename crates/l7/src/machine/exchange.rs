//! One request and its response, from the last byte of the request's head to the last byte of the
//! response.
//!
//! It pins the snapshot that it began with, so one request sees one world. It exists only while a
//! request is in flight; its memory is used again for the next one.
//!
//! Invariant: `in_flight` is set from the moment a target was chosen until that target has
//! nothing more to do with the request.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use weir_core::snapshot::{GroupPlan, GroupSlot, InFlight, ListenerPlan, ListenerSlot, Snapshot};
use weir_core::traffic::http::Method;
use weir_core::traffic::http::desync::Verdict;
use weir_core::traffic::http::outcome::Cause;
use weir_wire::http1::body::Body;

use super::seam::Conn;
use crate::limits;

/// The snapshot of a turn. Counted per thread, so that pinning it touches no shared cache line.
pub(super) type World = Rc<Arc<Snapshot>>;

/// A request in flight.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Its own number.
    pub index: u32,
    /// Who asked.
    pub client: Conn,
    /// Who is to answer.
    pub target: Option<Conn>,
    /// The snapshot that it sees.
    pub world: World,
    /// The listener that it came by.
    pub listener: ListenerSlot,
    /// The zone that it came by.
    pub zone: u8,
    /// The method, classified.
    pub method: Method,
    /// The request as the client sees it.
    pub flags: Flags,
    /// The chosen group and target, and who was tried before.
    pub route: Route,
    /// Counts at the target.
    pub in_flight: Option<InFlight>,
    /// What is to come of the request's body.
    pub request: Body,
    /// Bytes for the target: head, then body. Kept from the start while `replayable`.
    pub outbox: Vec<u8>,
    /// How many of them the target's connection has taken.
    pub outbox_at: usize,
    /// What is to come of the response's body.
    pub response: Body,
    /// How the response's body is written to the client.
    pub rewrite: Rewrite,
    /// Bytes from the client, head included.
    pub received: u64,
    /// Bytes to the client, head included.
    pub sent: u64,
    /// What the client got; 0 before that.
    pub status: u16,
    /// What the target answered.
    pub target_status: Option<u16>,
    /// Last byte in either direction (monotonic milliseconds).
    pub last_ms: u64,
    /// Marks on the way, for the access log and the metrics.
    pub times: Times,
    /// Why the load balancer answered itself, or broke off.
    pub cause: Option<Cause>,
    /// What the mitigation said.
    pub verdict: Verdict,
    /// What the access log needs of the head; empty when nobody logs.
    pub log: LogFacts,
}

/// Yes-or-no facts about an exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// HTTP/1.0 or 0.9: no chunked coding, no 1xx.
    pub old_client: bool,
    /// The client waits for `100 Continue` and was not told: it may never send its body.
    pub expects: bool,
    /// The client will take another response on this connection.
    pub keep_alive: bool,
    /// Both connections are closed afterwards, whatever was agreed.
    pub isolate: bool,
    /// All of `outbox` is still there from its first byte, and sending it twice does no harm.
    pub replayable: bool,
    /// No byte reached the target's connection that is in use.
    pub untouched: bool,
    /// The target takes no more of the request: the rest is read from the client and dropped.
    pub deaf: bool,
    /// Some byte of a response has arrived.
    pub answered: bool,
    /// The final head was passed on.
    pub head_sent: bool,
    /// The client was told that its connection closes.
    pub told_close: bool,
    /// The target's connection may serve another request.
    pub target_keep_alive: bool,
    /// The next connection is a new one.
    pub fresh_only: bool,
}

/// Where the request goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Route {
    /// The group of the forward action.
    pub group: Option<GroupSlot>,
    /// `TargetCell::uid` of the target.
    pub uid: u64,
    /// Where the request was sent.
    pub address: Option<SocketAddr>,
    /// Uids of targets that failed this request.
    tried: [u64; limits::ATTEMPTS_MAX],
    tried_len: u8,
    /// Priority of the rule; 0 is the default rule.
    pub priority: Option<u32>,
    /// For the access log.
    pub action: &'static str,
    /// How its transforms ended; empty without any.
    pub transform: &'static str,
}

/// How a body is written to a client that cannot be given the target's own framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// As it came.
    #[default]
    Pass,
    /// Wrapped into chunks.
    Chunk,
    /// Unwrapped from chunks.
    Unchunk,
}

/// Wall-clock marks in microseconds; 0 means not reached.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// First byte of the request.
    pub created_us: i64,
    /// The request's head went out to a target.
    pub dispatched_us: i64,
    /// The response's head came in.
    pub answered_us: i64,
}

/// Parts of the request that the access log quotes.
#[derive(Debug, Default)]
pub(super) struct LogFacts {
    text: Vec<u8>,
    ends: [u32; LogPart::COUNT],
}

/// The parts, in the order in which they are stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogPart {
    Method,
    Host,
    Target,
    Version,
    UserAgent,
    TransformedHost,
    TransformedUri,
    TraceId,
    Location,
}

// === impl Exchange ===

impl Exchange {
    /// Forgets the request and keeps the memory. `begin` sets who, where and when.
    pub fn clear(&mut self) {
        self.target = None;
        self.flags = Flags::default();
        self.route = Route::default();
        self.in_flight = None;
        self.request = Body::None;
        self.outbox_at = 0;
        self.response = Body::None;
        self.rewrite = Rewrite::Pass;
        (self.received, self.sent) = (0, 0);
        (self.status, self.target_status) = (0, None);
        self.times = Times::default();
        self.cause = None;
        self.verdict = Verdict::default();
        self.log.clear();
        self.log.trim();
    }

    /// The listener's plan.
    pub fn plan(&self) -> &ListenerPlan {
        self.world
            .listener(self.listener)
            .expect("invariant: the exchange began in this snapshot, at this listener")
    }

    /// The chosen group's plan.
    pub fn group(&self) -> Option<&Arc<GroupPlan>> {
        self.world.group(self.route.group?)
    }

    /// Whether everything that is due to the target was taken.
    pub fn is_outbox_empty(&self) -> bool {
        self.outbox_at == self.outbox.len()
    }

    /// Whether more of the request's body is to come.
    pub fn is_request_open(&self) -> bool {
        !self.request.is_done()
    }

    /// Whether the client can see by itself that a response is cut short.
    pub fn shows_truncation(&self) -> bool {
        self.rewrite == Rewrite::Chunk
            || self.rewrite == Rewrite::Pass && !matches!(self.response, Body::UntilClose)
    }
}

// === impl Route ===

impl Route {
    /// Who was tried without success.
    pub fn tried(&self) -> &[u64] {
        &self.tried[..usize::from(self.tried_len)]
    }

    /// Notes a failure; `false` when there were too many.
    pub fn exclude(&mut self, uid: u64) -> bool {
        let at = usize::from(self.tried_len);
        if at < limits::ATTEMPTS_MAX {
            self.tried[at] = uid;
            self.tried_len += 1;
        }
        usize::from(self.tried_len) < limits::ATTEMPTS_MAX
    }
}

// === impl LogFacts ===

impl LogPart {
    const COUNT: usize = 9;
}

impl LogFacts {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends = [0; LogPart::COUNT];
    }

    /// Sets one part; parts are set in the order of the enum.
    pub fn push(&mut self, part: LogPart, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        self.ends[part as usize..].fill(self.text.len() as u32);
    }

    /// One part.
    pub fn part(&self, part: LogPart) -> &[u8] {
        let index = part as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[index] as usize]
    }

    /// Frees memory that an unusual request needed.
    pub fn trim(&mut self) {
        if self.text.capacity() > limits::BUFFER_SPARE_BYTES_MAX {
            self.text = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_parts_are_found_again() {
        let mut facts = LogFacts::default();
        facts.push(LogPart::Method, b"GET");
        facts.push(LogPart::Host, b"h");
        facts.push(LogPart::Target, b"/x");
        facts.push(LogPart::TraceId, b"Root");
        assert_eq!(facts.part(LogPart::Method), b"GET");
        assert_eq!(facts.part(LogPart::Host), b"h");
        assert_eq!(facts.part(LogPart::Target), b"/x");
        assert_eq!(facts.part(LogPart::UserAgent), b"");
        assert_eq!(facts.part(LogPart::TraceId), b"Root");
        facts.push(LogPart::Location, b"http");
        assert_eq!(facts.part(LogPart::Location), b"http");
        facts.clear();
        assert_eq!(facts.part(LogPart::Target), b"");
    }

    #[test]
    fn attempts_are_bounded() {
        let mut route = Route::default();
        assert!(route.exclude(1) && route.exclude(2));
        assert!(!route.exclude(3));
        assert!(!route.exclude(4));
        assert_eq!(route.tried(), [1, 2, 3]);
    }
}
