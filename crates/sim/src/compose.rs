//! What clients send: requests in every valid form, and bytes in forms that are not.
//!
//! Invariant: whatever is valid carries the number of its request in its target, and a body whose
//! every byte follows from that number.

use crate::client::Kind;
use crate::http::body;
use crate::ledger::{Manners, Request};
use crate::limits;
use crate::workload::{HOSTS, PATHS};
use crate::world::World;

impl World {
    /// Puts the next request of a client into its outgoing bytes.
    pub fn client_composes(&mut self, slot: usize) {
        let id = self.ledger.requests.len();
        let method = match self.net.below(20) {
            0..=9 => "GET",
            10 | 11 => "HEAD",
            12 => "DELETE",
            13 | 14 => "PUT",
            _ => "POST",
        };
        let method = if self.clients[slot].kind == Kind::Expecting { "POST" } else { method };
        let has_body = matches!(method, "POST" | "PUT");
        let big = self.net.once_in(4);
        let most = if big { limits::BODY_MAX } else { 700 };
        let body_len = if has_body { self.net.below(most) as usize } else { 0 };
        let host = HOSTS[self.net.below(3) as usize];
        let path = PATHS[self.net.below(3) as usize];
        let head = self.request_head(slot, id, (method, path, host));
        self.request_body(slot, id, head, has_body.then_some(body_len));
        let now_us = self.net.now_us;
        let low = self.control.acknowledged();
        let client = &mut self.clients[slot];
        let manners = client.manners();
        let idle_us = now_us - client.last_us;
        client.waiting.push_back(id);
        client.last_us = now_us;
        self.ledger.requests.push(Request {
            method,
            path,
            host,
            door: client.door,
            peer: client.peer,
            body_len: body_len as u64,
            still: client.still,
            manners,
            low,
            sent_us: now_us,
            idle_us,
            arrivals: Vec::new(),
            records: Vec::new(),
            ending: None,
        });
        if manners == Manners::Bad {
            self.net.trace.mix(&[id as u64]);
        }
    }

    fn request_head(
        &mut self,
        slot: usize,
        id: usize,
        (method, path, host): (&str, &str, &str),
    ) -> String {
        let old = self.clients[slot].kind == Kind::Old;
        let version = if old { "1.0" } else { "1.1" };
        let mut head = format!("{method} {path}?id={id} HTTP/{version}\r\nHost: {host}\r\n");
        if self.net.once_in(3) {
            head.push_str("Accept: */*\r\nUser-Agent: sim \"quoted\" \\ agent\r\n");
        }
        if !old && self.net.once_in(5) {
            head.push_str("Connection: keep-alive, X-Hop\r\nX-Hop: gone\r\n");
        }
        if !old && self.net.once_in(12) {
            head.push_str("Connection: upgrade\r\nUpgrade: websocket\r\n");
        }
        if self.clients[slot].persists {
            head.push_str("Connection: keep-alive\r\n");
        }
        if self.net.once_in(30) {
            head.push_str(&format!("X-Long: {}\r\n", "y".repeat(6_000)));
        }
        head.push_str("X-Sim-Plain: plain\r\n");
        head
    }

    fn request_body(&mut self, slot: usize, id: usize, mut head: String, len: Option<usize>) {
        let bytes = body(2 * id as u64 + 1, len.unwrap_or(0));
        let mut text = Vec::new();
        let kind = self.clients[slot].kind;
        let expects = kind == Kind::Expecting && len.is_some_and(|len| len > 0);
        if expects {
            head.push_str("Expect: 100-continue\r\n");
        }
        match len {
            None => {}
            Some(_) if kind != Kind::Old && self.net.once_in(2) => {
                head.push_str("Transfer-Encoding: chunked\r\n");
                self.chunked(&bytes, &mut text);
            }
            Some(len) => {
                head.push_str(&format!("Content-Length: {len}\r\n"));
                text = bytes;
            }
        }
        head.push_str("\r\n");
        let client = &mut self.clients[slot];
        client.out.extend_from_slice(head.as_bytes());
        if expects {
            client.held = Some(text);
        } else {
            client.out.extend_from_slice(&text);
        }
    }

