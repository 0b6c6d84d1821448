//! Names, and finding what a request names.
//!
//! Invariant: a record is found only from its own region.
// spec: alb §14.2 Names and DNS

use super::Apply;
use crate::catalog::Refusal;
use crate::resource::{Listener, LoadBalancer, Region, Rule, TargetGroup};

/// Characters of a load balancer's or target group's name.
const NAME_MAX: usize = 32;

fn name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// Judges a load balancer's name.
pub(super) fn load_balancer_name(text: &str) -> Result<(), Refusal> {
    let name = text.to_owned();
    if name.is_empty() {
        return Err(Refusal::LoadBalancerNameEmpty {});
    }
    if name.chars().count() > NAME_MAX {
        return Err(Refusal::LoadBalancerNameTooLong { name });
    }
    if !name.chars().all(name_character) {
        return Err(Refusal::LoadBalancerNameCharacters { name });
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(Refusal::LoadBalancerNameEdge { name });
    }
    if name.starts_with("internal-") {
        return Err(Refusal::LoadBalancerNameInternal { name });
    }
    Ok(())
}

/// Judges a target group's name.
pub(super) fn target_group_name(text: &str) -> Result<(), Refusal> {
    let name = text.to_owned();
    if name.is_empty() {
        return Err(Refusal::TargetGroupNameEmpty {});
    }
    if name.chars().count() > NAME_MAX {
        return Err(Refusal::TargetGroupNameTooLong { name });
    }
    if !name.chars().all(name_character) {
        return Err(Refusal::TargetGroupNameCharacters { name });
    }
    if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return Err(Refusal::TargetGroupNameHyphens { name });
    }
    Ok(())
}

// === impl Apply ===

impl<'a> Apply<'a> {
    /// The load balancer that a request needs.
    pub(super) fn load_balancer(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&'a LoadBalancer, Refusal> {
        self.catalog.load_balancer_named_by(region, arn)
    }

    /// The target group that a request needs.
    pub(super) fn target_group(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&'a TargetGroup, Refusal> {
        self.catalog.target_group_named_by(region, arn)
    }

    /// The listener that a request needs.
    pub(super) fn listener(&self, region: &Region, arn: &str) -> Result<&'a Listener, Refusal> {
        self.catalog.listener_named_by(region, arn)
    }

    /// The rule that a request needs.
    pub(super) fn rule(&self, region: &Region, arn: &str) -> Result<&'a Rule, Refusal> {
        self.catalog.rule_named_by(region, arn)
    }

    /// The load balancer of a listener.
    pub(super) fn owner(&self, listener: &Listener) -> &'a LoadBalancer {
        let found = self.catalog.load_balancer(&listener.load_balancer);
        found.expect("invariant: a listener is deleted with its load balancer")
    }
}
