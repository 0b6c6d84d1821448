//! What a command decides: the changes to make durable, and what its response needs.
//!
//! Invariant: responses are built from the catalog after the changes were absorbed; a decision
//! carries only what cannot be read there any more.

use crate::resource::{InstanceId, InstanceState};

use super::{ChangeSet, ResourceKey};

/// The outcome of a command that was not refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be committed, then absorbed. Empty for an idempotent repeat.
    pub changes: ChangeSet,
    /// What the call is about, in the order of its request; see each `Command` variant.
    pub subjects: Vec<ResourceKey>,
    /// Ids (`sgr-…`) of security group rules that were added or removed.
    pub rule_ids: Vec<String>,
    /// State changes of instances, in the order of the request.
    pub transitions: Vec<Transition>,
}

/// One instance before and after Start, Stop or Terminate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Which one.
    pub instance: InstanceId,
    /// `previousState`.
    pub previous: InstanceState,
    /// `currentState`.
    pub current: InstanceState,
}
