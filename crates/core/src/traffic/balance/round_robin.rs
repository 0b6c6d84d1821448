//! Targets in sequence; all threads share the turn, so two requests in a row meet two targets.
//!
//! Invariant: among unchanged candidates every target is chosen once per round.
// spec: alb §4.3 Algorithms - `load_balancing.algorithm.type`

use crate::snapshot::GroupPlan;

pub(super) fn pick(group: &GroupPlan, candidates: &[u32]) -> u32 {
    candidates[group.cell.next_turn() as usize % candidates.len()]
}
