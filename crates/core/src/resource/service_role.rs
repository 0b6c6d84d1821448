//! A service-linked role: the permission of a service to act in the account.
//!
//! Nothing here asks for it; that it exists is remembered, because tools create it first and must
//! be told when they are late.
//!
//! Invariant: one role per service.

use serde::{Deserialize, Serialize};

use super::{Region, RoleArn};

/// What the store keeps of a service-linked role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRole {
    /// `arn:aws:iam::<account>:role/aws-service-role/<service>/<name>`.
    pub arn: RoleArn,
    /// Where roles live.
    pub region: Region,
    /// `AROA…`.
    pub id: String,
    /// `AWSServiceRoleFor…`.
    pub name: String,
    /// For example `elasticloadbalancing.amazonaws.com`.
    pub service: String,
    /// `Description`.
    pub description: Option<String>,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
}
