//! The target's side: response heads, response bodies, and targets that go away.
//!
//! Invariant: what reaches the client is a complete response or one that the client can see to be
//! broken; a body is never silently cut short.

use weir_core::traffic::http::Version as CoreVersion;
use weir_core::traffic::http::connection::ConnectionOptions;
use weir_core::traffic::http::framing::{ResponseBody, response_framing};
use weir_core::traffic::http::outcome::Cause;
use weir_wire::http1::body::Body;
use weir_wire::http1::chunk::{CHUNK_END, ChunkHeader, LAST_CHUNK};
use weir_wire::http1::{Known, ParseError, ResponseHead, Scan, Status, Version, response};

use super::engine::{Desk, Engine};
use super::exchange::{Exchange, Rewrite};
use super::head::{self, Incoming, OutFraming};
use super::judge::{Lines, hint};
use super::seam::{Conn, End, Seam};
use super::table::After;

/// What became of an exchange that was given response bytes.
enum Step {
    /// It waits for more.
    Wait,
    /// The response is complete.
    Done,
    /// It cannot go on.
    Failed(Cause),
}

/// How a response is passed on.
struct Plan {
    body: Body,
    rewrite: Rewrite,
    framing: OutFraming,
    close: bool,
}

impl Engine {
    pub(super) fn target_bytes<S: Seam>(&mut self, seam: &mut S, conn: Conn, bytes: &[u8]) {
        let now_ms = self.now.mono_ms;
        let Some(target) = self.table.target(conn) else { return };
        target.last_ms = now_ms;
        let Some(index) = target.exchange else {
            // Nobody asked: the next response on this connection could be anybody's.
            let uid = target.uid;
            self.pools.remove(uid, conn);
            return self.drop_target(seam, conn, End::Reset);
        };
        let Some(mut x) = self.lift(index) else { return };
        x.last_ms = now_ms;
        if !x.flags.answered {
            x.flags.answered = true;
            x.flags.replayable = false;
        }
        let step = if x.flags.head_sent {
            self.response_body(seam, &mut x, &[], bytes)
        } else {
            self.response_head_bytes(seam, &mut x, conn, bytes)
        };
        match step {
            Step::Wait => self.put(x),
            Step::Done => self.response_done(seam, x),
            Step::Failed(cause) => self.fail(seam, x, cause),
        }
    }

