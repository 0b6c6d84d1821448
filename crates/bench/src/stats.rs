//! Medians, quartiles, and whether a bar was kept.
//!
//! Figures are compared round by round, because what disturbs a machine lasts longer than a round:
//! the ratio of two neighbours is steadier than either.
//!
//! Invariant: a bar fails only when the whole interquartile range lies above it.

use serde::{Deserialize, Serialize};

/// The middle and the spread of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of the values lies below.
    pub low: f64,
    /// Half of them.
    pub median: f64,
    /// Three quarters of them.
    pub high: f64,
}

/// What became of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The median keeps it.
    Kept,
    /// The median does not, but the spread reaches below it.
    Open,
    /// The whole spread lies above it.
    Failed,
}

// === impl Spread ===

impl Spread {
    /// Of these values, interpolated between neighbours; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        Some(Self { low: at(0.25)?, median: at(0.5)?, high: at(0.75)? })
    }

    /// Whether a bar is kept by it.
    pub fn verdict(&self, limit: f64) -> Verdict {
        if self.median <= limit {
            Verdict::Kept
        } else if self.low <= limit {
            Verdict::Open
        } else {
            Verdict::Failed
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// For the report.
    pub fn text(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Open => "not failed: the median is above, the spread is not",
            Self::Failed => "FAILED",
        }
    }
}

/// The value below which `share` of the sorted values lies.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let rest = place - place.floor();
    Some(sorted[below] + (sorted[above] - sorted[below]) * rest)
}

/// Ratios of the rounds in which both have a figure.
pub fn ratios(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Vec<f64> {
    let pairs = ours.iter().zip(theirs);
    pairs.filter_map(|(a, b)| Some((*a)? / (*b).filter(|b| *b > 0.0)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_interpolated() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { low: 1.75, median: 2.5, high: 3.25 });
        let five = Spread::of(&[50.0, 10.0, 30.0, 20.0, 40.0]).unwrap();
        assert_eq!(five, Spread { low: 20.0, median: 30.0, high: 40.0 });
        assert_eq!(Spread::of(&[7.0]).unwrap(), Spread { low: 7.0, median: 7.0, high: 7.0 });
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }

    #[test]
    fn a_bar_fails_only_above_the_spread() {
        let spread = Spread { low: 1.0, median: 1.2, high: 1.5 };
        assert_eq!(spread.verdict(1.2), Verdict::Kept);
        assert_eq!(spread.verdict(1.1), Verdict::Open);
        assert_eq!(spread.verdict(1.0), Verdict::Open);
        assert_eq!(spread.verdict(0.99), Verdict::Failed);
    }

    #[test]
    fn ratios_pair_rounds_and_skip_holes() {
        let ours = [Some(2.0), None, Some(9.0), Some(1.0)];
        let theirs = [Some(4.0), Some(1.0), Some(3.0), Some(0.0)];
        assert_eq!(ratios(&ours, &theirs), [0.5, 3.0]);
    }
}
