//! Every request with what is known about it, and the judgement of what became of it.
//!
//! The client says what it sent and saw, the targets say what reached them, the access log says
//! what the engine believes; the views of the epochs that the request may have seen say what was
//! allowed.
//!
//! Invariant: a request is judged once, when its client knows how it ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::view::{Act, View};

/// A request by its number.
pub type Id = usize;

/// How well-behaved the client of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Everything is expected to go right, unless the world fails it.
    Good,
    /// It may go away, stall, or send what is no request.
    Bad,
}

/// What a client saw of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The status code.
    pub status: u16,
    /// The request that the answer says it belongs to; only targets say it.
    pub id: Option<Id>,
    /// The target that says it answered.
    pub target: Option<SocketAddr>,
    /// Length of the body that the target meant.
    pub meant: u64,
    /// Bytes of the body so far.
    pub got: u64,
    /// The first bytes of a body that no target sent.
    pub text: Vec<u8>,
    /// `Location`.
    pub location: Option<String>,
    /// Whether it says that the connection closes.
    pub closes: bool,
    /// Whether a target answers HEAD with lengths that make no sense.
    pub odd: bool,
    /// Bytes of the answer as they came, interim ones included.
    pub raw: u64,
}

/// How it ended for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A complete answer.
    Answered(Seen),
    /// The connection ended first, visibly.
    Failed {
        /// Whether some byte of the answer came.
        begun: bool,
    },
    /// The client went away itself.
    Left,
}

/// A copy of a request that reached a target.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Which one.
    pub target: SocketAddr,
}

/// What the access log says about a request.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What the client got.
    pub status: u16,
    /// The cause, or `-`.
    pub reason: String,
    /// Bytes to the client.
    pub sent: u64,
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path without query.
    pub path: &'static str,
    /// `Host`.
    pub host: &'static str,
    /// Where it was sent to.
    pub door: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
    /// Bytes of its body.
    pub body_len: u64,
    /// Whether the load balancer is the one that is left alone.
    pub still: bool,
    /// The client.
    pub manners: Manners,
    /// The newest epoch that was acknowledged when its first byte was sent.
    pub low: usize,
    /// When that was.
    pub sent_us: u64,
    /// Whether its connection was used, idle for so long before (microseconds).
    pub idle_us: u64,
    /// Copies at targets.
    pub arrivals: Vec<Arrival>,
    /// Lines in the access log.
    pub records: Vec<Record>,
    /// How it ended.
    pub ending: Option<Ending>,
}

/// What else the judge has to know.
pub struct Circumstances<'a> {
    /// Epochs that the request may have seen.
    pub views: &'a [View],
    /// Whether targets and links fail in this world.
    pub storm: bool,
    /// Time since it was sent (microseconds).
    pub waited_us: u64,
    /// Whether the weather cut the client's link, or an earlier answer announced the end.
    pub excused: bool,
}

/// All requests.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By number.
    pub requests: Vec<Request>,
    /// Answers of targets that were complete, and all other endings.
    pub counts: Counts,
    /// Causes that the access log named, with how often.
    pub causes: BTreeMap<String, u64>,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete answers of targets.
    pub served: u64,
    /// Complete answers of a load balancer.
    pub generated: u64,
    /// Visible failures.
    pub failed: u64,
    /// Clients that left.
    pub left: u64,
    /// Copies at targets beyond the first.
    pub replays: u64,
    /// Access-log lines.
    pub records: u64,
}

// === impl Request ===

impl Request {
    fn any(&self, views: &[View], test: impl Fn(&View) -> bool) -> bool {
        views.iter().any(test)
    }

    fn may_reach(&self, views: &[View], target: SocketAddr) -> bool {
        self.any(views, |view| view.may_reach(self.door, self.host, self.path, target))
    }

    fn may_act(&self, views: &[View], test: impl Fn(Option<&Act>) -> bool) -> bool {
        self.any(views, |view| test(view.act(self.door, self.host, self.path)))
    }

    fn reason(&self) -> &str {
        self.records.last().map_or("", |record| record.reason.as_str())
    }

