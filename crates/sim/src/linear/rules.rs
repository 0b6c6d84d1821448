//! The rules of one listener: priorities are taken once, whatever calls race for them.
//!
//! Invariant: as the API promises: a priority has at most one rule, a rule one priority.
// spec: alb §2.1 Evaluation

use std::collections::BTreeMap;

use super::Model;

/// By priority: the rule's ARN and what it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rules(pub BTreeMap<u32, (String, String)>);

/// A call about rules.
#[derive(Clone, Debug)]
pub enum RuleOp {
    /// `CreateRule` with a priority and a text to answer.
    Create(u32, String),
    /// `ModifyRule` of an ARN: another text.
    Modify(String, String),
    /// `DeleteRule`.
    Delete(String),
    /// `SetRulePriorities`.
    Move(Vec<(String, u32)>),
    /// `DescribeRules` of the listener, without its default rule.
    Read,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum RuleAnswer {
    /// The rule that was made.
    Made(String),
    /// It is done.
    Done,
    /// `PriorityInUse`.
    Taken,
    /// `RuleNotFound`.
    NotFound,
    /// What there is.
    All(Rules),
    /// The server could not: nothing may have happened.
    Failed,
}

// === impl Rules ===

impl Rules {
    fn priority(&self, arn: &str) -> Option<u32> {
        self.0.iter().find(|(_, (found, _))| found == arn).map(|(priority, _)| *priority)
    }

    /// After the moves; `Err` names why they cannot be.
    fn moved(&self, moves: &[(String, u32)]) -> Result<Self, RuleAnswer> {
        let mut next = self.clone();
        let mut lifted = Vec::new();
        for (arn, to) in moves {
            let from = self.priority(arn).ok_or(RuleAnswer::NotFound)?;
            lifted.push((*to, next.0.remove(&from).ok_or(RuleAnswer::NotFound)?));
        }
        for (to, rule) in lifted {
            if next.0.insert(to, rule).is_some() {
                return Err(RuleAnswer::Taken);
            }
        }
        Ok(next)
    }
}

impl Model for Rules {
    type Op = RuleOp;
    type Answer = RuleAnswer;

    fn step(&self, op: &RuleOp, answer: &RuleAnswer) -> Option<Self> {
        use RuleAnswer as A;
        let mut next = self.clone();
        let sound = match (op, answer) {
            (_, A::Failed) => true,
            (RuleOp::Create(priority, text), A::Made(arn)) => {
                let fresh = self.priority(arn).is_none();
                next.0.insert(*priority, (arn.clone(), text.clone())).is_none() && fresh
            }
            (RuleOp::Create(priority, _), A::Taken) => self.0.contains_key(priority),
            (RuleOp::Modify(arn, text), A::Done) => match self.priority(arn) {
                Some(priority) => {
                    next.0.insert(priority, (arn.clone(), text.clone()));
                    true
                }
                None => false,
            },
            (RuleOp::Delete(arn), A::Done) => {
                self.priority(arn).is_some_and(|priority| next.0.remove(&priority).is_some())
            }
            (RuleOp::Modify(arn, _) | RuleOp::Delete(arn), A::NotFound) => {
                self.priority(arn).is_none()
            }
            (RuleOp::Move(moves), A::Done) => match self.moved(moves) {
                Ok(moved) => {
                    next = moved;
                    true
                }
                Err(_) => false,
            },
            (RuleOp::Move(moves), A::Taken) => matches!(self.moved(moves), Err(A::Taken)),
            (RuleOp::Move(moves), A::NotFound) => matches!(self.moved(moves), Err(A::NotFound)),
            (RuleOp::Read, A::All(seen)) => seen == self,
            _ => false,
        };
        sound.then_some(next)
    }
}
