//! The target with the fewest requests in flight; ties go in turn.
//!
//! Invariant: no candidate had fewer requests in flight when it was looked at.
// spec: alb §4.3 Algorithms - `load_balancing.algorithm.type`

use crate::snapshot::GroupPlan;

pub(super) fn pick(group: &GroupPlan, candidates: &[u32]) -> u32 {
    // Starting at the turn spreads ties, which AWS leaves undefined.
    let start = group.cell.next_turn() as usize % candidates.len();
    let mut best = (u32::MAX, candidates[start]);
    for offset in 0..candidates.len() {
        let index = candidates[(start + offset) % candidates.len()];
        let load = group.targets[index as usize].cell.in_flight();
        if load < best.0 {
            best = (load, index);
        }
    }
    best.1
}
