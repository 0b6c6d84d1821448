//! Refusals about networks, addresses and what belongs to them.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about networks, addresses and what belongs to them.
    NetworkRefusal
    AllocationIdUnknown { id } Recalled "AllocationIdNotFound"
        "The allocation IDs '{id}' do not exist";
}
