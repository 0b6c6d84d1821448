//! Capacity reservations in the API's words.
//!
//! Invariant: what is reserved is told as provisioned, in equal parts per zone.
// spec: alb §14.7 LCU and capacity reservation
// spec: nlb-gwlb-clb §1.16 Capacity reservation (LCU) [M][D]

use weir_core::catalog::command::CapacityReservationModify;
use weir_core::catalog::{Command, Refusal};
use weir_core::resource::{CapacityReservation, LoadBalancer};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;
use weir_wire::time::Time;

use super::super::call::Call;
use super::{load_balancer, required};

/// What both calls tell.
struct Told {
    modified: Option<Time>,
    decreases_left: Option<i32>,
    minimum: Option<api::MinimumLoadBalancerCapacity>,
    zones: Vec<api::ZonalCapacityReservationState>,
}

/// `ModifyCapacityReservation`.
pub async fn modify(
    call: &Call,
    input: api::ModifyCapacityReservationInput,
) -> Result<api::ModifyCapacityReservationOutput, ApiError> {
    let units = input.minimum_load_balancer_capacity.and_then(|minimum| minimum.capacity_units);
    let command = CapacityReservationModify {
        region: call.facts.region.clone(),
        arn: required(input.load_balancer_arn),
        units: units.map(i64::from),
        reset: input.reset_capacity_reservation.unwrap_or(false),
    };
    let decision = call.submit(Command::CapacityReservationModify(command)).await?;
    let told = told(call, load_balancer::after(call, &decision)?);
    Ok(api::ModifyCapacityReservationOutput {
        last_modified_time: told.modified,
        decrease_requests_remaining: told.decreases_left,
        minimum_load_balancer_capacity: told.minimum,
        capacity_reservation_state: Some(told.zones),
    })
}

/// `DescribeCapacityReservation`.
pub fn describe(
    call: &Call,
    input: api::DescribeCapacityReservationInput,
) -> Result<api::DescribeCapacityReservationOutput, ApiError> {
    let arn = required(input.load_balancer_arn);
    let told = call.read(|catalog| {
        let lb = load_balancer::by_arn(call, catalog, &arn)?;
        Ok(told(call, lb.ok_or(Refusal::LoadBalancerNotFound { arn: arn.clone() })?))
    })?;
    Ok(api::DescribeCapacityReservationOutput {
        last_modified_time: told.modified,
        decrease_requests_remaining: told.decreases_left,
        minimum_load_balancer_capacity: told.minimum,
        capacity_reservation_state: Some(told.zones),
    })
}

fn told(call: &Call, lb: &LoadBalancer) -> Told {
    let reservation = lb.capacity.as_ref();
    let now_ms = call.facts.now.epoch_ms();
    let left =
        reservation.map_or(CapacityReservation::DECREASES_PER_DAY, |r| r.decreases_left(now_ms));
    let units = reservation.and_then(|reservation| reservation.units);
    let capacity_units = units.and_then(|units| i32::try_from(units).ok());
    Told {
        modified: reservation.map(|r| load_balancer::time(r.modified_ms)),
        decreases_left: i32::try_from(left).ok(),
        minimum: units.map(|_| api::MinimumLoadBalancerCapacity { capacity_units }),
        zones: units.map(|units| zones(lb, units)).unwrap_or_default(),
    }
}

fn zones(lb: &LoadBalancer, units: u32) -> Vec<api::ZonalCapacityReservationState> {
    let share = f64::from(units) / lb.zones.len().max(1) as f64;
    let zone = |zone: &weir_core::resource::LoadBalancerZone| api::ZonalCapacityReservationState {
        state: Some(api::CapacityReservationStatus {
            code: Some("provisioned".to_owned()),
            reason: None,
        }),
        availability_zone: Some(zone.zone.to_string()),
        effective_capacity_units: Some(share),
    };
    lb.zones.iter().map(zone).collect()
}
