//! Registering, draining and removing targets.
//!
//! ```text
//!            register                deregister                 deadline
//!   (none) ───────────▶ Registered ─────────────▶ Draining ─────────────▶ (none)
//!                           ▲      group unused or   │
//!                           │      delay 0: (none)   │
//!                           └────────────────────────┘ register again (instances only)
//! ```
//!
//! Invariant: (id, port) is unique in a group, and whatever rewrites a record drops targets whose
//! deadline has passed.
// spec: alb §4.1 Registration

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::{Apply, quoted};
use crate::catalog::command::{TargetInput, TargetsInput};
use crate::catalog::unserved::Feature;
use crate::catalog::{Change, Refusal, Resource, ResourceKey};
use crate::resource::attribute::{self, Family};
use crate::resource::{
    Instance, InstanceState, Region, Registrations, Target, TargetGroup, TargetGroupArn,
    TargetState, TargetType, ZoneName,
};

/// Draining targets may outnumber serving ones by this factor before registration is refused.
const DRAINING_FACTOR: usize = 4;

/// Private ranges outside the VPC that an ip target may lie in.
const PRIVATE_RANGES: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

// === impl Apply: register ===

impl<'a> Apply<'a> {
    pub(super) fn targets_register(&mut self, input: &TargetsInput) -> Result<(), Refusal> {
        let group = self.target_group(&input.region, &input.arn)?;
        if input.targets.is_empty() {
            return Err(Refusal::TargetsEmpty {});
        }
        match group.target_type {
            TargetType::Instance => self.instances_admit(&input.region, group, &input.targets)?,
            TargetType::Ip => self.addresses_admit(group, &input.targets)?,
        }
        let mut record = self.registrations_live(&group.arn);
        let mut draining = Vec::new();
        let mut fresh = Vec::new();
        for wanted in &input.targets {
            let port = wanted.port.unwrap_or(group.port);
            let zone = wanted.zone.as_deref().map(ZoneName::new);
            let state = TargetState::Registered;
            let registered_ms = self.now.epoch_ms();
            let id = canonical_id(group, &wanted.id);
            let target = Target { id, port, zone, registered_ms, state };
            let place = record.targets.iter_mut().find(|t| t.id == target.id && t.port == port);
            match place {
                None => {
                    fresh.push(target.id.clone());
                    record.targets.push(target);
                }
                Some(old) if !old.is_draining() => old.zone = target.zone,
                Some(_) if group.target_type == TargetType::Ip => draining.push(target.id),
                Some(old) => {
                    fresh.push(target.id.clone());
                    *old = target;
                }
            }
        }
        if !draining.is_empty() {
            return Err(Refusal::TargetsDraining { ids: quoted(&draining) });
        }
        self.quotas_admit(group, &record, &fresh)?;
        self.registrations_replace(record);
        Ok(())
    }

    fn quotas_admit(
        &self,
        group: &TargetGroup,
        record: &Registrations,
        fresh: &[String],
    ) -> Result<(), Refusal> {
        let limit = self.catalog.settings.quotas.targets_per_target_group;
        let serving = record.targets.iter().filter(|target| !target.is_draining()).count();
        if serving > limit || record.targets.len() > limit.saturating_mul(DRAINING_FACTOR) {
            return Err(Refusal::TargetsPerGroupTooMany { limit: limit.to_string() });
        }
        match self.catalog.load_balancer_of(&group.arn) {
            Some(lb) => self.targets_admit(&lb.arn, &BTreeSet::new(), fresh),
            None => Ok(()),
        }
    }

    /// Judges instance ids.
    fn instances_admit(
        &self,
        region: &Region,
        group: &TargetGroup,
        targets: &[TargetInput],
    ) -> Result<(), Refusal> {
        let mut missing = Vec::new();
        let mut foreign = Vec::new();
        let mut stopped = Vec::new();
        for target in targets {
            served(target)?;
            if !is_instance_id(&target.id) {
                return Err(Refusal::TargetInstanceIdInvalid { id: target.id.clone() });
            }
            if target.zone.is_some() {
                return Err(Refusal::TargetZoneOnInstance {});
            }
            let found = self.catalog.instance(&target.id).filter(|i| i.region == *region);
            match found {
                None => missing.push(&target.id),
                Some(instance) if instance.vpc != group.vpc => foreign.push(&target.id),
                Some(i) if i.state != InstanceState::Running => stopped.push(&target.id),
                Some(_) => {}
            }
        }
        if !missing.is_empty() {
            return Err(Refusal::TargetsNotFound { ids: quoted(&missing) });
        }
        if !foreign.is_empty() {
            let (vpc, ids) = (group.vpc.to_string(), quoted(&foreign));
            return Err(Refusal::TargetsNotInVpc { vpc, ids });
        }
        if !stopped.is_empty() {
            return Err(Refusal::TargetsNotRunning { ids: quoted(&stopped) });
        }
        Ok(())
    }

    /// Judges addresses and their zones.
    fn addresses_admit(&self, group: &TargetGroup, targets: &[TargetInput]) -> Result<(), Refusal> {
        for target in targets {
            served(target)?;
            let ip = || target.id.clone();
            let address: Ipv4Addr =
                target.id.parse().map_err(|_| Refusal::TargetIpInvalid { ip: ip() })?;
            if !self.in_vpc(group, address) {
                if !is_private(address) {
                    return Err(Refusal::TargetIpNotAllowed { ip: ip() });
                }
                if target.zone.is_none() {
                    return Err(Refusal::TargetIpZoneRequired { ip: ip() });
                }
            }
            if let Some(zone) = &target.zone {
                self.target_zone_admit(group, zone)?;
            }
        }
        Ok(())
    }

