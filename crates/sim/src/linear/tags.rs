//! The tags of one resource: a map that several callers write.
//!
//! Invariant: a call that adds or removes several keys does so at once.

use std::collections::BTreeMap;

use super::Model;

/// The tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tags(pub BTreeMap<String, String>);

/// A call about tags.
#[derive(Clone, Debug)]
pub enum TagOp {
    /// `AddTags`: all of them at once.
    Add(Vec<(String, String)>),
    /// `RemoveTags`: all of them at once.
    Remove(Vec<String>),
    /// `DescribeTags`.
    Read,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum TagAnswer {
    /// It is done.
    Done,
    /// What there is.
    All(Tags),
    /// The server could not: nothing may have happened.
    Failed,
}

// === impl Tags ===

impl Model for Tags {
    type Op = TagOp;
    type Answer = TagAnswer;

    fn step(&self, op: &TagOp, answer: &TagAnswer) -> Option<Self> {
        let mut next = self.clone();
        let sound = match (op, answer) {
            (_, TagAnswer::Failed) => true,
            (TagOp::Add(tags), TagAnswer::Done) => {
                next.0.extend(tags.iter().cloned());
                true
            }
            (TagOp::Remove(keys), TagAnswer::Done) => {
                next.0.retain(|key, _| !keys.contains(key));
                true
            }
            (TagOp::Read, TagAnswer::All(seen)) => seen == self,
            _ => false,
        };
        sound.then_some(next)
    }
}
