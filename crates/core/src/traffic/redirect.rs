//! Redirect actions: a template of literal text and parts of the request.
//!
//! Invariant: a rendered `Location` carries its port, has a lower-case host, and is at most
//! `limits::REDIRECT_LOCATION_MAX` bytes, or there is none.
// spec: alb §2.7 `redirect`

use crate::limits;
use crate::resource::Redirect;

/// What placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub struct RedirectFacts<'a> {
    /// `http` or `https`, of the listener.
    pub protocol: &'a str,
    /// Host of the request without port.
    pub host: &'a [u8],
    /// Port of the listener.
    pub port: u16,
    /// As sent, with its leading `/`.
    pub path: &'a [u8],
    /// As sent, without `?`.
    pub query: &'a [u8],
}

/// A compiled redirect action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectPlan {
    /// 301 or 302.
    pub status: u16,
    protocol: Vec<Part>,
    host: Vec<Part>,
    port: Vec<Part>,
    path: Vec<Part>,
    query: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Protocol,
    Host,
    Port,
    Path,
    Query,
}

/// The location would be longer than AWS allows (status 507).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

// === impl RedirectPlan ===

impl RedirectPlan {
    /// Compiles the configuration of an action.
    pub fn new(redirect: &Redirect) -> Self {
        Self {
            status: redirect.status,
            protocol: parts(&redirect.protocol.to_ascii_lowercase()),
            host: parts(&redirect.host),
            port: parts(&redirect.port),
            path: parts(&redirect.path),
            query: parts(&redirect.query),
        }
    }

    /// Writes the `Location` for one request.
    pub fn render(&self, facts: &RedirectFacts<'_>) -> Result<Vec<u8>, TooLong> {
        let mut out = Vec::with_capacity(128);
        push(&mut out, &self.protocol, facts);
        out.extend_from_slice(b"://");
        let host_from = out.len();
        push(&mut out, &self.host, facts);
        out[host_from..].make_ascii_lowercase();
        out.push(b':');
        push(&mut out, &self.port, facts);
        push(&mut out, &self.path, facts);
        let query_from = out.len();
        push(&mut out, &self.query, facts);
        if out.len() > query_from {
            out.insert(query_from, b'?');
        }
        // Bytes that could end the header line never reach it, whatever the parser let through.
        out.retain(|&b| b > 0x20 && b != 0x7f);
        if out.len() > limits::REDIRECT_LOCATION_MAX { Err(TooLong) } else { Ok(out) }
    }
}

fn push(out: &mut Vec<u8>, parts: &[Part], facts: &RedirectFacts<'_>) {
    for part in parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Part::Protocol => out.extend_from_slice(facts.protocol.as_bytes()),
            Part::Host => out.extend_from_slice(facts.host),
            Part::Port => out.extend_from_slice(facts.port.to_string().as_bytes()),
            Part::Path => {
                out.extend_from_slice(facts.path.strip_prefix(b"/").unwrap_or(facts.path));
            }
            Part::Query => out.extend_from_slice(facts.query),
        }
    }
}

fn parts(template: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find("#{") {
        let Some(len) = rest[start..].find('}') else { break };
        let part = match &rest[start + 2..start + len] {
            "protocol" => Part::Protocol,
            "host" => Part::Host,
            "port" => Part::Port,
            "path" => Part::Path,
            "query" => Part::Query,
            _ => Part::Literal(rest[start..=start + len].to_owned()),
        };
        if start > 0 {
            out.push(Part::Literal(rest[..start].to_owned()));
        }
        out.push(part);
        rest = &rest[start + len + 1..];
    }
    if !rest.is_empty() {
        out.push(Part::Literal(rest.to_owned()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect() -> Redirect {
        Redirect {
            protocol: "#{protocol}".into(),
            host: "#{host}".into(),
            port: "#{port}".into(),
            path: "/#{path}".into(),
            query: "#{query}".into(),
            status: 301,
        }
    }

    fn location(redirect: &Redirect, path: &str, query: &str) -> Result<String, TooLong> {
        let facts = RedirectFacts {
            protocol: "http",
            host: b"Example.COM",
            port: 80,
            path: path.as_bytes(),
            query: query.as_bytes(),
        };
        let plan = RedirectPlan::new(redirect);
        plan.render(&facts).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn to_https_keeps_host_path_and_query() {
        let to = Redirect { protocol: "HTTPS".into(), port: "443".into(), ..redirect() };
        assert_eq!(location(&to, "/a/b", "x=1").unwrap(), "https://example.com:443/a/b?x=1");
        assert_eq!(location(&to, "/", "").unwrap(), "https://example.com:443/");
    }

    #[test]
    fn all_placeholders_work_in_path_and_query() {
        let to = Redirect {
            path: "/#{host}/#{path}/#{port}".into(),
            query: "p=#{protocol}&h=#{host}&n=#{port}&f=#{path}&q=#{query}".into(),
            ..redirect()
        };
        assert_eq!(
            location(&to, "/x", "y").unwrap(),
            "http://example.com:80/Example.COM/x/80?p=http&h=Example.COM&n=80&f=x&q=y"
        );
    }

    #[test]
    fn too_long_and_unsafe_bytes() {
        let long = format!("/{}", "a".repeat(limits::REDIRECT_LOCATION_MAX));
        assert_eq!(location(&redirect(), &long, ""), Err(TooLong));
        assert_eq!(location(&redirect(), "/a\r\nb", "").unwrap(), "http://example.com:80/ab");
        let odd = Redirect { path: "/#{nope}/#{".into(), ..redirect() };
        assert_eq!(location(&odd, "/", "").unwrap(), "http://example.com:80/#{nope}/#{");
    }
}
