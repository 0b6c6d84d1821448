//! Weighted choice among the target groups of one forward action.
//!
//! The table is built once per snapshot and read without locks; a pick costs one random number
//! and one search among at most five bounds.
//!
//! Invariant: `upper` is strictly increasing and its last entry is the total weight, so every
//! value below the total names exactly one group.

use crate::limits;
use crate::rng::Rng;
use crate::snapshot::GroupSlot;

/// Cumulative weights of the groups that a forward action may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    upper: Vec<u32>,
    groups: Vec<GroupSlot>,
}

// === impl Weighted ===

impl Weighted {
    /// Builds the table. A group of weight zero is left out: it stays configured, it is not
    /// chosen.
    // spec: alb §2.6 `forward`
    pub fn new(weights: impl IntoIterator<Item = (GroupSlot, u32)>) -> Self {
        let (mut upper, mut groups, mut total) = (Vec::new(), Vec::new(), 0u32);
        for (group, weight) in weights {
            if weight == 0 {
                continue;
            }
            // Cannot overflow: see the relation in `limits`.
            total += weight;
            upper.push(total);
            groups.push(group);
        }
        assert!(groups.len() <= limits::GROUPS_PER_FORWARD_MAX);
        Self { upper, groups }
    }

    /// Picks a group, or `None` when every weight is zero (the caller answers 503).
    pub fn pick(&self, rng: &mut Rng) -> Option<GroupSlot> {
        if let [only] = self.groups.as_slice() {
            return Some(*only);
        }
        let ticket = rng.below(*self.upper.last()?);
        let index = self.upper.partition_point(|&bound| bound <= ticket);
        Some(self.groups[index])
    }

    /// The groups that can be chosen.
    pub fn groups(&self) -> &[GroupSlot] {
        &self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_zero_picks_none() {
        assert_eq!(Weighted::new([(GroupSlot(0), 0)]).pick(&mut Rng::new(1)), None);
    }

    #[test]
    fn zero_is_never_picked_and_shares_converge() {
        let table = Weighted::new([(GroupSlot(0), 1), (GroupSlot(1), 0), (GroupSlot(2), 3)]);
        let mut rng = Rng::new(5);
        let n = 40_000;
        let hits = (0..n).filter(|_| table.pick(&mut rng) == Some(GroupSlot(2))).count() as f64;
        assert!((0..1_000).all(|_| table.pick(&mut rng) != Some(GroupSlot(1))));
        // Six standard deviations of a binomial share of 3/4.
        let tolerance = 6.0 * (0.75f64 * 0.25 / f64::from(n)).sqrt();
        assert!((hits / f64::from(n) - 0.75).abs() < tolerance, "{hits}");
    }
}