    /// Judges a request that reached a target.
    ///
    /// # Errors
    /// The broken promise.
    pub fn judge_arrival(&self, arrival: Arrival, views: &[View]) -> Result<(), String> {
        let safe = matches!(self.method, "GET" | "HEAD" | "PUT" | "DELETE");
        if !safe && !self.arrivals.is_empty() {
            return Err(format!("{} reached targets twice", self.method));
        }
        if self.arrivals.len() > 6 {
            return Err("more copies than any rule of retrying allows".to_owned());
        }
        if !self.may_reach(views, arrival.target) {
            let target = arrival.target;
            return Err(format!("{target} takes no new requests by any epoch it may have seen"));
        }
        Ok(())
    }

    /// Judges how a request ended.
    ///
    /// # Errors
    /// The broken promise.
    pub fn judge(&self, ending: &Ending, about: &Circumstances<'_>) -> Result<(), String> {
        match ending {
            Ending::Left => Ok(()),
            Ending::Failed { begun } => self.judge_failure(*begun, about),
            Ending::Answered(seen) if seen.target.is_some() => self.judge_served(seen, about),
            Ending::Answered(seen) => self.judge_generated(seen, about),
        }
    }

    fn judge_served(&self, seen: &Seen, about: &Circumstances<'_>) -> Result<(), String> {
        if seen.got != seen.meant {
            return Err(format!("silently truncated: {} of {} bytes", seen.got, seen.meant));
        }
        let target = seen.target.unwrap_or(self.door);
        if !self.arrivals.iter().any(|arrival| arrival.target == target) {
            return Err(format!("answered by {target}, which never saw it"));
        }
        if !self.may_reach(about.views, target) {
            return Err(format!("served by {target} against every epoch it may have seen"));
        }
        self.recorded(seen)
    }

    /// The log was written before the client could see the end.
    fn recorded(&self, seen: &Seen) -> Result<(), String> {
        match self.records.as_slice() {
            [record] if record.status == seen.status && record.sent == seen.raw => Ok(()),
            records => Err(format!("the client got {seen:?}, the access log says {records:?}")),
        }
    }

    fn judge_generated(&self, seen: &Seen, about: &Circumstances<'_>) -> Result<(), String> {
        self.recorded(seen)?;
        let (views, text) = (about.views, String::from_utf8_lossy(&seen.text).into_owned());
        let bodiless = self.method == "HEAD";
        if seen.odd && bodiless && about.storm {
            return Ok(());
        }
        let allowed = match seen.status {
            222 => self.may_act(views, |act| match act {
                Some(Act::Fixed(body)) => bodiless || *body == text,
                _ => false,
            }),
            302 => self.may_act(views, |act| match (act, &seen.location) {
                (Some(Act::Redirect(host)), Some(location)) => location.contains(host.as_str()),
                _ => false,
            }),
            _ => return self.judge_error(seen, about),
        };
        if allowed {
            return Ok(());
        }
        Err(format!("{} {text:?} against every epoch it may have seen", seen.status))
    }

    /// Every error has a cause that the log names, and that fits the world.
    fn judge_error(&self, seen: &Seen, about: &Circumstances<'_>) -> Result<(), String> {
        let (status, reason) = (seen.status, self.reason());
        let named = weir_core::traffic::http::outcome::Cause::ALL
            .into_iter()
            .find(|cause| cause.code() == reason);
        let Some(cause) = named.filter(|cause| cause.status() == status) else {
            return Err(format!("{status} with the cause {reason:?}"));
        };
        self.judge_patience(reason, about)?;
        let empty = |view: &View| view.may_be_empty(self.door, self.host, self.path);
        let fits = match reason {
            "TargetsMissing" => self.any(about.views, empty),
            "TargetDeregistered" => !self.still,
            "RequestTimeout" => self.manners == Manners::Bad,
            _ if status < 500 => self.manners == Manners::Bad,
            _ => about.storm && !self.still || self.manners == Manners::Bad,
        };
        if fits { Ok(()) } else { Err(format!("{status} {cause:?} without a reason in the world")) }
    }

