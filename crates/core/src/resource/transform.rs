//! What a rule rewrites in a request before a target gets it.
//!
//! Invariant: the pattern compiles within `limits::REGEX_SIZE_MAX`.
// spec: alb §2.4 Transforms (released 2025-10-15)

use serde::{Deserialize, Serialize};

/// `Type` of a transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransformKind {
    /// The `Host` header.
    HostHeaderRewrite,
    /// Path and query.
    UrlRewrite,
}

/// One transform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// What is rewritten.
    pub kind: TransformKind,
    /// `Regex`, 1..=1024 characters.
    pub regex: String,
    /// `Replace` with `$1`, `$2`, …, at most 1024 characters.
    pub replace: String,
}

// === impl TransformKind ===

impl TransformKind {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostHeaderRewrite => "host-header-rewrite",
            Self::UrlRewrite => "url-rewrite",
        }
    }
}
