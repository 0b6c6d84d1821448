//! The workloads: what is asked, how often, and what their figure is called.
//!
//! Invariant: a workload's request asks for the path of the last of the twenty rules, so that an
//! engine that looks at its rules one by one has looked at all of them.

use serde::{Deserialize, Serialize};

use crate::limits;

/// One workload.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// GET 1 KiB over 64 kept connections, closed loop
    #[value(name = "get-64")]
    Get64,
    /// GET 1 KiB over 512 kept connections, closed loop
    #[value(name = "get-512")]
    Get512,
    /// A new connection for every GET, 64 at a time
    Churn,
    /// POST 16 KiB, answered with 64 KiB, 64 connections
    Post,
    /// Server-sent events: 1,000 streams, one 64-byte chunk per 40 ms each
    Sse,
    /// Memory per idle kept connection
    Idle,
}

/// A bar that a workload's figure must stay below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// What the figure is compared with.
    pub against: Against,
    /// The ratio, or for [`Against::Nothing`] the figure itself.
    pub limit: f64,
}

/// What a bar compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The better of the equal peers.
    Peer,
    /// The do-nothing relay.
    Relay,
    /// The figure stands for itself.
    Nothing,
}

// === impl Scenario ===

impl Scenario {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Get64, Self::Get512, Self::Churn, Self::Post, Self::Sse, Self::Idle];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get64 => "get-64",
            Self::Get512 => "get-512",
            Self::Churn => "churn",
            Self::Post => "post",
            Self::Sse => "sse",
            Self::Idle => "idle",
        }
    }

    /// The heading in the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Get64 => "GET 1 KiB, keep-alive, 64 connections",
            Self::Get512 => "GET 1 KiB, keep-alive, 512 connections",
            Self::Churn => "New connection per request, 64 at a time, GET 1 KiB",
            Self::Post => "POST 16 KiB, answer 64 KiB, 64 connections",
            Self::Sse => "Server-sent events: 1,000 streams, one 64-byte chunk per 40 ms each",
            Self::Idle => "Memory per idle keep-alive connection, after one request each",
        }
    }

    /// What the figure is.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Sse => "CPU µs/chunk",
            Self::Idle => "KiB/connection",
            _ => "CPU µs/request",
        }
    }

    /// Connections that are open at once.
    pub fn connections(self) -> usize {
        match self {
            Self::Get64 | Self::Churn | Self::Post => 64,
            Self::Get512 => 512,
            Self::Sse => limits::SSE_STREAMS,
            Self::Idle => limits::IDLE_WARM + limits::IDLE_CONNECTIONS,
        }
    }

    /// Bytes of a whole answer; `None` for a stream.
    pub fn answer_bytes(self) -> Option<usize> {
        match self {
            Self::Post => Some(64 * 1024),
            Self::Sse => None,
            _ => Some(1024),
        }
    }

    /// The bytes of one request.
    pub fn request(self) -> Vec<u8> {
        let rule = limits::RULES;
        let (method, file, extra, body) = match self {
            Self::Post => ("POST", "64k", "Content-Length: 16384\r\n", vec![b'x'; 16 * 1024]),
            Self::Sse => ("GET", "sse", "", Vec::new()),
            Self::Churn => ("GET", "1k", "Connection: close\r\n", Vec::new()),
            _ => ("GET", "1k", "", Vec::new()),
        };
        let head = format!(
            "{method} /svc-{rule:02}/{file} HTTP/1.1\r\nHost: bench.test\r\n\
             User-Agent: weir-bench\r\nAccept: */*\r\n{extra}\r\n"
        );
        [head.into_bytes(), body].concat()
    }

    /// The bars that this version must keep.
    pub fn bars(self) -> &'static [Bar] {
        match self {
            Self::Get64 => &[
                Bar { against: Against::Peer, limit: 0.80 },
                Bar { against: Against::Relay, limit: 1.35 },
            ],
            Self::Idle => &[Bar { against: Against::Nothing, limit: 1.5 }],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_ask_for_the_last_rule() {
        for scenario in Scenario::ALL {
            let request = String::from_utf8(scenario.request()).unwrap();
            assert!(request.contains(" /svc-20/"), "{request}");
            assert!(request.contains("\r\n\r\n"));
        }
        assert!(Scenario::Post.request().ends_with(&[b'x'; 16 * 1024]));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        use clap::ValueEnum;
        for scenario in Scenario::ALL {
            let value = scenario.to_possible_value().unwrap();
            assert_eq!(value.get_name(), scenario.name());
        }
        assert_eq!(Scenario::value_variants().len(), Scenario::ALL.len());
    }
}
