//! The client's side: heads in pieces, pipelining, request bodies, and clients that go away.
//!
//! Requests of one connection are answered strictly in order: while a response is due, the
//! connection is not read, and what was read too far is held (at most one scratch buffer).
//!
//! Invariant: in `Phase::Head`, `held` is the beginning of a head that is not complete; in every
//! other phase it holds bytes that come after the message under way.

use weir_core::traffic::http::outcome::Cause;
use weir_core::traffic::http::screen::CONTINUE;
use weir_wire::http1::{ParseError, Scan, Status, request};

use super::engine::{Desk, Engine};
use super::exchange::Exchange;
use super::forward::Routed;
use super::seam::{Conn, End, Seam};
use super::table::{After, Phase};

impl Engine {
    pub(super) fn client_bytes<S: Seam>(&mut self, seam: &mut S, conn: Conn, mut bytes: &[u8]) {
        let now_ms = self.now.mono_ms;
        while !bytes.is_empty() {
            let Some(client) = self.table.client(conn) else { return };
            client.last_ms = now_ms;
            let used = match &mut client.phase {
                Phase::Head => self.head_bytes(seam, conn, bytes),
                Phase::Exchange => self.request_bytes(seam, conn, bytes),
                Phase::Flushing(_) => 0,
                Phase::Skipping(left) => {
                    let used = (*left).min(bytes.len() as u64);
                    *left -= used;
                    if *left == 0 {
                        client.phase = Phase::Head;
                    }
                    used as usize
                }
                Phase::Lingering(left) => {
                    *left = left.saturating_sub(bytes.len() as u64);
                    if *left == 0 {
                        self.drop_client(seam, conn, End::Close);
                    }
                    bytes.len()
                }
            };
            if used == 0 {
                return self.hold(seam, conn, bytes);
            }
            bytes = &bytes[used..];
        }
    }

    /// Keeps bytes that came before their turn, and asks for no more.
    fn hold<S: Seam>(&mut self, seam: &mut S, conn: Conn, bytes: &[u8]) {
        let mut buffer = Vec::new();
        if self.table.client(conn).is_some_and(|client| client.held.capacity() == 0) {
            buffer = self.take_buffer();
        }
        let Some(client) = self.table.client(conn) else { return };
        if client.held.capacity() == 0 {
            client.held = buffer;
        }
        client.held.extend_from_slice(bytes);
        seam.read(conn, false);
    }

    /// Bytes of a head. Returns how many were used: all of them, unless the message ends earlier.
    fn head_bytes<S: Seam>(&mut self, seam: &mut S, conn: Conn, bytes: &[u8]) -> usize {
        let Some(client) = self.table.client(conn) else { return bytes.len() };
        let mut scan = std::mem::take(&mut client.scan);
        if client.held.is_empty() {
            return match self.head(seam, conn, bytes, &mut scan) {
                Some(used) => used,
                None => {
                    self.keep_head(conn, bytes.to_vec(), scan);
                    bytes.len()
                }
            };
        }
        let mut held = std::mem::take(&mut client.held);
        let before = held.len();
        held.extend_from_slice(bytes);
        match self.head(seam, conn, &held, &mut scan) {
            // The head was not complete without these bytes, so at least one of them was used.
            Some(used) => {
                self.give_buffer(held);
                used - before
            }
            None => {
                self.keep_head(conn, held, scan);
                bytes.len()
            }
        }
    }

    fn keep_head(&mut self, conn: Conn, held: Vec<u8>, scan: Scan) {
        if let Some(client) = self.table.client(conn) {
            client.held = held;
            client.scan = scan;
        }
    }

    /// Parses a head and acts on the request. `None`: not complete.
    fn head<S: Seam>(
        &mut self,
        seam: &mut S,
        conn: Conn,
        buf: &[u8],
        scan: &mut Scan,
    ) -> Option<usize> {
        let mut desk = self.take_desk();
        let used = match request::parse(buf, scan, &mut desk.request) {
            Ok(Status::Partial) => None,
            Ok(Status::Complete { head_len }) => {
                Some(self.request(seam, conn, &mut desk, (buf, head_len)))
            }
            Err(error) => {
                self.put_desk(desk);
                self.refuse(seam, conn, cause_of(error), buf.len());
                return Some(buf.len());
            }
        };
        self.put_desk(desk);
        used
    }

    /// Answers so many bytes that never became a request.
    pub(super) fn refuse<S: Seam>(
        &mut self,
        seam: &mut S,
        conn: Conn,
        cause: Cause,
        received: usize,
    ) {
        if let Some(mut x) = self.begin(seam, conn) {
            x.received = received as u64;
            self.fail(seam, x, cause);
        }
    }