    fn in_vpc(&self, group: &TargetGroup, address: Ipv4Addr) -> bool {
        let vpc = self.catalog.vpc(&group.vpc);
        vpc.is_some_and(|vpc| vpc.cidr.contains(&IpAddr::V4(address)))
    }

    fn target_zone_admit(&self, group: &TargetGroup, zone: &str) -> Result<(), Refusal> {
        if zone == "all" {
            let key = "load_balancing.cross_zone.enabled";
            let value = attribute::effective(Family::TargetGroup, key, &group.attributes);
            return match value {
                "false" => Err(Refusal::TargetZoneAllCrossZoneOff {}),
                _ => Ok(()),
            };
        }
        let mut subnets = self.catalog.subnets_of(&group.vpc);
        if subnets.any(|subnet| subnet.zone.as_str() == zone) {
            return Ok(());
        }
        Err(Refusal::TargetZoneInvalid { zone: zone.to_owned() })
    }
}

// === impl Apply: deregister, reap ===

impl<'a> Apply<'a> {
    pub(super) fn targets_deregister(&mut self, input: &TargetsInput) -> Result<(), Refusal> {
        let group = self.target_group(&input.region, &input.arn)?;
        for target in &input.targets {
            if group.target_type == TargetType::Instance && !is_instance_id(&target.id) {
                return Err(Refusal::TargetInstanceIdInvalid { id: target.id.clone() });
            }
        }
        let leaving: BTreeSet<(String, u16)> = input
            .targets
            .iter()
            .map(|t| (canonical_id(group, &t.id), t.port.unwrap_or(group.port)))
            .collect();
        self.targets_leave(group, |target| leaving.contains(&(target.id.clone(), target.port)));
        Ok(())
    }

    /// Starts to drain (or removes at once) the targets that `leaves` picks.
    // spec: alb §4.7 Deregistration delay
    fn targets_leave(&mut self, group: &TargetGroup, leaves: impl Fn(&Target) -> bool) {
        let key = "deregistration_delay.timeout_seconds";
        let delay_s = attribute::effective_u32(Family::TargetGroup, key, &group.attributes);
        let delay_s = delay_s.expect("invariant: declared as a number");
        let used = self.catalog.rules_naming(&group.arn).next().is_some();
        let until_ms = self.now.epoch_ms() + i64::from(delay_s) * 1_000;
        let mut record = self.registrations_live(&group.arn);
        let at_once = delay_s == 0 || !used;
        record.targets.retain(|target| target.is_draining() || !at_once || !leaves(target));
        for target in &mut record.targets {
            if !target.is_draining() && leaves(target) {
                target.state = TargetState::Draining { until_ms };
            }
        }
        self.registrations_replace(record);
    }

    /// A terminated instance leaves all its groups.
    pub(super) fn instance_leaves_groups(&mut self, instance: &Instance) {
        let catalog = self.catalog;
        for arn in catalog.groups_with_target(instance.id.as_str()) {
            let Some(group) = catalog.target_group(arn) else { continue };
            self.targets_leave(group, |target| target.id == instance.id.as_str());
        }
    }

    /// Removes what has waited long enough: drained targets, terminated instances.
    pub(super) fn targets_reap(&mut self) -> Result<(), Refusal> {
        let now_ms = self.now.epoch_ms();
        let due = self.catalog.index.deadlines.iter().take_while(|(at, _)| *at <= now_ms);
        let keys: BTreeSet<&ResourceKey> = due.map(|(_, key)| key).collect();
        for key in keys {
            match key {
                ResourceKey::Registrations(arn) => {
                    let record = self.registrations_live(arn);
                    self.registrations_replace(record);
                }
                gone => {
                    self.subject(gone.clone());
                    self.decision.changes.delete(gone.clone());
                }
            }
        }
        Ok(())
    }

    /// The record of a group without targets whose deadline has passed. Reads what this decision
    /// has already written.
    fn registrations_live(&self, group: &TargetGroupArn) -> Registrations {
        let now_ms = self.now.epoch_ms();
        let due = |target: &Target| match target.state {
            TargetState::Draining { until_ms } => until_ms <= now_ms,
            TargetState::Registered => false,
        };
        let written = self.decision.changes.changes.iter().rev().find_map(|change| match change {
            Change::Put(resource) => match resource.as_ref() {
                Resource::Registrations(record) if record.group == *group => Some(record),
                _ => None,
            },
            Change::Delete(_) => None,
        });
        let mut record = match written.or_else(|| self.catalog.registrations(group)) {
            Some(record) => record.clone(),
            None => Registrations { group: group.clone(), targets: Vec::new() },
        };
        record.targets.retain(|target| !due(target));
        record
    }

    fn registrations_replace(&mut self, record: Registrations) {
        if self.catalog.registrations(&record.group) == Some(&record) {
            self.subject(ResourceKey::Registrations(record.group));
        } else {
            self.put_subject(Resource::Registrations(record));
        }
    }
}

fn served(target: &TargetInput) -> Result<(), Refusal> {
    match &target.quic_server {
        Some(server) => Err(Refusal::unserved(Feature::QuicServer, server)),
        None => Ok(()),
    }
}

/// One spelling per target.
fn canonical_id(group: &TargetGroup, id: &str) -> String {
    match (group.target_type, id.parse::<Ipv4Addr>()) {
        (TargetType::Ip, Ok(address)) => address.to_string(),
        _ => id.to_owned(),
    }
}

/// `i-` and 8 or 17 hexadecimal digits.
pub(super) fn is_instance_id(id: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    id.strip_prefix("i-")
        .is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(hex))
}

fn is_private(address: Ipv4Addr) -> bool {
    PRIVATE_RANGES
        .iter()
        .any(|(base, bits)| Ipv4Net::new(*base, *bits).is_ok_and(|range| range.contains(&address)))
}
