//! What a rule does with a request.
//!
//! Invariant: weights are 0..=999, a forward names 1..=5 groups, each once, and a fixed response
//! has a status 2xx, 4xx or 5xx.
// spec: alb §2.5 Actions - composition rules

use serde::{Deserialize, Serialize};

use super::TargetGroupArn;

/// One action with its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// 1..=50000 when the caller gave one; echoed.
    pub order: Option<u32>,
    /// What happens.
    pub kind: ActionKind,
}

/// The routing actions that are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionKind {
    /// To a target of one of the groups.
    Forward(Forward),
    /// 301 or 302.
    Redirect(Redirect),
    /// An answer of our own.
    FixedResponse(FixedResponse),
}

/// A weighted choice among target groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// 1..=5 groups.
    pub groups: Vec<WeightedGroup>,
    /// `TargetGroupStickinessConfig.Enabled`; only `false` is served yet.
    pub stickiness_enabled: bool,
    /// `DurationSeconds`, 1..=604800, when the caller gave one.
    pub stickiness_seconds: Option<u32>,
}

/// One group of a forward action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedGroup {
    /// The group.
    pub group: TargetGroupArn,
    /// 0..=999; 0 receives nothing.
    pub weight: u32,
}

/// `RedirectConfig` with defaults filled in; `#{…}` placeholders stand for parts of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: String,
    /// Default `#{host}`.
    pub host: String,
    /// Default `#{port}`.
    pub port: String,
    /// Default `/#{path}`; starts with `/`.
    pub path: String,
    /// Default `#{query}`; without `?`.
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

/// `FixedResponseConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// 200..=299, 400..=599.
    pub status: u16,
    /// One of the five types of the API.
    pub content_type: Option<String>,
    /// At most 1,024 characters.
    pub body: Option<String>,
}

// === impl ActionKind ===

impl ActionKind {
    /// The API's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Forward(_) => "forward",
            Self::Redirect(_) => "redirect",
            Self::FixedResponse(_) => "fixed-response",
        }
    }
}

// === impl Action ===

impl Action {
    /// The target groups that this action needs.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupArn> {
        let groups = match &self.kind {
            ActionKind::Forward(forward) => forward.groups.as_slice(),
            ActionKind::Redirect(_) | ActionKind::FixedResponse(_) => &[],
        };
        groups.iter().map(|weighted| &weighted.group)
    }
}