    /// Acts on one complete head and on what of its body came with it. Returns the bytes used.
    fn request<S: Seam>(
        &mut self,
        seam: &mut S,
        conn: Conn,
        desk: &mut Desk,
        (buf, head_len): (&[u8], usize),
    ) -> usize {
        let Some(mut x) = self.begin(seam, conn) else { return buf.len() };
        x.received = head_len as u64;
        let routed = match self.judge(&mut x, desk, (buf, head_len)) {
            Ok(routed) => routed,
            Err(cause) => {
                let used = head_len + self.skim(&mut x, &buf[head_len..]);
                self.fail_with(seam, x, cause, desk);
                return used;
            }
        };
        let rest = &buf[head_len..];
        let Ok(passed) = x.request.pass(rest) else {
            self.fail_with(seam, x, Cause::RequestBodyMalformed, desk);
            return buf.len();
        };
        x.received += passed.consumed as u64;
        let body = &rest[..passed.consumed];
        match routed {
            Routed::Answer(answer) => self.answer(seam, x, answer, desk),
            Routed::Forward => {
                // AWS answers the expectation itself, before any target is asked.
                // spec: alb §1.2 Front-end (client) protocols
                if std::mem::take(&mut x.flags.expects) && x.is_request_open() {
                    self.feed_client(seam, &mut x, &[CONTINUE]);
                }
                self.dispatch(seam, x, body);
            }
        }
        head_len + passed.consumed
    }

    /// Reads past as much of a body as is here, when its request is refused.
    fn skim(&mut self, x: &mut Exchange, rest: &[u8]) -> usize {
        let consumed = x.request.pass(rest).map_or(rest.len(), |passed| passed.consumed);
        x.received += consumed as u64;
        consumed
    }

    /// More of a request's body.
    fn request_bytes<S: Seam>(&mut self, seam: &mut S, conn: Conn, bytes: &[u8]) -> usize {
        let index = self.table.client(conn).and_then(|client| client.exchange);
        let Some(mut x) = index.and_then(|index| self.lift(index)) else { return bytes.len() };
        if !x.is_request_open() {
            self.put(x);
            return 0;
        }
        let Ok(passed) = x.request.pass(bytes) else {
            self.fail(seam, x, Cause::RequestBodyMalformed);
            return bytes.len();
        };
        x.received += passed.consumed as u64;
        x.last_ms = self.now.mono_ms;
        self.feed_target(seam, &mut x, &bytes[..passed.consumed]);
        self.pace(seam, &x);
        self.put(x);
        passed.consumed
    }

    /// The client ended its direction, between requests or while one is in flight.
    pub(super) fn client_ended<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let Some(client) = self.table.client(conn) else { return };
        match client.phase {
            Phase::Exchange | Phase::Flushing(_) => self.client_hung_up(seam, conn),
            Phase::Head | Phase::Skipping(_) | Phase::Lingering(_) => {
                self.drop_client(seam, conn, End::Close);
            }
        }
    }

    /// The client will send nothing more. A request in flight is cancelled; a response that only
    /// has to be taken still may be.
    pub(super) fn client_hung_up<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let Some(client) = self.table.client(conn) else { return };
        match client.phase {
            Phase::Flushing(After::Reset) => {}
            Phase::Flushing(_) => client.phase = Phase::Flushing(After::Close),
            _ => return self.client_gone(seam, conn),
        }
        seam.read(conn, false);
    }

    /// The client is gone: what it asked for is cancelled at the target, at once.
    pub(super) fn client_gone<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let index = self.table.client(conn).and_then(|client| client.exchange);
        if let Some(x) = index.and_then(|index| self.lift(index)) {
            let cause = if x.is_request_open() && !x.flags.head_sent {
                Cause::RequestBodyTruncated
            } else {
                Cause::ClientGone
            };
            self.cancel(seam, x, cause);
        }
        self.drop_client(seam, conn, End::Reset);
    }

    /// The client has room again.
    pub(super) fn client_writable<S: Seam>(&mut self, seam: &mut S, conn: Conn) {
        let now_ms = self.now.mono_ms;
        let Some(client) = self.table.client(conn) else { return };
        if client.is_flushed() {
            return;
        }
        let left = &client.backlog[client.backlog_at..];
        // Gone: the event that says so follows.
        let taken = seam.send(conn, &[left]).unwrap_or(left.len());
        client.backlog_at += taken;
        client.last_ms = now_ms;
        let done = client.backlog_at == client.backlog.len();
        let mut buffer = Vec::new();
        if done {
            buffer = std::mem::take(&mut client.backlog);
            client.backlog_at = 0;
        }
        let (phase, exchange) = (flushing(&client.phase), client.exchange);
        self.give_buffer(buffer);
        if let Some(mut x) = exchange.and_then(|index| self.lift(index)) {
            x.last_ms = now_ms;
            if let (true, Some(target)) = (done, x.target) {
                seam.read(target, true);
            }
            return self.put(x);
        }
        if let (true, Some(after)) = (done, phase) {
            self.follow(seam, conn, after);
        }
    }
}

fn flushing(phase: &Phase) -> Option<After> {
    match phase {
        Phase::Flushing(after) => Some(*after),
        _ => None,
    }
}

// spec: alb §1.3 Hard HTTP limits (not adjustable)
fn cause_of(error: ParseError) -> Cause {
    match error {
        ParseError::NotHttp | ParseError::EmptyLines | ParseError::Malformed => {
            Cause::RequestMalformed
        }
        ParseError::RequestLineTooLong => Cause::RequestLineTooLong,
        ParseError::HeaderTooLong | ParseError::HeadersTooLarge | ParseError::TooManyHeaders => {
            Cause::RequestHeadersTooLarge
        }
    }
}
