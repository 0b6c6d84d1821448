//! Plans of target groups and their targets.
//!
//! A target whose plan comes out as before keeps it, so that a registration builds one plan and
//! not one for every target of its group.
//!
//! Invariant: a target keeps its cell while its group, id and port stay the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Compiler;
use crate::catalog::ResourceKey;
use crate::resource::attribute::{self, Family};
use crate::resource::{
    InstanceState, LoadBalancerArn, Subnet, Target, TargetGroup, TargetGroupArn, TargetType,
    ZoneName,
};
use crate::snapshot::plan::Algorithm;
use crate::snapshot::{GroupCell, GroupPlan, GroupSlot, TargetCell, TargetKey, TargetPlan};
use crate::traffic::health::TargetHealth;

/// What `Target.IpUnusable` says.
const IP_UNUSABLE: &str = TargetHealth::IP_UNUSABLE;

/// The targets of the plan before, until they are found again.
struct Leftover<'a> {
    targets: &'a [Arc<TargetPlan>],
    found: Vec<bool>,
    /// Made when a target does not stand where it stood.
    places: Option<BTreeMap<(&'a str, u16), usize>>,
}

// === impl Compiler ===

impl Compiler<'_> {
    pub(super) fn group(&mut self, arn: &TargetGroupArn) {
        let Some(group) = self.catalog.target_group(arn) else {
            if let Some(slot) = self.next.by_group.remove(arn) {
                self.next.groups.free(slot.0);
                self.next.target_epoch += 1;
            }
            return;
        };
        let slot = match self.next.by_group.get(arn) {
            Some(slot) => *slot,
            None => {
                let slot = GroupSlot(self.next.groups.take());
                self.next.by_group.insert(arn.clone(), slot);
                slot
            }
        };
        let plan = self.group_plan(group, slot);
        self.next.groups.set(slot.0, Arc::new(plan));
        self.next.built.groups += 1;
    }

    fn group_plan(&mut self, group: &TargetGroup, slot: GroupSlot) -> GroupPlan {
        let before = self.previous.group_by_arn(&group.arn).cloned();
        let version = self.uid();
        let targets = self.targets(group, before.as_deref());
        let text = |key: &str| attribute::effective(Family::TargetGroup, key, &group.attributes);
        let used_by: Vec<LoadBalancerArn> = self.catalog.load_balancers_using(&group.arn);
        let enabled_zones: BTreeSet<ZoneName> = used_by
            .iter()
            .filter_map(|arn| self.catalog.load_balancer(arn))
            .flat_map(|lb| lb.zones.iter().map(|z| z.zone.clone()))
            .collect();
        let routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
        GroupPlan {
            arn: group.arn.clone(),
            slot,
            version,
            algorithm: match text("load_balancing.algorithm.type") {
                "least_outstanding_requests" => Algorithm::LeastOutstandingRequests,
                "weighted_random" => Algorithm::WeightedRandom,
                _ => Algorithm::RoundRobin,
            },
            zonal: text("load_balancing.cross_zone.enabled") == "false",
            min_healthy_count: text(&format!("{routing}.count")).parse().unwrap_or(1),
            min_healthy_percent: text(&format!("{routing}.percentage")).parse().ok(),
            health_check: Arc::new(group.health_check.clone()),
            used_by,
            enabled_zones: enabled_zones.into_iter().collect(),
            targets,
            cell: before.map_or_else(|| Arc::new(GroupCell::new()), |b| Arc::clone(&b.cell)),
        }
    }

    fn targets(&mut self, group: &TargetGroup, before: Option<&GroupPlan>) -> Vec<Arc<TargetPlan>> {
        let catalog = self.catalog;
        let subnets: Vec<&Subnet> = match group.target_type {
            TargetType::Ip => group.vpc.iter().flat_map(|vpc| catalog.subnets_of(vpc)).collect(),
            _ => Vec::new(),
        };
        let mut old = Leftover::of(before.map_or(&[][..], |before| &before.targets));
        // What no plane carries gets no traffic in a manner that it does not expect.
        let carried = group.is_carried();
        let targets = if carried { catalog.targets(&group.arn) } else { &[] };
        let mut plans = Vec::with_capacity(targets.len());
        for (index, target) in targets.iter().enumerate() {
            let kept = old.take(index, target);
            let plan = self.target(group, target, &subnets, kept);
            if let Some(kept) = kept.filter(|kept| kept.is_like(&plan)) {
                plans.push(Arc::clone(kept));
                continue;
            }
            if kept.is_some_and(|k| k.address != plan.address || plan.draining != k.draining) {
                self.next.target_epoch += 1;
            }
            self.next.built.targets += 1;
            plans.push(Arc::new(plan));
        }
        // The rest left the group: what they still carry ends now.
        // spec: alb §4.7 Deregistration delay
        for gone in old.rest() {
            gone.cell.cut();
            self.next.target_epoch += 1;
        }
        plans
    }

    fn target(
        &mut self,
        group: &TargetGroup,
        target: &Target,
        subnets: &[&Subnet],
        kept: Option<&Arc<TargetPlan>>,
    ) -> TargetPlan {
        let (address, own_zone, invalid) = self.locate(group, target, subnets);
        let zone = match &target.zone {
            Some(zone) if zone.as_str() == "all" => None,
            Some(zone) => Some(zone.clone()),
            None => own_zone,
        };
        let health_port = group.health_check.port.resolve(target.port);
        let cell = match kept {
            Some(plan) => Arc::clone(&plan.cell),
            None => Arc::new(TargetCell::new(self.uid(), self.node.threads)),
        };
        TargetPlan {
            key: TargetKey { id: target.id.clone(), port: target.port },
            address: address.map(|ip| SocketAddr::new(ip, target.port)),
            health_address: address.map(|ip| SocketAddr::new(ip, health_port)),
            zone,
            draining: target.is_draining(),
            invalid,
            cell,
        }
    }

    /// Whether a load balancer has this address.
    // spec: alb §4.1 Registration
    fn is_balancer(&self, group: &TargetGroup, address: IpAddr) -> bool {
        let holder = group.vpc.as_ref().and_then(|vpc| self.catalog.holder_of(vpc, address));
        matches!(holder, Some(ResourceKey::LoadBalancer(_)))
    }

    /// Address, zone, and why the target cannot be used, if so.
    fn locate(
        &self,
        group: &TargetGroup,
        target: &Target,
        subnets: &[&Subnet],
    ) -> (Option<IpAddr>, Option<ZoneName>, Option<String>) {
        match group.target_type {
            TargetType::Ip => {
                let address: Option<IpAddr> = target.id.parse().ok();
                let home = |ip: IpAddr| subnets.iter().find(|subnet| subnet.cidr.contains(&ip));
                let zone = address.and_then(home).map(|subnet| subnet.zone.clone());
                let unusable = address.filter(|ip| self.is_balancer(group, *ip));
                (address, zone, unusable.map(|_| IP_UNUSABLE.to_owned()))
            }
            TargetType::Lambda | TargetType::Alb => (None, None, None),
            TargetType::Instance => match self.catalog.instance(&target.id) {
                Some(instance) => {
                    let invalid = (instance.state != InstanceState::Running)
                        .then(|| format!("Target is in the {} state", instance.state.as_str()));
                    (Some(instance.address), Some(instance.zone.clone()), invalid)
                }
                None => (None, None, Some("Target is in the terminated state".to_owned())),
            },
        }
    }
}