    /// Bytes of a response head, with what was held of it before.
    fn response_head_bytes<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        conn: Conn,
        bytes: &[u8],
    ) -> Step {
        let Some(target) = self.table.target(conn) else { return Step::Wait };
        let mut scan = std::mem::take(&mut target.scan);
        if target.held.is_empty() {
            let (step, kept) = self.response_heads(seam, x, bytes, &mut scan);
            if let Some(from) = kept {
                self.keep_response_head(conn, bytes[from..].to_vec(), scan);
            }
            return step;
        }
        let mut held = std::mem::take(&mut target.held);
        held.extend_from_slice(bytes);
        let (step, kept) = self.response_heads(seam, x, &held, &mut scan);
        match kept {
            Some(from) => {
                held.drain(..from);
                self.keep_response_head(conn, held, scan);
            }
            None => self.give_buffer(held),
        }
        step
    }

    fn keep_response_head(&mut self, conn: Conn, held: Vec<u8>, scan: Scan) {
        if let Some(target) = self.table.target(conn) {
            target.held = held;
            target.scan = scan;
        }
    }

    /// Parses heads until the final one. `Some`: the bytes from there on are an incomplete head.
    fn response_heads<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        buf: &[u8],
        scan: &mut Scan,
    ) -> (Step, Option<usize>) {
        let mut desk = self.take_desk();
        let mut at = 0;
        let result = loop {
            let rest = &buf[at..];
            match response::parse(rest, scan, &mut desk.response) {
                Ok(Status::Partial) => break (Step::Wait, Some(at)),
                Err(ParseError::HeadersTooLarge | ParseError::TooManyHeaders) => {
                    break (Step::Failed(Cause::ResponseHeadTooLarge), None);
                }
                Err(_) => break (Step::Failed(Cause::ResponseMalformed), None),
                Ok(Status::Complete { head_len }) => {
                    *scan = Scan::default();
                    match desk.response.status {
                        // Nobody asked for an upgrade: the header was not forwarded.
                        101 => break (Step::Failed(Cause::ResponseMalformed), None),
                        100..=199 => self.informational(seam, x, &mut desk, rest),
                        _ => {
                            let step = self.final_head(seam, x, &mut desk, (rest, head_len));
                            break (step, None);
                        }
                    }
                    at += head_len;
                }
            }
        };
        self.put_desk(desk);
        result
    }

    /// Passes a 1xx on. We have answered `Expect` ourselves, and HTTP/1.0 knows no such thing.
    fn informational<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        desk: &mut Desk,
        buf: &[u8],
    ) {
        if desk.response.status == 100 || x.flags.old_client {
            return;
        }
        desk.text.clear();
        head::write_informational(&desk.response, buf, &mut desk.text);
        self.feed_client(seam, x, &[&desk.text]);
    }

    /// Passes the final head on, together with what came of the body.
    fn final_head<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        desk: &mut Desk,
        (buf, head_len): (&[u8], usize),
    ) -> Step {
        let head = &desk.response;
        let options = if head.fields.has(Known::Connection) {
            ConnectionOptions::read(head.fields.values(Known::Connection, buf))
        } else {
            ConnectionOptions::default()
        };
        let Some(plan) = self.plan_response(x, head, buf) else {
            return Step::Failed(Cause::ResponseMalformed);
        };
        let version = match head.version {
            Version::Http11 => CoreVersion::Http11,
            _ => CoreVersion::Http10,
        };
        x.flags.target_keep_alive = options.persists(version) && plan.body != Body::UntilClose;
        self.count_response(x, head.status);
        (x.status, x.target_status) = (head.status, Some(head.status));
        (x.response, x.rewrite) = (plan.body, plan.rewrite);
        x.flags.told_close = plan.close;
        desk.text.clear();
        let (framing, close) = (plan.framing, plan.close);
        let incoming = Incoming { plan: x.plan(), head, buf, options, framing, close };
        head::write_response(&incoming, &mut desk.text);
        self.response_body(seam, x, &desk.text, &buf[head_len..])
    }

    /// Decides about the framing of a response and the future of the client's connection.
    fn plan_response(&mut self, x: &Exchange, head: &ResponseHead, buf: &[u8]) -> Option<Plan> {
        let lines = Lines { buf, fields: &head.fields };
        let hint = hint(head.fields.framing());
        let found = response_framing(x.method, head.status, hint, &lines).ok()?;
        let plain = hint != weir_core::traffic::http::FramingHint::Odd;
        let keep = |framing| if plain { OutFraming::Keep } else { framing };
        let old = x.flags.old_client;
        let (body, rewrite, framing, close) = match found {
            // To HEAD and 304 the length headers say what a GET would have got, if they make sense.
            // A 204 says nothing about a length: some clients would wait for its chunks.
            ResponseBody::None if head.status == 204 => {
                (Body::None, Rewrite::Pass, OutFraming::Close, false)
            }
            ResponseBody::None => (Body::None, Rewrite::Pass, keep(OutFraming::Close), false),
            ResponseBody::Length(length) => {
                (Body::Length(length), Rewrite::Pass, keep(OutFraming::Length(length)), false)
            }
            ResponseBody::Chunked if old => {
                (Body::chunked(), Rewrite::Unchunk, OutFraming::Close, true)
            }
            ResponseBody::Chunked => {
                (Body::chunked(), Rewrite::Pass, keep(OutFraming::Chunked), false)
            }
            ResponseBody::UntilClose if old => {
                (Body::UntilClose, Rewrite::Pass, OutFraming::Close, true)
            }
            ResponseBody::UntilClose => {
                (Body::UntilClose, Rewrite::Chunk, OutFraming::Chunked, false)
            }
        };
        let close = close || x.is_request_open() || !self.keeps_client(x);
        Some(Plan { body, rewrite, framing, close })
    }

    /// Whether the client's connection may carry another request.
    // spec: alb §1.4 Timers
    pub(super) fn keeps_client(&mut self, x: &Exchange) -> bool {
        if !x.flags.keep_alive || x.flags.isolate || self.draining {
            return false;
        }
        let now_ms = self.now.mono_ms;
        let Some(client) = self.table.client(x.client) else { return false };
        let (listener, uid, expires_ms) = (client.listener, client.listener_uid, client.expires_ms);
        let lives = self.world.listener(listener).is_some_and(|plan| plan.cell.uid == uid);
        lives && now_ms < expires_ms
    }

    fn count_response(&self, x: &mut Exchange, status: u16) {
        x.times.answered_us = self.now.wall_us;
        let Some(in_flight) = &x.in_flight else { return };
        let lane = &in_flight.cell().lanes[self.thread];
        match status {
            200..=299 => lane.code_2xx.inc(),
            300..=399 => lane.code_3xx.inc(),
            400..=499 => lane.code_4xx.inc(),
            500..=599 => lane.code_5xx.inc(),
            _ => {}
        }
        let waited_us = x.times.answered_us.saturating_sub(x.times.dispatched_us);
        lane.response_time_us.add(waited_us.max(0) as u64);
    }

    /// Passes body bytes on, behind `head` when that has not gone out yet.
    fn response_body<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        head: &[u8],
        bytes: &[u8],
    ) -> Step {
        let consumed = match x.rewrite {
            Rewrite::Pass => {
                let Ok(passed) = x.response.pass(bytes) else {
                    return Step::Failed(Cause::ResponseMalformed);
                };
                self.feed_client(seam, x, &[head, &bytes[..passed.consumed]]);
                passed.consumed
            }
            Rewrite::Chunk => {
                if bytes.is_empty() {
                    self.feed_client(seam, x, &[head]);
                } else {
                    let size = ChunkHeader::new(bytes.len());
                    self.feed_client(seam, x, &[head, size.as_bytes(), bytes, CHUNK_END]);
                }
                bytes.len()
            }
            Rewrite::Unchunk => match self.unchunk(seam, x, head, bytes) {
                Some(consumed) => consumed,
                None => return Step::Failed(Cause::ResponseMalformed),
            },
        };
        x.flags.head_sent = true;
        if !x.response.is_done() {
            return Step::Wait;
        }
        // Bytes behind the end: the connection is out of step.
        x.flags.target_keep_alive &= consumed == bytes.len();
        Step::Done
    }

    /// For clients of HTTP/1.0: the payload of the chunks, copied together.
    fn unchunk<S: Seam>(
        &mut self,
        seam: &mut S,
        x: &mut Exchange,
        head: &[u8],
        bytes: &[u8],
    ) -> Option<usize> {
        let mut payload = self.take_buffer();
        let mut at = 0;
        loop {
            let piece = x.response.advance(&bytes[at..]).ok()?;
            let start = at + piece.payload.start;
            payload.extend_from_slice(&bytes[start..at + piece.payload.end]);
            at += piece.consumed;
            if piece.done || piece.consumed == 0 {
                break;
            }
        }
        self.feed_client(seam, x, &[head, &payload]);
        self.give_buffer(payload);
        Some(at)
    }

    /// The response is complete.
    fn response_done<S: Seam>(&mut self, seam: &mut S, mut x: Box<Exchange>) {
        let request_done = !x.is_request_open() && x.is_outbox_empty();
        let reusable =
            x.flags.target_keep_alive && request_done && !x.flags.isolate && !x.flags.deaf;
        self.release_target(seam, &mut x, reusable, End::Close);
        let after = match (x.flags.told_close, x.is_request_open()) {
            (false, _) => After::Next,
            (true, false) => After::Close,
            (true, true) => After::Linger,
        };
        self.conclude(seam, x, after);
    }

    /// A target's connection ended; `failed` tells a reset from an orderly end.
    pub(super) fn target_ended<S: Seam>(&mut self, seam: &mut S, conn: Conn, failed: bool) {
        let Some(target) = self.table.target(conn) else { return };
        let (uid, exchange) = (target.uid, target.exchange);
        let Some(mut x) = exchange.and_then(|index| self.lift(index)) else {
            self.pools.remove(uid, conn);
            return self.drop_target(seam, conn, End::Close);
        };
        let cause = if failed { Cause::TargetReset } else { Cause::TargetClosed };
        if !x.flags.answered {
            return self.died_early(seam, x, (conn, cause));
        }
        if x.flags.head_sent && !failed && x.response == Body::UntilClose {
            if x.rewrite == Rewrite::Chunk {
                self.feed_client(seam, &mut x, &[LAST_CHUNK]);
            }
            x.flags.target_keep_alive = false;
            return self.response_done(seam, x);
        }
        self.fail(seam, x, cause);
    }
}