    /// No deadline is cut short.
    fn judge_patience(&self, reason: &str, about: &Circumstances<'_>) -> Result<(), String> {
        let least_us = match reason {
            "TargetConnectTimeout" => weir_l7::limits::CONNECT_TIMEOUT_MS * 1_000,
            "TargetTimeout" | "RequestTimeout" | "ClientStalled" => about.idle_us(self.door),
            _ => 0,
        };
        // The engine's clock counts whole milliseconds.
        if about.waited_us + 2_000 >= least_us {
            return Ok(());
        }
        Err(format!("{reason} after {} of {least_us} us", about.waited_us))
    }

    fn judge_failure(&self, begun: bool, about: &Circumstances<'_>) -> Result<(), String> {
        let gone = self.may_act(about.views, |act| act.is_none());
        let idle_us = about.idle_us(self.door);
        let raced = !begun && self.idle_us + 2 * crate::limits::SLACK_US > idle_us;
        let bad = self.manners == Manners::Bad;
        if about.excused || gone && !self.still || raced || bad {
            return Ok(());
        }
        match self.reason() {
            "TargetDeregistered" if !self.still => Ok(()),
            "" | "-" => Err(format!("failed (begun: {begun}) without a record of the reason")),
            _ if about.storm && !self.still => Ok(()),
            reason => Err(format!("failed with {reason} without a reason in the world")),
        }
    }
}

// === impl Circumstances ===

impl Circumstances<'_> {
    /// The shortest idle timeout that may have been in force at a door (microseconds).
    fn idle_us(&self, door: SocketAddr) -> u64 {
        let doors = self.views.iter().map(|view| view.doors.get(&door));
        doors.map(|door| door.map_or(0, |door| door.idle_ms * 1_000)).min().unwrap_or(0)
    }
}

// === impl Ledger ===

impl Ledger {
    /// Takes an access-log line.
    ///
    /// # Errors
    /// A second line for one request, or a line that is none.
    pub fn record(&mut self, line: &[u8]) -> Result<(), String> {
        self.counts.records += 1;
        let text = String::from_utf8_lossy(line);
        let fields = fields(text.trim_end_matches('\n'));
        if fields.len() != 33 {
            return Err(format!("{} fields in {text}", fields.len()));
        }
        let reason = fields[24].trim_matches('"').to_owned();
        *self.causes.entry(reason.clone()).or_default() += 1;
        let Some(id) = number_in(&fields[12]) else { return Ok(()) };
        let Some(request) = self.requests.get_mut(id) else {
            return Err(format!("a line about a request that was never sent: {text}"));
        };
        let number = |at: usize| fields[at].parse().unwrap_or(0);
        let record = Record { status: number(8) as u16, reason, sent: number(11) };
        request.records.push(record);
        if request.records.len() > 1 {
            return Err(format!("request {id} has two lines: {:?}", request.records));
        }
        Ok(())
    }

    /// Notes how a request ended, and judges it.
    ///
    /// # Errors
    /// The broken promise.
    pub fn end(&mut self, id: Id, ending: Ending, about: &Circumstances<'_>) -> Result<(), String> {
        let request = &mut self.requests[id];
        let count = match &ending {
            Ending::Answered(seen) if seen.target.is_some() => &mut self.counts.served,
            Ending::Answered(_) => &mut self.counts.generated,
            Ending::Failed { .. } => &mut self.counts.failed,
            Ending::Left => &mut self.counts.left,
        };
        *count += 1;
        if let Some(before) = &request.ending {
            return Err(format!("request {id} ended twice: {before:?}, {ending:?}"));
        }
        let judged = request.judge(&ending, about);
        request.ending = Some(ending);
        judged.map_err(|why| format!("request {id}: {why}; {request:?}"))
    }
}

/// Splits a line as a log reader does: at spaces outside quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            ' ' if !quoted => out.push(String::new()),
            c => {
                quoted ^= c == '"';
                if let Some(last) = out.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    out
}

/// The number behind `?id=`, if it is complete.
pub fn number_in(text: &str) -> Option<Id> {
    let (_, rest) = text.split_once("?id=")?;
    let (digits, _) = rest.split_once(' ')?;
    digits.parse().ok()
}
