//! What a command decides: the changes to make durable, and what its response needs.
//!
//! Invariant: a decision carries what its response tells of the call's own subjects, because
//! others may change or delete them before the response is built.

use crate::resource::{InstanceId, InstanceState};

use super::{ChangeSet, Resource, ResourceKey};

/// The outcome of a command that was not refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be committed, then absorbed. Empty for an idempotent repeat.
    pub changes: ChangeSet,
    /// What the call is about, in the order of its request; see each `Command` variant.
    pub subjects: Vec<ResourceKey>,
    /// The load-balancing subjects as they are after the changes, in the order of `subjects`; a
    /// listener is followed by its default rule. Filled in by whoever absorbs the changes.
    pub records: Vec<Resource>,
    /// Ids (`sgr-…`) of security group rules that were added or removed.
    pub rule_ids: Vec<String>,
    /// Ids of new associations of route tables and address blocks.
    pub associations: Vec<String>,
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
