//! The trace that every mutating call leaves, in the same transaction as its change.
//!
//! Invariant: no secret ever enters a record: parameters that the model marks sensitive are
//! replaced before they get here.

use serde::{Deserialize, Serialize};

/// One audited call. `sequence` is given by the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// `x-amzn-RequestId` of the call.
    pub request_id: String,
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// `elasticloadbalancing.amazonaws.com`, `ec2.amazonaws.com`, or `weir` for its own upkeep.
    pub source: String,
    /// The action, for example `CreateListener`.
    pub action: String,
    /// The region of the credential scope.
    pub region: String,
    /// The caller's access key id; never its secret.
    pub principal: String,
    /// The caller's address.
    pub peer: String,
    /// AWS error code when the call was refused.
    pub error_code: Option<String>,
    /// Error message when the call was refused.
    pub error_message: Option<String>,
    /// Request parameters as JSON text, secrets replaced.
    pub parameters: String,
}
