//! Uniformly random among the candidates; weights other than one come with automatic target
//! weights.
//!
//! Invariant: every candidate has the same chance.
// spec: alb §4.3 Algorithms - `load_balancing.algorithm.type`

use crate::rng::Rng;

pub(super) fn pick(candidates: &[u32], rng: &mut Rng) -> u32 {
    candidates[rng.below(candidates.len() as u32) as usize]
}
