//! May a target take traffic? Verdicts of health checks, and what the API says about them.
//!
//! ```text
//!             first success                unhealthy_threshold failures in a row
//!   Initial ───────────────▶ Healthy ◀───────────────────────────────▶ Unhealthy
//!      └─────── unhealthy_threshold failures ──────────▶  healthy_threshold successes in a row
//! ```
//!
//! Invariant: the first success after registration makes a target healthy whatever the
//! threshold; later transitions need theirs.
// spec: alb §6.2 Procedure

use crate::snapshot::{GroupPlan, TargetPlan};

/// Why a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Answered with a status outside the matcher.
    ResponseCodeMismatch(u16),
    /// No answer in time.
    Timeout,
    /// Refused, reset, or not HTTP.
    FailedHealthChecks,
    /// We could not even try, for example for want of descriptors.
    InternalError,
}

/// The result of one probe.
pub type Probe = Result<(), Failure>;

/// What the health checks think of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Registered, no probe has left yet.
    #[default]
    Registering,
    /// Probes have left; none has decided.
    Checking,
    /// Takes traffic.
    Healthy,
    /// Takes none, unless the group fails open.
    Unhealthy(Failure),
}

/// The thresholds of one target's health check and where it stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judge {
    verdict: Verdict,
    streak: u32,
}

/// `TargetHealth` as DescribeTargetHealth tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// `initial`, `healthy`, …
    pub state: &'static str,
    /// Absent when healthy.
    pub reason: Option<&'static str>,
    /// Absent when healthy.
    pub description: Option<String>,
}

// === impl Verdict ===

impl Verdict {
    /// Whether selection prefers this target.
    pub fn is_healthy(self) -> bool {
        self == Self::Healthy
    }

    /// Four bytes for an atomic: kind, failure kind, status.
    pub fn pack(self) -> u32 {
        match self {
            Self::Registering => 0,
            Self::Checking => 1,
            Self::Healthy => 2,
            Self::Unhealthy(Failure::ResponseCodeMismatch(code)) => 3 | u32::from(code) << 16,
            Self::Unhealthy(Failure::Timeout) => 3 | 1 << 8,
            Self::Unhealthy(Failure::FailedHealthChecks) => 3 | 2 << 8,
            Self::Unhealthy(Failure::InternalError) => 3 | 3 << 8,
        }
    }

    /// The inverse of [`Verdict::pack`].
    pub fn unpack(bits: u32) -> Self {
        match (bits & 0xff, bits >> 8 & 0xff) {
            (0, _) => Self::Registering,
            (1, _) => Self::Checking,
            (2, _) => Self::Healthy,
            (_, 0) => Self::Unhealthy(Failure::ResponseCodeMismatch((bits >> 16) as u16)),
            (_, 1) => Self::Unhealthy(Failure::Timeout),
            (_, 2) => Self::Unhealthy(Failure::FailedHealthChecks),
            (_, _) => Self::Unhealthy(Failure::InternalError),
        }
    }
}

// === impl Judge ===

impl Judge {
    /// Starts from what a cell already knows, so that a restarted prober forgets nothing.
    pub fn resume(verdict: Verdict) -> Self {
        Self { verdict, streak: 0 }
    }

    /// The current verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes one probe result into account and returns the verdict that follows.
    pub fn handle_probe(
        &mut self,
        probe: Probe,
        healthy_after: u32,
        unhealthy_after: u32,
    ) -> Verdict {
        let agrees = match (self.verdict, probe) {
            (Verdict::Healthy, Ok(())) => true,
            (Verdict::Unhealthy(_), Err(failure)) => {
                self.verdict = Verdict::Unhealthy(failure);
                true
            }
            _ => false,
        };
        if agrees {
            self.streak = 0;
            return self.verdict;
        }
        let same_run = matches!(
            (self.verdict, probe),
            (Verdict::Healthy | Verdict::Registering | Verdict::Checking, Err(_))
                | (Verdict::Unhealthy(_), Ok(()))
        );
        self.streak = if same_run { self.streak + 1 } else { 1 };
        let never_judged = matches!(self.verdict, Verdict::Registering | Verdict::Checking);
        match probe {
            Ok(()) if never_judged || self.streak >= healthy_after => self.settle(Verdict::Healthy),
            Err(failure) if self.streak >= unhealthy_after => {
                self.settle(Verdict::Unhealthy(failure));
            }
            _ if never_judged => self.verdict = Verdict::Checking,
            _ => {}
        }
        self.verdict
    }

    fn settle(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.streak = 0;
    }
}

// === impl TargetHealth ===

impl TargetHealth {
    /// The description of a target whose address a load balancer has.
    pub const IP_UNUSABLE: &'static str =
        "The IP address cannot be used as a target, as it is in use by a load balancer";

    fn new(state: &'static str, reason: &'static str, description: impl Into<String>) -> Self {
        Self { state, reason: Some(reason), description: Some(description.into()) }
    }

    /// A registered target, whatever its situation.
    // spec: alb §6.3 States and reasons
    pub fn of_target(group: &GroupPlan, target: &TargetPlan) -> Self {
        if target.draining {
            Self::draining()
        } else if let Some(why) = &target.invalid {
            Self::invalid_state(why.clone())
        } else if group.used_by.is_empty() {
            Self::group_not_in_use()
        } else if !group.zone_is_enabled(target) {
            Self::zone_not_enabled()
        } else {
            Self::of_verdict(target.cell.verdict())
        }
    }

