//! `ModifyCapacityReservation`.
//!
//! What is reserved is there at once: a machine carries what it can, reserved or not, so there is
//! no pending state and no shortage. What clients can run into are AWS's bounds.
//!
//! Invariant: a reservation is within the quota of its load balancer and of its region.
// spec: alb §14.7 LCU and capacity reservation
// spec: nlb-gwlb-clb §1.16 Capacity reservation (LCU) [M][D]

use super::Apply;
use crate::catalog::command::CapacityReservationModify;
use crate::catalog::{LoadBalancerRefusal, Refusal};
use crate::resource::{CapacityReservation, LoadBalancer, LoadBalancerKind};

/// Units of an application load balancer.
const APPLICATION_MIN: u32 = 100;
/// Units of a network load balancer, in each of its zones.
const NETWORK_MIN_PER_ZONE: u32 = 2_750;

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn capacity_reservation_modify(
        &mut self,
        input: &CapacityReservationModify,
    ) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        match (input.units, input.reset) {
            (None, false) => return Err(LoadBalancerRefusal::CapacityNothing {}.into()),
            (Some(_), true) => return Err(LoadBalancerRefusal::CapacityBoth {}.into()),
            _ => {}
        }
        if lb.kind == LoadBalancerKind::Gateway {
            let kind = lb.kind.as_str().to_owned();
            return Err(LoadBalancerRefusal::CapacityType { kind }.into());
        }
        if let Some(units) = input.units {
            self.capacity_fits(lb, units)?;
        }
        let before = lb.capacity.as_ref();
        let present = before.and_then(|reservation| reservation.units);
        let units = input.units.and_then(|units| u32::try_from(units).ok());
        if present == units && before.is_some() {
            self.load_balancer_replace(lb, |_| {});
            return Ok(());
        }
        let now_ms = self.now.epoch_ms();
        let recent = before.map(|reservation| reservation.recent_decreases(now_ms).collect());
        let mut decreases: Vec<i64> = recent.unwrap_or_default();
        // Giving everything back is always possible; AWS does not say whether it counts.
        if units.zip(present).is_some_and(|(units, present)| units < present) {
            let limit = CapacityReservation::DECREASES_PER_DAY;
            if decreases.len() >= limit {
                let limit = limit.to_string();
                return Err(LoadBalancerRefusal::CapacityDecreases { limit }.into());
            }
            decreases.push(now_ms);
        }
        let reservation = CapacityReservation { units, modified_ms: now_ms, decreases };
        self.load_balancer_replace(lb, |lb| lb.capacity = Some(reservation));
        Ok(())
    }

    fn capacity_fits(&self, lb: &LoadBalancer, units: i64) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let zones = u32::try_from(lb.zones.len()).unwrap_or(u32::MAX);
        let (minimum, limit) = match lb.kind {
            LoadBalancerKind::Network => (
                NETWORK_MIN_PER_ZONE.saturating_mul(zones),
                quotas.reserved_units_per_network_zone.saturating_mul(lb.zones.len()),
            ),
            _ => (APPLICATION_MIN, quotas.reserved_units_per_load_balancer),
        };
        if units < i64::from(minimum) {
            let (units, minimum) = (units.to_string(), minimum.to_string());
            return Err(LoadBalancerRefusal::CapacityTooSmall { units, minimum }.into());
        }
        let exceeds = |units: i64, limit: usize| i64::try_from(limit).is_ok_and(|l| units > l);
        if exceeds(units, limit) {
            return Err(LoadBalancerRefusal::CapacityTooLarge { limit: limit.to_string() }.into());
        }
        let others = self
            .catalog
            .load_balancers_in(&lb.region)
            .filter(|other| other.arn != lb.arn && other.kind == lb.kind);
        let reserved = others.filter_map(|other| other.capacity.as_ref()?.units);
        let total: i64 = units + reserved.map(i64::from).sum::<i64>();
        let limit = quotas.reserved_units_per_region;
        if exceeds(total, limit) {
            return Err(LoadBalancerRefusal::CapacityInRegion { limit: limit.to_string() }.into());
        }
        Ok(())
    }
}
