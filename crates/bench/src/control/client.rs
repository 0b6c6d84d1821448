//! A client of the API: signed calls over one kept connection, each one timed.
//!
//! Invariant: a call that did not succeed ends the bench, with what the server said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use weir_wire::request::Request;
use weir_wire::sigv4::{SecretKey, Signer};
use weir_wire::time::Time;

use crate::limits;

/// What everybody sends.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const REGION: &str = "us-east-1";

/// Who calls, and where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The API.
    pub address: SocketAddr,
    /// Access key id.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

/// How long each call took, by what it is called in the report (microseconds).
#[derive(Clone, Debug, Default)]
pub struct Times(pub BTreeMap<&'static str, Vec<u32>>);

/// One connection.
pub struct Client {
    caller: Caller,
    secret: SecretKey,
    host: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// What was measured.
    pub times: Times,
    /// Calls that were made.
    pub calls: usize,
}

// === impl Client ===

impl Client {
    /// A client; it connects at its first call.
    pub fn new(caller: &Caller) -> Self {
        Self {
            secret: SecretKey::new(&caller.secret),
            host: caller.address.to_string(),
            caller: caller.clone(),
            stream: None,
            buffer: Vec::new(),
            times: Times::default(),
            calls: 0,
        }
    }

    /// A call of the load balancing API, timed under its own name.
    pub fn elbv2(&mut self, action: &'static str, words: &[(&str, &str)]) -> Result<String> {
        self.timed(action, action, words)
    }

    /// The same, timed under another name.
    pub fn timed(
        &mut self,
        name: &'static str,
        action: &str,
        words: &[(&str, &str)],
    ) -> Result<String> {
        let begun = Instant::now();
        let answer = self.call("elasticloadbalancing", "2015-12-01", action, words)?;
        let took = begun.elapsed().as_micros().min(u128::from(u32::MAX)) as u32;
        self.times.0.entry(name).or_default().push(took);
        Ok(answer)
    }

    /// A call of the inventory, not timed.
    pub fn ec2(&mut self, action: &str, words: &[(&str, &str)]) -> Result<String> {
        self.call("ec2", "2016-11-15", action, words)
    }

    fn call(
        &mut self,
        service: &str,
        version: &str,
        action: &str,
        words: &[(&str, &str)],
    ) -> Result<String> {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in words {
            let _ = write!(body, "&{name}={}", encoded(value));
        }
        let request = self.signed(service, &body);
        self.calls += 1;
        let (status, answer) = self.exchange(&request).with_context(|| action.to_owned())?;
        if status != 200 {
            bail!("{action}: {status} {}", answer.trim());
        }
        Ok(answer)
    }

    fn signed(&self, service: &str, body: &str) -> Vec<u8> {
        let headers = [("Host", self.host.as_bytes()), ("Content-Type", FORM.as_bytes())];
        let request = Request {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let signer = Signer {
            access_key_id: &self.caller.key,
            secret: &self.secret,
            session_token: None,
            region: REGION,
            service,
            now: Time::from_epoch_s(since.as_secs() as i64),
        };
        let mut out = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n",
            self.host,
            body.len()
        );
        for (name, value) in signer.sign(&request) {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        out.push_str("\r\n");
        out.push_str(body);
        out.into_bytes()
    }

    fn exchange(&mut self, request: &[u8]) -> Result<(u16, String)> {
        if self.stream.is_none() {
            self.stream = Some(connect(self.caller.address)?);
        }
        let stream = self.stream.as_mut().context("connected above")?;
        stream.write_all(request)?;
        read_answer(stream, &mut self.buffer)
    }
}

// === impl Times ===

impl Times {
    /// Adds what another client measured.
    pub fn merge(&mut self, other: Self) {
        for (name, times) in other.0 {
            self.0.entry(name).or_default().extend(times);
        }
    }
}

/// A connection with deadlines.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, limits::ANSWER_WITHIN)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(limits::CALL_WITHIN))?;
    stream.set_write_timeout(Some(limits::CALL_WITHIN))?;
    Ok(stream)
}

/// Status and body of an answer with a length.
pub fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(u16, String)> {
    buffer.clear();
    let mut chunk = [0; 16 * 1024];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            bail!("the connection was closed");
        }
        buffer.extend_from_slice(&chunk[..read]);
        if buffer.len() > limits::PAGE_MAX {
            bail!("the answer does not end");
        }
        let Some(head) = memchr::memmem::find(buffer, b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head])?;
        let length = header(text, "content-length").and_then(|value| value.parse().ok());
        let length: usize = length.context("an answer without a length")?;
        let whole = head + 4 + length;
        if buffer.len() >= whole {
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
            let body = String::from_utf8_lossy(&buffer[head + 4..whole]).into_owned();
            return Ok((status.context("no status")?, body));
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// The texts of all elements of this name; the names that are asked for hold no elements.
pub fn texts<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(open.as_str()).skip(1);
    parts.filter_map(|part| Some(part.split_once(close.as_str())?.0)).collect()
}

/// The text of the first element of this name.
pub fn text<'a>(xml: &'a str, name: &str) -> Result<&'a str> {
    texts(xml, name).into_iter().next().with_context(|| format!("no {name} in the answer: {xml}"))
}

/// How long something took.
pub fn took<T>(what: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let begun = Instant::now();
    Ok((what()?, begun.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_words_encoded() {
        assert_eq!(encoded("a b/c~*"), "a%20b%2Fc~%2A");
        let xml = "<a><Name>x</Name><Name>y</Name></a>";
        assert_eq!(texts(xml, "Name"), ["x", "y"]);
        assert_eq!(text(xml, "Name").unwrap(), "x");
        assert!(text(xml, "Arn").is_err());
        assert_eq!(header("HTTP/1.1 200 OK\r\nContent-Length: 7", "content-length"), Some("7"));
    }
}
