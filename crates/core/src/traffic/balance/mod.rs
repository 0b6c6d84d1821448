//! Which target of a group gets the next request; one file per algorithm.
//!
//! Candidates are worked out once per change of a group's plan or cells and kept by each thread
//! (`Eligible`); a pick then costs what its algorithm costs.
//!
//! Invariant: a draining target, a target without an address and a target outside the enabled
//! zones is never a candidate; an unhealthy one only when the group fails open.
// spec: alb §4.2 Target selection order

mod least_outstanding;
mod round_robin;
mod weighted_random;

use std::sync::Arc;

use crate::resource::ZoneName;
use crate::rng::Rng;
use crate::snapshot::{Algorithm, GroupPlan, TargetPlan};

/// Why a group has the candidates it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing worked out yet, or nobody to choose.
    #[default]
    Empty,
    /// Enough healthy targets: only those.
    Healthy,
    /// Too few healthy targets: all of them.
    // spec: alb §4.9 Target group health (not for Lambda)
    FailOpen,
}

/// The candidates of one group for one zone, as one thread last worked them out.
#[derive(Clone, Debug, Default)]
pub struct Eligible {
    version: u64,
    generation: u64,
    /// Why these.
    pub mode: Mode,
    candidates: Vec<u32>,
}

/// A chosen target and how it was chosen.
#[derive(Clone, Copy, Debug)]
pub struct Pick<'a> {
    /// The target.
    pub target: &'a Arc<TargetPlan>,
    /// Whether health was ignored.
    pub mode: Mode,
}

// === impl Eligible ===

impl Eligible {
    /// Works the candidates out again if the plan or a cell changed.
    ///
    /// `zone` is the zone of the exchange, used only by groups that stay within their zone.
    pub fn refresh(&mut self, group: &GroupPlan, zone: Option<&ZoneName>) {
        // Read before the cells: a verdict that lands in between moves the generation again.
        let generation = group.cell.generation();
        if self.version == group.version && self.generation == generation {
            return;
        }
        (self.version, self.generation) = (group.version, generation);
        self.compute(group, zone);
    }

    fn compute(&mut self, group: &GroupPlan, zone: Option<&ZoneName>) {
        let usable = |target: &TargetPlan| {
            !target.draining
                && target.address.is_some()
                && target.invalid.is_none()
                && group.zone_is_enabled(target)
                && (!group.zonal || target.zone.is_none() || target.zone.as_ref() == zone)
        };
        let population: Vec<u32> =
            (0u32..).zip(&group.targets).filter(|(_, t)| usable(t)).map(|(i, _)| i).collect();
        let cell = |index: u32| &group.targets[index as usize].cell;
        let healthy: Vec<u32> =
            population.iter().copied().filter(|&i| cell(i).verdict().is_healthy()).collect();
        self.mode = if population.is_empty() {
            Mode::Empty
        } else if fails_open(group, healthy.len(), population.len()) {
            Mode::FailOpen
        } else {
            Mode::Healthy
        };
        let base = if self.mode == Mode::FailOpen { population } else { healthy };
        // Passive ejection narrows the choice but never empties it.
        let kept: Vec<u32> = base.iter().copied().filter(|&i| !cell(i).is_ejected()).collect();
        self.candidates = if kept.is_empty() { base } else { kept };
    }

    /// Chooses a target. `avoid` lists uids that already failed this request.
    pub fn pick<'a>(&self, group: &'a GroupPlan, rng: &mut Rng, avoid: &[u64]) -> Option<Pick<'a>> {
        let fresh: Vec<u32>;
        let candidates = if avoid.is_empty() {
            &self.candidates
        } else {
            let tried = |i: &u32| avoid.contains(&group.targets[*i as usize].cell.uid);
            fresh = self.candidates.iter().copied().filter(|i| !tried(i)).collect();
            &fresh
        };
        if candidates.is_empty() {
            return None;
        }
        let index = match group.algorithm {
            Algorithm::RoundRobin => round_robin::pick(group, candidates),
            Algorithm::LeastOutstandingRequests => least_outstanding::pick(group, candidates),
            Algorithm::WeightedRandom => weighted_random::pick(candidates, rng),
        };
        Some(Pick { target: &group.targets[index as usize], mode: self.mode })
    }
}

/// Too few healthy targets to insist on health.
fn fails_open(group: &GroupPlan, healthy: usize, population: usize) -> bool {
    let too_few = healthy < group.min_healthy_count as usize;
    let too_small_a_share = group
        .min_healthy_percent
        .is_some_and(|percent| healthy * 100 < population * percent as usize);
    too_few || too_small_a_share || healthy == 0
}

#[cfg(test)]
mod tests;
