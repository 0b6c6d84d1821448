//! One name that a target group may have: made once, made again as the same, refused as another.
//!
//! Invariant: at any time at most one group has the name.

use super::Model;

/// Who has the name, and with which port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedGroup(pub Option<(String, u16)>);

/// A call about the name.
#[derive(Clone, Debug)]
pub enum NameOp {
    /// `CreateTargetGroup` with this port.
    Create(u16),
    /// `DeleteTargetGroup` of an ARN that had the name once; a missing one is no error.
    Delete(String),
    /// `DescribeTargetGroups` by name.
    Read,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum NameAnswer {
    /// The group that has the name.
    Is(String, u16),
    /// It is done.
    Done,
    /// `DuplicateTargetGroupName`.
    Differs,
    /// `TargetGroupNotFound`.
    NotFound,
    /// The server could not: nothing may have happened.
    Failed,
}

// === impl NamedGroup ===

impl Model for NamedGroup {
    type Op = NameOp;
    type Answer = NameAnswer;

    fn step(&self, op: &NameOp, answer: &NameAnswer) -> Option<Self> {
        use NameAnswer as A;
        let same = || Some(self.clone());
        match (op, answer, &self.0) {
            (_, A::Failed, _) => same(),
            (NameOp::Create(port), A::Is(arn, shown), None) if port == shown => {
                Some(Self(Some((arn.clone(), *port))))
            }
            (NameOp::Create(port), A::Is(arn, shown), Some((held, had)))
                if (held, had) == (arn, port) && port == shown =>
            {
                same()
            }
            (NameOp::Create(port), A::Differs, Some((_, had))) if port != had => same(),
            (NameOp::Delete(arn), A::Done, Some((held, _))) if held == arn => Some(Self(None)),
            (NameOp::Delete(_), A::Done, _) => same(),
            (NameOp::Read, A::Is(arn, port), Some((held, had))) if (held, had) == (arn, port) => {
                same()
            }
            (NameOp::Read, A::NotFound, None) => same(),
            _ => None,
        }
    }
}
