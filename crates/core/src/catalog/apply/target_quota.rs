//! How many targets a group and its load balancer may have, by type of load balancer.
//!
//! Application load balancers are counted by the index; the others, which have zonal bounds, by
//! looking at their targets.
//!
//! Invariant: only what is new is refused; a lowered quota keeps what exists.
// spec: alb §14.1 Quotas
// spec: nlb-gwlb-clb §9 Quotas

use std::collections::{BTreeMap, BTreeSet};

use super::Apply;
use crate::catalog::{Refusal, RoutingRefusal};
use crate::resource::attribute::Carrier;
use crate::resource::{
    LoadBalancer, LoadBalancerKind, Registrations, Target, TargetGroup, TargetGroupArn, TargetType,
    ZoneName,
};

/// Draining targets may outnumber serving ones by this factor before registration is refused.
const DRAINING_FACTOR: usize = 4;
/// What an application load balancer counts for as a target, per zone setting.
const ALB_WEIGHT: usize = 50;
/// Targets of a network load balancer that sends across zones.
const NETWORK_CROSS_ZONE_MAX: usize = 500;

// === impl Apply ===

impl Apply<'_> {
    /// Whether a group may have the targets of `record`, of which `fresh` are new.
    pub(super) fn quotas_admit(
        &self,
        group: &TargetGroup,
        record: &Registrations,
        fresh: &[String],
    ) -> Result<(), Refusal> {
        let limit = match group.target_type {
            TargetType::Lambda | TargetType::Alb => 1,
            TargetType::Instance | TargetType::Ip => {
                self.catalog.settings.quotas.targets_per_target_group
            }
        };
        let serving = record.targets.iter().filter(|target| !target.is_draining()).count();
        let all = limit.saturating_mul(DRAINING_FACTOR);
        if !fresh.is_empty() && (serving > limit || record.targets.len() > all) {
            return Err(Refusal::TargetsPerGroupTooMany { limit: limit.to_string() });
        }
        let Some(lb) = self.catalog.load_balancer_of(&group.arn) else { return Ok(()) };
        if lb.kind == LoadBalancerKind::Application {
            return self.targets_admit(lb, &BTreeSet::new(), fresh);
        }
        if fresh.is_empty() { Ok(()) } else { self.zonal_admit(lb, &BTreeSet::new(), Some(record)) }
    }

    /// Whether a network or gateway load balancer may carry its groups' targets, those of
    /// `groups`, and `record` instead of what its group has.
    pub(super) fn zonal_admit(
        &self,
        lb: &LoadBalancer,
        groups: &BTreeSet<TargetGroupArn>,
        record: Option<&Registrations>,
    ) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let key = "load_balancing.cross_zone.enabled";
        let cross = Carrier::load_balancer(lb).value(key, &lb.attributes) == Some("true");
        let (whole, zonal) = match lb.kind {
            LoadBalancerKind::Gateway => {
                (quotas.targets_per_gateway_zone, quotas.targets_per_gateway_zone)
            }
            _ if cross => (
                NETWORK_CROSS_ZONE_MAX.min(quotas.targets_per_network_load_balancer),
                quotas.targets_per_network_zone,
            ),
            _ => (quotas.targets_per_network_load_balancer, quotas.targets_per_network_zone),
        };
        let mut all: BTreeSet<&TargetGroupArn> = groups.iter().collect();
        all.extend(self.catalog.groups_of(&lb.arn).map(|group| &group.arn));
        let (mut total, mut zones) = (0, BTreeMap::<ZoneName, usize>::new());
        for group in all.into_iter().filter_map(|arn| self.catalog.target_group(arn)) {
            let targets = match record.filter(|record| record.group == group.arn) {
                Some(record) => &record.targets,
                None => self.catalog.targets(&group.arn),
            };
            for target in targets.iter().filter(|target| !target.is_draining()) {
                let alb = if cross { 2 * ALB_WEIGHT } else { ALB_WEIGHT };
                total += if group.target_type == TargetType::Alb { alb } else { 1 };
                if let Some(zone) = self.zone_of_target(group, target) {
                    *zones.entry(zone).or_default() += 1;
                }
            }
        }
        let kind = lb.kind.as_str().to_owned();
        if total > whole {
            return Err(Refusal::TargetsPerLoadBalancerTooMany { kind, limit: whole.to_string() });
        }
        match zones.into_iter().find(|(_, count)| *count > zonal) {
            Some((zone, _)) => {
                let (zone, limit) = (zone.to_string(), zonal.to_string());
                Err(RoutingRefusal::TargetsPerZoneTooMany { kind, zone, limit }.into())
            }
            None => Ok(()),
        }
    }

    fn zone_of_target(&self, group: &TargetGroup, target: &Target) -> Option<ZoneName> {
        if let Some(zone) = &target.zone {
            return (zone.as_str() != "all").then(|| zone.clone());
        }
        match group.target_type {
            TargetType::Instance => Some(self.catalog.instance(&target.id)?.zone.clone()),
            TargetType::Ip => {
                self.catalog.zone_of_address(group.vpc.as_ref()?, target.id.parse().ok()?)
            }
            TargetType::Lambda | TargetType::Alb => None,
        }
    }
}
