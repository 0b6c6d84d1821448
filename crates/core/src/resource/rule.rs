//! A listener rule: conditions and the actions they lead to.
//!
//! Invariant: a default rule has no conditions; any other rule has at least one; the actions end
//! with exactly one routing action.

use serde::{Deserialize, Serialize};

use super::{Action, Condition, ListenerArn, RuleArn, Tags, Transform};
use crate::limits;

/// Where a rule stands in its listener. Orders as rules are evaluated: the default is last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    /// 1..=50000, lowest first.
    Number(u32),
    /// After all others.
    Default,
}

/// What the store keeps of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Identity.
    pub arn: RuleArn,
    /// Owner.
    pub listener: ListenerArn,
    /// Position.
    pub priority: Priority,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// In the order of their `Order`.
    pub actions: Vec<Action>,
    /// What is rewritten on the way to a target, at most one of each kind.
    #[serde(default)]
    pub transforms: Vec<Transform>,
    /// Tags.
    pub tags: Tags,
}

// === impl Priority ===

impl Priority {
    /// A priority from the API; `None` when out of range.
    pub fn new(number: i64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        (1..=limits::RULE_PRIORITY_MAX).contains(&number).then_some(Self::Number(number))
    }

    /// The number in logs: 0 is the default rule.
    // spec: alb §11.1 Access log - fields in order (space separated)
    pub fn log_number(self) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Default => 0,
        }
    }
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_order() {
        assert_eq!(Priority::new(0), None);
        assert_eq!(Priority::new(50_001), None);
        assert_eq!(Priority::new(-1), None);
        assert!(Priority::new(50_000).unwrap() < Priority::Default);
        assert_eq!(Priority::Default.to_string(), "default");
    }
}
