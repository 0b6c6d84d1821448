//! Refusals about trust stores.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about trust stores.
    TrustStoreRefusal
    NotFound { arn } Recalled "TrustStoreNotFound"
        "Trust store '{arn}' not found";
}