// === impl Leftover ===

impl<'a> Leftover<'a> {
    fn of(targets: &'a [Arc<TargetPlan>]) -> Self {
        Self { targets, found: vec![false; targets.len()], places: None }
    }

    /// The plan of this target, which likely stands at `index` as before.
    fn take(&mut self, index: usize, target: &Target) -> Option<&'a Arc<TargetPlan>> {
        let is = |plan: &TargetPlan| plan.key.port == target.port && plan.key.id == target.id;
        let same = self.targets.get(index).filter(|plan| is(plan.as_ref())).map(|_| index);
        let index = match same {
            Some(index) => index,
            None => {
                let targets = self.targets;
                let places = self.places.get_or_insert_with(|| {
                    let keys = targets.iter().map(|plan| (plan.key.id.as_str(), plan.key.port));
                    keys.zip(0..).collect()
                });
                *places.get(&(target.id.as_str(), target.port))?
            }
        };
        self.found[index] = true;
        Some(&self.targets[index])
    }

    /// Those that were not found again.
    fn rest(&self) -> impl Iterator<Item = &'a Arc<TargetPlan>> {
        let all = self.targets.iter().zip(&self.found);
        all.filter(|(_, found)| !**found).map(|(target, _)| target)
    }
}

// === impl TargetPlan ===

impl TargetPlan {
    /// Whether both say the same of the same target.
    fn is_like(&self, other: &Self) -> bool {
        let Self { key, address, health_address, zone, draining, invalid, cell } = self;
        *key == other.key
            && *address == other.address
            && *health_address == other.health_address
            && *zone == other.zone
            && *draining == other.draining
            && *invalid == other.invalid
            && Arc::ptr_eq(cell, &other.cell)
    }
}
