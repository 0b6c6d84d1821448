//! `DescribeTargetHealth`: what is desired (registrations) joined with what is measured (cells).
//!
//! Invariant: every registered target has exactly one state, decided in this order: draining,
//! group not in use, health checks off, instance not running or address of a load balancer, zone
//! not enabled, verdict of the health checks.
// spec: alb §6.3 States and reasons

use std::collections::BTreeMap;

use weir_core::catalog::{Catalog, Refusal};
use weir_core::resource::attribute::{Family, effective_bool};
use weir_core::resource::{InstanceState, Target, TargetGroup, TargetType};
use weir_core::snapshot::{GroupPlan, TargetPlan};
use weir_core::traffic::health::{TargetHealth, Verdict};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::{required, selected, target_group};

/// One group, looked at from both sides.
struct View<'a> {
    catalog: &'a Catalog,
    group: &'a TargetGroup,
    /// Absent only while a publication is late.
    plan: Option<&'a GroupPlan>,
    /// The targets of the plan: a search for each of a thousand would be a million steps.
    places: BTreeMap<(&'a str, u16), &'a TargetPlan>,
    /// Some rule forwards here.
    in_use: bool,
    /// Its load balancer takes part in zonal shifts.
    shifts: bool,
    /// `Include` asks for anomaly detection.
    anomaly: bool,
}

/// `DescribeTargetHealth`.
pub fn describe(
    call: &Call,
    input: api::DescribeTargetHealthInput,
) -> Result<api::DescribeTargetHealthOutput, ApiError> {
    let arn = required(input.target_group_arn);
    let anomaly = input.include.is_some_and(|include| !include.is_empty());
    let asked = selected(input.targets);
    let snapshot = call.authority().snapshot();
    let descriptions = call.read(|catalog| {
        let group = target_group::by_arn(call, catalog, &arn)?;
        let plan = snapshot.group_by_arn(&group.arn).map(AsRef::as_ref);
        let user = catalog.load_balancer_of(&group.arn);
        let in_use = user.is_some();
        let shifts = user.is_some_and(|lb| {
            let key = "zonal_shift.config.enabled";
            effective_bool(Family::LoadBalancer, key, &lb.attributes)
        });
        let targets = plan.map_or(&[][..], |plan| &plan.targets).iter();
        let places = targets.map(|t| ((t.key.id.as_str(), t.key.port), t.as_ref())).collect();
        let view = View { catalog, group, plan, places, in_use, shifts, anomaly };
        Ok::<_, Refusal>(match asked {
            Some(targets) => targets.into_iter().map(|target| view.asked(target)).collect(),
            None => {
                let targets = catalog.targets(&group.arn).iter();
                targets.filter(|t| !view.is_terminated(t)).map(|t| view.registered(t)).collect()
            }
        })
    })?;
    Ok(api::DescribeTargetHealthOutput { target_health_descriptions: Some(descriptions) })
}

// === impl View ===

impl View<'_> {
    /// A target that the caller named: registered, or `Target.NotRegistered`, which is no error.
    fn asked(&self, asked: api::TargetDescription) -> api::TargetHealthDescription {
        let asked = target_group::target_input(asked);
        let port = asked.port.or(self.group.port).unwrap_or(0);
        let targets = self.catalog.targets(&self.group.arn);
        let named = |target: &&Target| target.id == asked.id;
        let exact = targets.iter().filter(named).find(|target| target.port == port);
        // Without a port the only registration of the id is meant, whatever its port.
        let found = exact.or_else(|| {
            let any = || targets.iter().find(named);
            if asked.port.is_none() { any() } else { None }
        });
        match found {
            Some(target) => self.registered(target),
            None => {
                let target = api::TargetDescription {
                    id: Some(asked.id),
                    port: shown_port(port),
                    availability_zone: asked.zone,
                    quic_server_id: asked.quic_server,
                };
                self.description(target, port, TargetHealth::not_registered())
            }
        }
    }

    /// A terminated instance drains, but only who asks for it by name is told.
    // spec: control-plane §2.3 State machines
    fn is_terminated(&self, target: &Target) -> bool {
        let instance = self.catalog.instance(&target.id);
        self.group.target_type == TargetType::Instance
            && instance.is_none_or(|instance| instance.state == InstanceState::Terminated)
    }

    fn registered(&self, target: &Target) -> api::TargetHealthDescription {
        let shape = api::TargetDescription {
            id: Some(target.id.clone()),
            port: shown_port(target.port),
            availability_zone: self.zone(target),
            quic_server_id: target.quic_server.clone(),
        };
        let mut described = self.description(shape, target.port, self.health(target));
        // AWS may tell it always; here only who asked for zonal shifts is told, so that a healthy
        // target reads as it does in AWS's own examples.
        // spec: alb §14.5 Zonal shift
        if self.shifts {
            described.administrative_override = Some(api::AdministrativeOverride {
                state: Some("no_override".to_owned()),
                reason: Some("AdministrativeOverride.NoOverride".to_owned()),
                description: Some("No override is currently active on target".to_owned()),
            });
        }
        described
    }

    fn health(&self, target: &Target) -> TargetHealth {
        if target.is_draining() {
            return TargetHealth::draining();
        }
        if !self.in_use {
            return TargetHealth::group_not_in_use();
        }
        if !self.group.health_check.enabled {
            return TargetHealth::disabled();
        }
        let place = self.places.get(&(target.id.as_str(), target.port));
        let plan = self.plan.zip(place.copied());
        let Some((group, plan)) = plan else {
            return TargetHealth::of_verdict(Verdict::Registering);
        };
        match &plan.invalid {
            Some(reason) => TargetHealth::invalid_state(reason.clone()),
            None if !group.zone_is_enabled(plan) => TargetHealth::zone_not_enabled(),
            None => TargetHealth::of_verdict(plan.cell.verdict()),
        }
    }

    /// The zone that the caller named, or for an address of the VPC the zone that it lies in.
    fn zone(&self, target: &Target) -> Option<String> {
        let named = target.zone.as_ref().map(ToString::to_string);
        named.or_else(|| match self.group.target_type {
            TargetType::Instance | TargetType::Alb => None,
            TargetType::Lambda => Some("all".to_owned()),
            TargetType::Ip => {
                let (vpc, address) = (self.group.vpc.as_ref()?, target.id.parse().ok()?);
                Some(self.catalog.zone_of_address(vpc, address)?.to_string())
            }
        })
    }

    fn description(
        &self,
        target: api::TargetDescription,
        port: u16,
        health: TargetHealth,
    ) -> api::TargetHealthDescription {
        let health_port = self.group.health_check.port.resolve(port).to_string();
        let anomaly = api::AnomalyDetection {
            result: Some("normal".to_owned()),
            mitigation_in_effect: Some("no".to_owned()),
        };
        api::TargetHealthDescription {
            target: Some(target),
            health_check_port: (self.in_use && port != 0).then_some(health_port),
            target_health: Some(api::TargetHealth {
                state: Some(health.state.to_owned()),
                reason: health.reason.map(str::to_owned),
                description: health.description,
            }),
            anomaly_detection: self.anomaly.then_some(anomaly),
            administrative_override: None,
        }
    }
}

/// Functions have no port.
fn shown_port(port: u16) -> Option<i32> {
    (port != 0).then(|| i32::from(port))
}
