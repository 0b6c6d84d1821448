//! What one load balancer may carry: groups that only it uses, and how many.
//!
//! Invariant: a target group serves one load balancer at most.
// spec: alb §14.1 Quotas

use std::collections::{BTreeMap, BTreeSet};

use super::Apply;
use crate::catalog::Refusal;
use crate::resource::{
    Action, ListenerProtocol, LoadBalancer, LoadBalancerArn, Region, RuleArn, TargetGroupArn,
};

// === impl Apply ===

impl Apply<'_> {
    /// Whether `actions` may stand in a rule of `lb`, in place of `replaced` if given.
    pub(super) fn groups_admit(
        &self,
        lb: &LoadBalancer,
        actions: &[Action],
        replaced: Option<&RuleArn>,
    ) -> Result<(), Refusal> {
        let wanted: BTreeSet<TargetGroupArn> =
            actions.iter().flat_map(|action| action.groups()).cloned().collect();
        for group in &wanted {
            if self.catalog.load_balancer_of(group).is_some_and(|other| other.arn != lb.arn) {
                return Err(Refusal::GroupOnOtherLoadBalancer { arn: group.to_string() });
            }
        }
        let mut present = BTreeSet::new();
        for listener in self.catalog.listeners_of(&lb.arn) {
            let rules = self.catalog.rules_of(&listener.arn);
            for rule in rules.filter(|rule| Some(&rule.arn) != replaced) {
                present.extend(rule.actions.iter().flat_map(|action| action.groups()));
            }
        }
        let fresh: BTreeSet<TargetGroupArn> =
            wanted.into_iter().filter(|group| !present.contains(group)).collect();
        let limit = self.catalog.settings.quotas.target_groups_per_load_balancer;
        if !fresh.is_empty() && present.len() + fresh.len() > limit {
            return Err(Refusal::GroupsPerLoadBalancerTooMany { limit: limit.to_string() });
        }
        if fresh.is_empty() { Ok(()) } else { self.targets_admit(&lb.arn, &fresh, &[]) }
    }

    /// Whether a load balancer may carry its groups' targets, those of `groups` and more targets
    /// with the ids `more`.
    pub(super) fn targets_admit(
        &self,
        lb: &LoadBalancerArn,
        groups: &BTreeSet<TargetGroupArn>,
        more: &[String],
    ) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let mut all = groups.clone();
        all.extend(self.catalog.groups_of(lb).into_iter().map(|group| group.arn.clone()));
        let present = all.iter().flat_map(|group| self.catalog.targets(group));
        let present = present.filter(|target| !target.is_draining());
        let ids = present.map(|target| &target.id).chain(more);
        let mut registrations: BTreeMap<&str, usize> = BTreeMap::new();
        let mut total = 0;
        for id in ids {
            total += 1;
            let count = registrations.entry(id).or_default();
            *count += 1;
            if *count > quotas.registrations_per_target {
                let limit = quotas.registrations_per_target.to_string();
                return Err(Refusal::RegistrationsPerTargetTooMany { id: id.to_owned(), limit });
            }
        }
        let limit = quotas.targets_per_load_balancer;
        if total > limit {
            return Err(Refusal::TargetsPerLoadBalancerTooMany { limit: limit.to_string() });
        }
        Ok(())
    }

    /// A target group that an action names, fit for the listener's protocol.
    pub(super) fn action_group(
        &self,
        region: &Region,
        protocol: ListenerProtocol,
        text: &str,
    ) -> Result<TargetGroupArn, Refusal> {
        let arn = text.to_owned();
        let Some(group) = self.catalog.target_group_find(region, text)? else {
            return Err(Refusal::ActionTargetGroupNotFound { arn });
        };
        // spec: alb §2.6 `forward`
        if protocol == ListenerProtocol::Http && group.protocol_version != "HTTP1" {
            return Err(Refusal::GroupProtocolIncompatible { arn });
        }
        Ok(group.arn.clone())
    }
}
