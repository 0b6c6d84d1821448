//! A listener: one port of a load balancer.
//!
//! Its default actions are not here: they are the actions of its default rule, so that
//! ModifyListener and ModifyRule change the same thing.
//!
//! Invariant: one listener per (load balancer, port).

use serde::{Deserialize, Serialize};

use super::{AttributeValues, ListenerArn, LoadBalancerArn, RuleArn, Tags};

/// `Protocol` of an application listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ListenerProtocol {
    /// Clear text.
    Http,
    /// TLS; not served yet.
    Https,
}

/// What the store keeps of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Identity.
    pub arn: ListenerArn,
    /// Owner.
    pub load_balancer: LoadBalancerArn,
    /// 1..=65535.
    pub port: u16,
    /// HTTP for now.
    pub protocol: ListenerProtocol,
    /// The rule that holds its default actions.
    pub default_rule: RuleArn,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Set values only; see `attribute`.
    pub attributes: AttributeValues,
    /// Tags.
    pub tags: Tags,
}

// === impl ListenerProtocol ===

impl ListenerProtocol {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }

    /// The URL scheme, also the value of `X-Forwarded-Proto`.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL of this scheme may leave out.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}