    /// A registered target in a group that is in use.
    pub fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Registering => Self::new(
                "initial",
                "Elb.RegistrationInProgress",
                "Target registration is in progress",
            ),
            Verdict::Checking => Self::new(
                "initial",
                "Elb.InitialHealthChecking",
                "Initial health checks in progress",
            ),
            Verdict::Healthy => Self { state: "healthy", reason: None, description: None },
            Verdict::Unhealthy(Failure::ResponseCodeMismatch(code)) => Self::new(
                "unhealthy",
                "Target.ResponseCodeMismatch",
                format!("Health checks failed with these codes: [{code}]"),
            ),
            Verdict::Unhealthy(Failure::Timeout) => {
                Self::new("unhealthy", "Target.Timeout", "Request timed out")
            }
            Verdict::Unhealthy(Failure::FailedHealthChecks) => {
                Self::new("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
            }
            Verdict::Unhealthy(Failure::InternalError) => Self::new(
                "unhealthy",
                "Elb.InternalError",
                "Health checks failed due to an internal error",
            ),
        }
    }

    /// A target that was asked for but is not registered.
    pub fn not_registered() -> Self {
        Self::new("unused", "Target.NotRegistered", "Target is not registered to the target group")
    }

    /// A target of a group that no listener forwards to.
    pub fn group_not_in_use() -> Self {
        Self::new(
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        )
    }

    /// A target in a zone that the load balancer has not enabled.
    pub fn zone_not_enabled() -> Self {
        Self::new(
            "unused",
            "Target.NotInUse",
            "Target is in an Availability Zone that is not enabled for the load balancer",
        )
    }

    /// A target of a group whose health checks are off.
    pub fn disabled() -> Self {
        let description = "Health checks are not enabled for this target";
        Self::new("unavailable", "Target.HealthCheckDisabled", description)
    }

    /// A target that cannot be used: its instance is stopped or terminated, or its address is a
    /// load balancer's.
    pub fn invalid_state(description: impl Into<String>) -> Self {
        let description = description.into();
        if description == Self::IP_UNUSABLE {
            return Self::new("unused", "Target.IpUnusable", description);
        }
        Self::new("unused", "Target.InvalidState", description)
    }

    /// A deregistered target within its delay.
    pub fn draining() -> Self {
        Self::new(
            "draining",
            "Target.DeregistrationInProgress",
            "Target deregistration is in progress",
        )
    }
}

/// Whether a status satisfies `Matcher.HttpCode`: values and ranges, comma-separated.
// spec: alb §6.1 Parameters
pub fn matcher_accepts(matcher: &str, status: u16) -> bool {
    matcher.split(',').any(|part| match part.split_once('-') {
        Some((from, to)) => {
            let (from, to) = (from.trim().parse::<u16>(), to.trim().parse::<u16>());
            matches!((from, to), (Ok(from), Ok(to)) if (from..=to).contains(&status))
        }
        None => part.trim().parse::<u16>() == Ok(status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Probe = Err(Failure::Timeout);

    #[test]
    fn first_success_is_enough() {
        let mut judge = Judge::resume(Verdict::Registering);
        assert_eq!(judge.handle_probe(Ok(()), 5, 2), Verdict::Healthy);
    }

    #[test]
    fn thresholds_count_runs_not_totals() {
        let mut judge = Judge::resume(Verdict::Healthy);
        for probe in [BAD, Ok(()), BAD, Ok(())] {
            assert_eq!(judge.handle_probe(probe, 3, 2), Verdict::Healthy);
        }
        assert_eq!(judge.handle_probe(BAD, 3, 2), Verdict::Healthy);
        assert_eq!(judge.handle_probe(BAD, 3, 2), Verdict::Unhealthy(Failure::Timeout));
        for probe in [Ok(()), Ok(()), BAD, Ok(()), Ok(())] {
            assert!(!judge.handle_probe(probe, 3, 2).is_healthy());
        }
        assert_eq!(judge.handle_probe(Ok(()), 3, 2), Verdict::Healthy);
    }

    #[test]
    fn a_target_that_never_answered_goes_from_initial_to_unhealthy() {
        let mut judge = Judge::resume(Verdict::Registering);
        assert_eq!(judge.handle_probe(BAD, 5, 2), Verdict::Checking);
        assert_eq!(judge.handle_probe(BAD, 5, 2), Verdict::Unhealthy(Failure::Timeout));
    }

    #[test]
    fn the_latest_failure_is_the_reason() {
        let mut judge = Judge::resume(Verdict::Unhealthy(Failure::Timeout));
        let verdict = judge.handle_probe(Err(Failure::ResponseCodeMismatch(404)), 5, 2);
        let health = TargetHealth::of_verdict(verdict);
        assert_eq!(health.reason, Some("Target.ResponseCodeMismatch"));
        assert_eq!(
            health.description.as_deref(),
            Some("Health checks failed with these codes: [404]")
        );
    }

    #[test]
    fn packing_keeps_everything() {
        for verdict in [
            Verdict::Registering,
            Verdict::Checking,
            Verdict::Healthy,
            Verdict::Unhealthy(Failure::ResponseCodeMismatch(503)),
            Verdict::Unhealthy(Failure::Timeout),
            Verdict::Unhealthy(Failure::FailedHealthChecks),
            Verdict::Unhealthy(Failure::InternalError),
        ] {
            assert_eq!(Verdict::unpack(verdict.pack()), verdict);
        }
    }

    #[test]
    fn matchers() {
        assert!(matcher_accepts("200", 200) && !matcher_accepts("200", 201));
        assert!(matcher_accepts("200,202", 202) && matcher_accepts("200-299", 250));
        assert!(!matcher_accepts("", 200) && !matcher_accepts("x-y", 200));
    }
}
