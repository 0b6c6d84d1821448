//! A small client for our own API, for `weir demo`.
//!
//! Speaks the AWS query protocol with real signatures, so that the demo takes the same path as
//! everybody else.
//!
//! Invariant: every call has a deadline, and an error answer becomes an error with its AWS code.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use weir_wire::request::Request;
use weir_wire::sigv4::{SecretKey, Signer};
use weir_wire::time::Time;

use crate::credentials::Credentials;

const DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_MAX: u64 = 4 * 1024 * 1024;

/// Talks to one running instance.
pub struct Client {
    address: SocketAddr,
    credentials: Credentials,
    region: String,
}

// === impl Client ===

impl Client {
    /// A client of the API at `address`.
    pub fn new(address: SocketAddr, credentials: Credentials, region: String) -> Self {
        Self { address, credentials, region }
    }

    /// Calls an ELBv2 action and returns the XML of its answer.
    pub fn elbv2(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        self.call("elasticloadbalancing", "2015-12-01", action, parameters)
    }

    /// Calls an EC2 action and returns the XML of its answer.
    pub fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        self.call("ec2", "2016-11-15", action, parameters)
    }

    fn call(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        let answer = self.exchange(&self.signed(service, &body)?)?;
        let (head, xml) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status == "200" {
            return Ok(xml.to_owned());
        }
        let code = text(xml, "Code").unwrap_or(status);
        bail!("{action}: {code}: {}", text(xml, "Message").unwrap_or("no message"))
    }

    fn signed(&self, service: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        let host = self.address.to_string();
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let headers = [("Host", host.as_bytes()), ("Content-Type", kind.as_bytes())];
        let request = Request {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?;
        let secret = SecretKey::new(self.credentials.secret_access_key.clone());
        let signer = Signer {
            access_key_id: &self.credentials.access_key_id,
            secret: &secret,
            session_token: None,
            region: &self.region,
            service,
            now: Time::from_epoch_s(since.as_secs() as i64),
        };
        let mut out = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nConnection: close\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        for (name, value) in signer.sign(&request) {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
        out.push_str(body);
        Ok(out.into_bytes())
    }

    fn exchange(&self, request: &[u8]) -> anyhow::Result<String> {
        let what = || format!("the API at {}", self.address);
        let mut stream = TcpStream::connect_timeout(&self.address, DEADLINE).with_context(what)?;
        stream.set_read_timeout(Some(DEADLINE)).with_context(what)?;
        stream.set_write_timeout(Some(DEADLINE)).with_context(what)?;
        stream.write_all(request).with_context(what)?;
        let mut answer = String::new();
        stream.take(ANSWER_MAX).read_to_string(&mut answer).with_context(what)?;
        Ok(answer)
    }
}

/// The text of the first element of this name.
pub fn text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let len = xml[start..].find(&format!("</{name}>"))?;
    Some(&xml[start..start + len])
}

/// The texts of all elements of this name.
pub fn texts<'a>(xml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let open = format!("<{name}>");
    let parts: Vec<&str> = xml.split(open.as_str()).skip(1).collect();
    parts.into_iter().filter_map(move |part| part.split_once(&format!("</{name}>")).map(|p| p.0))
}

fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found() {
        let xml = "<A><B>1</B><C/><B>2</B></A>";
        assert_eq!(text(xml, "B"), Some("1"));
        assert_eq!(texts(xml, "B").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(text(xml, "D"), None);
    }

    #[test]
    fn values_are_percent_encoded() {
        assert_eq!(encoded("a/b c+é"), "a%2Fb%20c%2B%C3%A9");
    }
}
