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
use crate::catalog::{Change, Refusal, Resource, ResourceKey, RoutingRefusal, Waiver};
use crate::limits;
use crate::resource::attribute::{self, Family};
use crate::resource::{
    Instance, InstanceState, LoadBalancerArn, LoadBalancerKind, Region, Registrations, Target,
    TargetGroup, TargetGroupArn, TargetGroupProtocol, TargetState, TargetType, ZoneName,
};

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
        for target in &input.targets {
            quic_fits(group, target)?;
        }
        match group.target_type {
            TargetType::Instance => self.instances_admit(&input.region, group, &input.targets)?,
            TargetType::Ip => self.addresses_admit(group, &input.targets)?,
            TargetType::Lambda => self.functions_admit(&input.region, &input.targets)?,
            TargetType::Alb => self.balancers_admit(&input.region, group, &input.targets)?,
        }
        let mut record = self.registrations_live(&group.arn);
        let mut draining = Vec::new();
        let mut fresh = Vec::new();
        for wanted in &input.targets {
            let port = wanted.port.or(group.port).unwrap_or(0);
            let zone = wanted.zone.as_deref().map(ZoneName::new);
            let state = TargetState::Registered;
            let registered_ms = self.now.epoch_ms();
            let id = canonical_id(group, &wanted.id);
            let quic_server = wanted.quic_server.clone();
            let target = Target { id, port, zone, quic_server, registered_ms, state };
            quic_free(&record, &target)?;
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

    /// Judges instance ids.
    fn instances_admit(
        &self,
        region: &Region,
        group: &TargetGroup,
        targets: &[TargetInput],
    ) -> Result<(), Refusal> {
        let waived = self.catalog.settings.waives(Waiver::ForeignTarget);
        let home = group.vpc.as_ref();
        let mut missing = Vec::new();
        let mut foreign = Vec::new();
        let mut stopped = Vec::new();
        for target in targets {
            if !is_instance_id(&target.id) {
                return Err(Refusal::TargetInstanceIdInvalid { id: target.id.clone() });
            }
            if target.zone.is_some() {
                return Err(Refusal::TargetZoneOnInstance {});
            }
            let found = self.catalog.instance(&target.id).filter(|i| i.region == *region);
            match found {
                None => missing.push(&target.id),
                Some(instance) if home != Some(&instance.vpc) && !waived => {
                    foreign.push(&target.id);
                }
                Some(i) if i.state != InstanceState::Running => stopped.push(&target.id),
                Some(_) => {}
            }
        }
        if !missing.is_empty() {
            return Err(Refusal::TargetsNotFound { ids: quoted(&missing) });
        }
        if !foreign.is_empty() {
            let vpc = group.vpc.as_ref().map(ToString::to_string).unwrap_or_default();
            let ids = quoted(&foreign);
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
            let ip = || target.id.clone();
            let address = match target.id.parse::<IpAddr>() {
                Ok(address) if address.is_ipv6() == group.ipv6 => address,
                _ if group.ipv6 => {
                    return Err(RoutingRefusal::TargetIpv6Invalid { ip: ip() }.into());
                }
                _ => return Err(Refusal::TargetIpInvalid { ip: ip() }),
            };
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

    /// Whether an address needs no zone: it lies in the VPC, or is of this machine, where targets
    /// of a self-hosted load balancer often run.
    fn in_vpc(&self, group: &TargetGroup, address: IpAddr) -> bool {
        let vpc = group.vpc.as_ref().and_then(|vpc| self.catalog.vpc(vpc));
        address.is_loopback() || vpc.is_some_and(|vpc| vpc.holds(&address))
    }

    /// Judges functions.
    // spec: alb §4.1 Registration
    fn functions_admit(&self, region: &Region, targets: &[TargetInput]) -> Result<(), Refusal> {
        let account = &self.catalog.settings.account;
        for target in targets {
            let id = || target.id.clone();
            let Some((of_region, of_account)) = function_home(&target.id) else {
                return Err(RoutingRefusal::TargetFunctionInvalid { id: id() }.into());
            };
            if of_region != region.as_str() || of_account != account.as_str() {
                return Err(RoutingRefusal::TargetFunctionForeign { id: id() }.into());
            }
            if target.port.is_some() {
                return Err(member_foreign("a port", "lambda"));
            }
            if target.zone.as_deref().is_some_and(|zone| zone != "all") {
                return Err(RoutingRefusal::TargetZoneLambda {}.into());
            }
        }
        Ok(())
    }

    /// Judges load balancers.
    // spec: nlb-gwlb-clb §1.11 Target types and registration [D][M]
    fn balancers_admit(
        &self,
        region: &Region,
        group: &TargetGroup,
        targets: &[TargetInput],
    ) -> Result<(), Refusal> {
        for target in targets {
            let id = || target.id.clone();
            let found = LoadBalancerArn::parse(&target.id);
            let found = found.and_then(|arn| self.catalog.load_balancer(&arn)).filter(|lb| {
                lb.kind == LoadBalancerKind::Application
                    && lb.region == *region
                    && Some(&lb.vpc) == group.vpc.as_ref()
            });
            let Some(lb) = found else {
                return Err(RoutingRefusal::TargetBalancerInvalid { id: id() }.into());
            };
            if target.zone.is_some() {
                return Err(member_foreign("an Availability Zone", "alb"));
            }
            if let Some(port) = target.port.filter(|port| Some(*port) != group.port) {
                let port = port.to_string();
                return Err(RoutingRefusal::TargetBalancerPort { port }.into());
            }
            let mut listeners = self.catalog.listeners_of(&lb.arn);
            if !listeners.any(|listener| Some(listener.port) == group.port) {
                return Err(RoutingRefusal::TargetBalancerListener {}.into());
            }
            let others = self.catalog.groups_with_target(&target.id);
            let limit = limits::NETWORKS_PER_TARGET_MAX;
            if others.filter(|other| **other != group.arn).count() >= limit {
                let limit = limit.to_string();
                return Err(Refusal::RegistrationsPerTargetTooMany { id: id(), limit });
            }
        }
        Ok(())
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
        let vpc = group.vpc.as_ref();
        let mut subnets = vpc.into_iter().flat_map(|vpc| self.catalog.subnets_of(vpc));
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
        if input.targets.is_empty() {
            return Err(Refusal::TargetsEmpty {});
        }
        for target in &input.targets {
            if group.target_type == TargetType::Instance && !is_instance_id(&target.id) {
                return Err(Refusal::TargetInstanceIdInvalid { id: target.id.clone() });
            }
        }
        let leaving: BTreeSet<(String, u16)> = input
            .targets
            .iter()
            .map(|t| (canonical_id(group, &t.id), t.port.or(group.port).unwrap_or(0)))
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
        // A function has no connections that could end in peace.
        let at_once = delay_s == 0 || !used || group.target_type == TargetType::Lambda;
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

/// Whether a target has a QUIC server id exactly when it needs one.
// spec: nlb-gwlb-clb §1.14 QUIC [D][S]
fn quic_fits(group: &TargetGroup, target: &TargetInput) -> Result<(), Refusal> {
    let quic = group.protocol.is_some_and(TargetGroupProtocol::is_quic);
    match &target.quic_server {
        None if quic => Err(RoutingRefusal::TargetQuicMissing {}.into()),
        None => Ok(()),
        Some(_) if !quic => {
            let protocol = group.protocol.map_or("", |protocol| protocol.as_str()).to_owned();
            Err(RoutingRefusal::TargetQuicForeign { protocol }.into())
        }
        Some(value) => {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            let digits = value.strip_prefix("0x").unwrap_or_default();
            if digits.len() == 16 && digits.bytes().all(hex) {
                return Ok(());
            }
            Err(RoutingRefusal::TargetQuicInvalid { value: value.clone() }.into())
        }
    }
}

/// Whether a server id is the target's own, or nobody's.
fn quic_free(record: &Registrations, target: &Target) -> Result<(), Refusal> {
    let Some(server) = &target.quic_server else { return Ok(()) };
    for other in &record.targets {
        let same = other.id == target.id && other.port == target.port;
        let taken = other.quic_server.as_ref() == Some(server);
        if !same && taken {
            return Err(RoutingRefusal::TargetQuicTaken { value: server.clone() }.into());
        }
        if same && !taken && !other.is_draining() {
            return Err(RoutingRefusal::TargetQuicImmutable { id: target.id.clone() }.into());
        }
    }
    Ok(())
}

fn member_foreign(member: &str, kind: &str) -> Refusal {
    let (member, kind) = (member.to_owned(), kind.to_owned());
    RoutingRefusal::TargetMemberForeign { member, kind }.into()
}

/// Region and account of a function, which may be followed by a version or alias.
fn function_home(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.split(':').collect();
    let name = |text: &&str| {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"-_$.".contains(&b);
        (1..=140).contains(&text.len()) && text.bytes().all(sound)
    };
    match parts.as_slice() {
        ["arn", partition, "lambda", region, account, "function", rest @ ..]
            if partition.starts_with("aws")
                && (1..=2).contains(&rest.len())
                && rest.iter().all(name) =>
        {
            Some((region, account))
        }
        _ => None,
    }
}

/// One spelling per target.
fn canonical_id(group: &TargetGroup, id: &str) -> String {
    match (group.target_type, id.parse::<IpAddr>()) {
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

/// Addresses outside of the VPC that a target may have: private IPv4 ones, and IPv6 ones that a
/// peered VPC could have.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_RANGES.iter().any(|(base, bits)| {
            Ipv4Net::new(*base, *bits).is_ok_and(|range| range.contains(&address))
        }),
        IpAddr::V6(address) => {
            let local = address.is_unicast_link_local() || address.is_unspecified();
            !local && !address.is_multicast()
        }
    }
}
