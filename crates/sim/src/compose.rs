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

    /// Bytes that are no request, or one in a doubtful form. What a target may see of them is
    /// marked, so that it expects nothing.
    pub fn wild_bytes(&mut self) -> Vec<u8> {
        let mark = "Host: a.example\r\nX-Sim-Wild: 1\r\n";
        let inner = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
        let text = match self.net.below(20) {
            0 => "\r\n\r\n\r\n\r\n\r\n\r\n".to_owned(),
            1 => "GET / HTTP/1.1\r\n\r\n".to_owned(),
            2 => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            3 => format!("TRACE / HTTP/1.1\r\n{mark}\r\n"),
            4 => format!("CONNECT a:1 HTTP/1.1\r\n{mark}\r\n"),
            5 => format!(
                "POST /w HTTP/1.1\r\n{mark}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
                 0\r\n\r\n{inner}"
            ),
            6 => format!(
                "POST /w HTTP/1.1\r\n{mark}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
                 0\r\n\r\n{inner}",
                5 + inner.len()
            ),
            7 => format!("GET /w HTTP/1.1\r\n{mark}X-Folded: a\r\n b\r\n\r\n"),
            8 => format!("GET /w HTTP/1.1\n{}\n", mark.replace('\r', "")),
            9 => format!("POST /w HTTP/1.1\r\n{mark}Content-Length: +4\r\n\r\nabcd"),
            10 => format!("POST /w HTTP/1.1\r\n{mark}Transfer-Encoding: xchunked\r\n\r\n{inner}"),
            11 => format!(
                "POST /w HTTP/1.1\r\n{mark}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"
            ),
            12 => format!("POST /w HTTP/1.1\r\n{mark}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            13 => format!("GET /{} HTTP/1.1\r\n{mark}\r\n", "l".repeat(17_000)),
            14 => format!("GET /w HTTP/1.1\r\n{mark}X-Big: {}\r\n\r\n", "b".repeat(70_000)),
            15 => format!("GET /w HTTP/1.1\r\n{mark}X Space: 1\r\nBad : 2\r\n\r\n"),
            16 => format!("POST /w HTTP/1.1\r\n{mark}Transfer-Encoding : chunked\r\n\r\n{inner}"),
            17 => format!("GET /w\r\n{mark}\r\n"),
            18 => format!("GET http://b.example/w?x HTTP/1.1\r\n{mark}\r\n"),
            _ => String::new(),
        };
        if !text.is_empty() {
            return text.into_bytes();
        }
        let len = 1 + self.net.below(400);
        (0..len).map(|_| self.net.below(256) as u8).collect()
    }
}