    /// Bytes that are no request, or one in a doubtful form, and the status that they must get
    /// where only one is right. What a target may see of them is marked, so that it expects
    /// nothing.
    // spec: alb §10.1 Status codes and causes
    pub fn wild_bytes(&mut self) -> (Vec<u8>, Option<u16>) {
        let which = self.net.below(24);
        if let Some((text, status)) = refused(which) {
            return (text.into_bytes(), Some(status));
        }
        if let Some(text) = doubtful(which) {
            return (text.into_bytes(), None);
        }
        let len = 1 + self.net.below(400);
        ((0..len).map(|_| self.net.below(256) as u8).collect(), None)
    }
}

const MARK: &str = "Host: a.example\r\nX-Sim-Wild: 1\r\n";
/// What must not get out of the body of another request.
const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Requests that have exactly one right answer, whatever the configuration.
fn refused(which: u32) -> Option<(String, u16)> {
    Some(match which {
        0 => ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        1 => ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        2 => (format!("TRACE / HTTP/1.1\r\n{MARK}\r\n"), 405),
        3 => (format!("CONNECT a:1 HTTP/1.1\r\n{MARK}\r\n"), 405),
        4 => (format!("POST /w HTTP/1.1\r\n{MARK}Transfer-Encoding: gzip\r\n\r\n{INNER}"), 501),
        5 => (format!("POST /w HTTP/1.1\r\n{MARK}Content-Length: +4\r\n\r\nabcd"), 400),
        6 => {
            let lengths = "Content-Length: 3\r\nContent-Length: 5\r\n";
            (format!("POST /w HTTP/1.1\r\n{MARK}{lengths}\r\nabcde"), 400)
        }
        7 => (format!("GET /{} HTTP/1.1\r\n{MARK}\r\n", "l".repeat(17_000)), 414),
        8 => (format!("GET /w HTTP/1.1\r\n{MARK}X-Big: {}\r\n\r\n", "b".repeat(70_000)), 400),
        9 => {
            let hops = "1.1.1.1, ".repeat(31);
            (format!("GET /w HTTP/1.1\r\n{MARK}X-Forwarded-For: {hops}2.2.2.2\r\n\r\n"), 463)
        }
        _ => return None,
    })
}

/// Requests that may pass in a harmless form, or not at all.
fn doubtful(which: u32) -> Option<String> {
    let both = |length: usize| {
        format!(
            "POST /w HTTP/1.1\r\n{MARK}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\
             \r\n0\r\n\r\n{INNER}"
        )
    };
    Some(match which {
        10 => "\r\n\r\n\r\n\r\n\r\n\r\n".to_owned(),
        11 => both(4),
        12 => both(5 + INNER.len()),
        13 => format!("GET /w HTTP/1.1\r\n{MARK}X-Folded: a\r\n b\r\n\r\n"),
        14 => format!("GET /w HTTP/1.1\n{}\n", MARK.replace('\r', "")),
        15 => format!("POST /w HTTP/1.1\r\n{MARK}Transfer-Encoding: xchunked\r\n\r\n{INNER}"),
        16 => format!("POST /w HTTP/1.1\r\n{MARK}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        17 => format!("GET /w HTTP/1.1\r\n{MARK}X Space: 1\r\nBad : 2\r\n\r\n"),
        18 => format!("POST /w HTTP/1.1\r\n{MARK}Transfer-Encoding : chunked\r\n\r\n{INNER}"),
        19 => format!("GET /w\r\n{MARK}\r\n"),
        20 => format!("GET http://b.example/w?x HTTP/1.1\r\n{MARK}\r\n"),
        21 => format!("GET /w HTTP/1.1\r\n{MARK}Content-Length: 3\r\n\r\nabc"),
        _ => return None,
    })
}
