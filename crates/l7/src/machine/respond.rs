//! The only place that turns an outcome into bytes, and the only place where an exchange ends.
//!
//! Invariant: every exchange passes through `conclude` exactly once, and leaves exactly one
//! access record.

use weir_core::traffic::http::Method;
use weir_core::traffic::http::outcome::Cause;
use weir_core::traffic::http::page;
use weir_core::traffic::route::FixedPlan;
use weir_wire::http1::body::Body;
use weir_wire::http1::write;

use super::engine::{Desk, Engine};
use super::exchange::Exchange;
use super::head;
use super::seam::{End, Seam};
use super::table::After;
use crate::limits;

/// What the load balancer says itself.
#[derive(Debug)]
pub(super) enum Answer {
    /// An error page.
    Error(Cause),
    /// 301 or 302.
    Redirect {
        /// The code.
        status: u16,
        /// Where to.
        location: Vec<u8>,
    },
    /// A fixed response.
    Fixed(FixedPlan),
}

impl Engine {
    /// Ends an exchange for a named cause: with an error page, or, when the response has begun,
    /// with a visible failure.
    pub(super) fn fail<S: Seam>(&mut self, seam: &mut S, x: Box<Exchange>, cause: Cause) {
        let mut desk = self.take_desk();
        self.fail_with(seam, x, cause, &mut desk);
        self.put_desk(desk);
    }

    /// The same, when the desk is in the caller's hands.
    pub(super) fn fail_with<S: Seam>(
        &mut self,
        seam: &mut S,
        mut x: Box<Exchange>,
        cause: Cause,
        desk: &mut Desk,
    ) {
        x.cause = Some(cause);
        self.release_target(seam, &mut x, false, End::Reset);
        if !x.flags.head_sent {
            return self.answer(seam, x, Answer::Error(cause), desk);
        }
        x.plan().cell.lanes[self.thread].broken.inc();
        let after = if x.shows_truncation() { After::Close } else { After::Reset };
        self.conclude(seam, x, after);
    }

    /// Ends an exchange whose client is gone. The caller drops the client's connection.
    // spec: alb §10.1 Status codes and causes
    pub(super) fn cancel<S: Seam>(&mut self, seam: &mut S, mut x: Box<Exchange>, cause: Cause) {
        x.cause = Some(cause);
        x.status = cause.status();
        let lane = &x.plan().cell.lanes[self.thread];
        lane.cancelled.inc();
        lane.elb_4xx.inc();
        self.release_target(seam, &mut x, false, End::Reset);
        self.report(seam, &x);
        if let Some(client) = self.table.client(x.client) {
            client.exchange = None;
        }
        self.recycle(x);
    }

    /// Answers a request without a target.
    pub(super) fn answer<S: Seam>(
        &mut self,
        seam: &mut S,
        mut x: Box<Exchange>,
        answer: Answer,
        desk: &mut Desk,
    ) {
        let after = self.after_answer(&x, &answer);
        let close = !matches!(after, After::Next | After::Skip(_));
        x.status = match &answer {
            Answer::Error(cause) => cause.status(),
            Answer::Redirect { status, .. } => *status,
            Answer::Fixed(fixed) => fixed.status,
        };
        self.count_answer(&x);
        desk.text.clear();
        self.write_answer(&x, &answer, close, &mut desk.text);
        self.feed_client(seam, &mut x, &[&desk.text]);
        x.flags.head_sent = true;
        self.conclude(seam, x, after);
    }

    /// What becomes of the client's connection: the next request begins behind the body of this
    /// one, if that is short enough to be read past.
    fn after_answer(&mut self, x: &Exchange, answer: &Answer) -> After {
        let lost = matches!(answer, Answer::Error(cause) if cause.closes());
        if lost || !self.keeps_client(x) {
            return if lost || x.is_request_open() { After::Linger } else { After::Close };
        }
        match x.request {
            _ if !x.is_request_open() => After::Next,
            // A body that was never invited may not come: the next bytes could be either.
            _ if x.flags.expects => After::Linger,
            Body::Length(left) if left <= limits::SKIP_BYTES_MAX => After::Skip(left),
            _ => After::Linger,
        }
    }

    /// Head and body of an answer.
    // spec: alb §10.2 Exact response format [O unless noted]
    fn write_answer(&mut self, x: &Exchange, answer: &Answer, close: bool, out: &mut Vec<u8>) {
        let plan = x.plan();
        let (phrase, location, fixed) = match answer {
            Answer::Error(_) => (page::phrase(x.status), None, None),
            Answer::Redirect { location, .. } => (page::phrase(x.status), Some(location), None),
            Answer::Fixed(fixed) => (page::fixed_response_phrase(x.status), None, Some(fixed)),
        };
        page::write_status_line(x.status, phrase, out);
        if plan.server_header {
            write::header(out, b"Server", b"awselb/2.0");
        }
        write::header(out, b"Date", &self.date());
        let length = match fixed {
            None => {
                write::header(out, b"Content-Type", b"text/html");
                page::body_len(x.status)
            }
            Some(fixed) => {
                if let Some(content_type) = &fixed.content_type {
                    write::header(out, b"Content-Type", content_type.as_bytes());
                }
                fixed.body.len()
            }
        };
        // 204 has no body and may not speak of its length.
        if x.status != 204 {
            write::header_decimal(out, b"Content-Length", length as u64);
        }
        let state: &[u8] = if close { b"close" } else { b"keep-alive" };
        write::header(out, b"Connection", state);
        if let Some(location) = location {
            write::header(out, b"Location", location);
        }
        head::write_attributes(plan, out);
        out.extend_from_slice(b"\r\n");
        if x.method == Method::Head || x.status == 204 {
            return;
        }
        match fixed {
            None => page::write_body(x.status, out),
            Some(fixed) => out.extend_from_slice(&fixed.body),
        }
    }

    fn count_answer(&self, x: &Exchange) {
        let lane = &x.plan().cell.lanes[self.thread];
        match x.status {
            300..=399 => lane.elb_3xx.inc(),
            400..=499 => lane.elb_4xx.inc(),
            500..=599 => lane.elb_5xx.inc(),
            _ => {}
        }
        match x.status {
            502 => lane.elb_502.inc(),
            503 => lane.elb_503.inc(),
            504 => lane.elb_504.inc(),
            _ => {}
        }
    }

    /// The end of an exchange: it is recorded, its memory is kept, and the client's connection
    /// goes on as `after` says.
    pub(super) fn conclude<S: Seam>(&mut self, seam: &mut S, x: Box<Exchange>, after: After) {
        debug_assert!(x.target.is_none() && x.in_flight.is_none(), "the target was released");
        self.report(seam, &x);
        let client = x.client;
        self.recycle(x);
        self.follow(seam, client, after);
    }
}
