//! What a rule asks of a request.
//!
//! Invariant: every condition has at least one comparison string (or names a family), all within
//! the lengths and alphabets of the specification, and every regular expression compiles within
//! `limits::REGEX_SIZE_MAX`.
// spec: alb §2.2 Conditions

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// One condition; its values are alternatives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Host header without port, case-insensitive.
    HostHeader {
        /// Patterns with `*` and `?`.
        values: Vec<String>,
        /// Regular expressions.
        regexes: Vec<String>,
    },
    /// Normalised path, case-sensitive, never the query.
    PathPattern {
        /// Patterns with `*` and `?`.
        values: Vec<String>,
        /// Regular expressions.
        regexes: Vec<String>,
    },
    /// A named header; name and values case-insensitive.
    HttpHeader {
        /// Without wildcards.
        name: String,
        /// Patterns with `*` and `?`.
        values: Vec<String>,
        /// Regular expressions.
        regexes: Vec<String>,
    },
    /// Exact, case-sensitive method tokens.
    HttpRequestMethod {
        /// Methods.
        values: Vec<String>,
    },
    /// Pairs of the query string, case-insensitive.
    QueryString {
        /// Alternatives.
        values: Vec<QueryPair>,
    },
    /// The TCP peer, never X-Forwarded-For.
    SourceIp {
        /// IPv4 and IPv6 blocks; none when the family alone is asked for.
        values: Vec<IpNet>,
        /// `IpAddressType`, in rules of network load balancers.
        // spec: nlb-gwlb-clb §1.2 Listener rules (added 2026) [D][M]
        #[serde(default)]
        family: Option<IpFamily>,
    },
}

/// Which addresses a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// `ipv4`.
    Ipv4,
    /// `ipv6`.
    Ipv6,
}

/// One alternative of a `query-string` condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryPair {
    /// Pattern for the key; `None` compares the value only.
    pub key: Option<String>,
    /// Pattern for the value; `\*` and `\?` are literal.
    pub value: String,
}

// === impl Condition ===

impl Condition {
    /// The API's `Field`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::HostHeader { .. } => "host-header",
            Self::PathPattern { .. } => "path-pattern",
            Self::HttpHeader { .. } => "http-header",
            Self::HttpRequestMethod { .. } => "http-request-method",
            Self::QueryString { .. } => "query-string",
            Self::SourceIp { .. } => "source-ip",
        }
    }
}

// === impl IpFamily ===

impl IpFamily {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}
