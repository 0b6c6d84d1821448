//! Linearizability: whether a history of concurrent calls could have happened one after the other.
//!
//! Clients note for every call when it began, when its answer came and what it was. Calls about
//! one object form a history of its own. A history is sound when its calls can be put into one
//! order in which every answer is right for a simple sequential model, and in which no call that
//! had ended before another began comes after it.
//!
//! Invariant: the models know nothing of the catalog; they are written from the API's promises.

mod rules;
mod script;
mod search;
mod tags;
mod target_group;

pub use rules::{RuleAnswer, RuleOp, Rules};
pub use script::{Objects, Planned, Reply, Request, Script};
pub use search::{Call, Counterexample, check};
pub use tags::{TagAnswer, TagOp, Tags};
pub use target_group::{NameAnswer, NameOp, NamedGroup};

/// What one object is, as a sequence of calls sees it.
pub trait Model: Clone + Ord {
    /// A call.
    type Op: Clone + std::fmt::Debug;
    /// Its answer.
    type Answer: Clone + std::fmt::Debug;

    /// The object after the call; `None` when the answer is wrong for the object as it is.
    fn step(&self, op: &Self::Op, answer: &Self::Answer) -> Option<Self>;
}
