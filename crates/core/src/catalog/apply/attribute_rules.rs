//! What attributes must be together: rules across keys.
//!
//! Every function judges the values that would be in force after a call; each value fits its own
//! declaration already.
//!
//! Invariant: nothing here looks at what a plane carries.
// spec: alb §4.5 Stickiness
// spec: alb §4.9 Target group health (not for Lambda)
// spec: nlb-gwlb-clb §8.2 Target group attributes

use std::collections::BTreeSet;

use crate::catalog::command::Pairs;
use crate::catalog::{AttributeRefusal, Refusal};
use crate::resource::AttributeValues;
use crate::resource::attribute::{Carrier, Shape};

const ALGORITHM: &str = "load_balancing.algorithm.type";
const ROUND_ROBIN: &str = "round_robin";
const WEIGHTED_RANDOM: &str = "weighted_random";
/// Stems of the attributes of logs that go to a bucket.
const LOGS: [&str; 3] = ["access_logs", "connection_logs", "health_check_logs"];

/// Values in force; keys that do not exist here read as empty.
struct Values<'a> {
    carrier: &'a Carrier<'a>,
    values: &'a AttributeValues,
}

// === impl Values ===

impl<'a> Values<'a> {
    fn of(&self, key: &str) -> &'a str {
        self.carrier.value(key, self.values).unwrap_or_default()
    }

    fn is_on(&self, key: &str) -> bool {
        self.of(key) == "true"
    }
}

/// Load balancers: logs need a bucket, further addresses are never taken back.
pub(super) fn load_balancer(
    carrier: &Carrier<'_>,
    before: &AttributeValues,
    after: &AttributeValues,
) -> Result<(), Refusal> {
    let (old, new) = (Values { carrier, values: before }, Values { carrier, values: after });
    for log in LOGS {
        let wanted = new.is_on(&format!("{log}.s3.enabled"));
        if wanted && new.of(&format!("{log}.s3.bucket")).is_empty() {
            let log = log.to_owned();
            return Err(AttributeRefusal::LogBucketAbsent { log }.into());
        }
    }
    let key = "secondary_ips.auto_assigned.per_subnet";
    // Single digits, so their text orders as they do.
    if new.of(key) < old.of(key) {
        let (key, value) = (key.to_owned(), old.of(key).to_owned());
        return Err(AttributeRefusal::OnlyGrows { key, value }.into());
    }
    Ok(())
}

/// Target groups. `given` is what the call names: AWS does not say whether a default that nobody
/// chose takes part in the order of thresholds, so it does not.
pub(super) fn target_group(
    carrier: &Carrier<'_>,
    after: &AttributeValues,
    given: &Pairs,
) -> Result<(), Refusal> {
    let values = Values { carrier, values: after };
    stickiness(&values)?;
    algorithm(&values)?;
    thresholds(&values, given)?;
    network(&values)?;
    gateway(&values)
}

/// Listeners: one header cannot carry two things.
pub(super) fn listener(carrier: &Carrier<'_>, after: &AttributeValues) -> Result<(), Refusal> {
    let values = Values { carrier, values: after };
    let mut names = BTreeSet::new();
    for row in carrier.family.rows().iter().filter(|row| row.scope.covers(carrier)) {
        let name = values.of(row.key);
        if row.shape == Shape::HeaderName && !names.insert(name.to_ascii_lowercase()) {
            let name = name.to_owned();
            return Err(AttributeRefusal::HeaderNamesClash { name }.into());
        }
    }
    Ok(())
}

fn stickiness(values: &Values<'_>) -> Result<(), Refusal> {
    if !values.is_on("stickiness.enabled") {
        return Ok(());
    }
    let cookie = values.of("stickiness.app_cookie.cookie_name");
    if values.of("stickiness.type") == "app_cookie" && cookie.is_empty() {
        return Err(AttributeRefusal::CookieNameMissing {}.into());
    }
    let web = values.carrier.find(ALGORITHM).is_some();
    if web && values.of("load_balancing.cross_zone.enabled") == "false" {
        return Err(AttributeRefusal::StickinessWithoutCrossZone {}.into());
    }
    if values.of(ALGORITHM) == WEIGHTED_RANDOM {
        return Err(AttributeRefusal::StickinessWithAlgorithm {}.into());
    }
    Ok(())
}

// spec: alb §4.6 Automatic Target Weights (ATW)
fn algorithm(values: &Values<'_>) -> Result<(), Refusal> {
    let algorithm = values.of(ALGORITHM).to_owned();
    let ramp = values.of("slow_start.duration_seconds");
    if !matches!(ramp, "" | "0") && algorithm != ROUND_ROBIN {
        return Err(AttributeRefusal::SlowStartWithAlgorithm { algorithm }.into());
    }
    let mitigation = values.of("load_balancing.algorithm.anomaly_mitigation") == "on";
    if mitigation && algorithm != WEIGHTED_RANDOM {
        return Err(AttributeRefusal::MitigationWithAlgorithm { algorithm }.into());
    }
    Ok(())
}

fn thresholds(values: &Values<'_>, given: &Pairs) -> Result<(), Refusal> {
    for measure in ["count", "percentage"] {
        let key = |action: &str| {
            format!("target_group_health.{action}.minimum_healthy_targets.{measure}")
        };
        let (dns, routing) = (key("dns_failover"), key("unhealthy_state_routing"));
        let chosen = values.values.contains_key(&dns) || given.iter().any(|(key, _)| *key == dns);
        let number = |key: &str| values.of(key).parse::<u32>().ok();
        let ordered = number(&dns).zip(number(&routing)).is_none_or(|(dns, own)| dns >= own);
        if chosen && !ordered {
            let measure = measure.to_owned();
            return Err(AttributeRefusal::HealthThresholdOrder { measure }.into());
        }
    }
    Ok(())
}

fn network(values: &Values<'_>) -> Result<(), Refusal> {
    let interval = values.of("target_health_state.unhealthy.draining_interval_seconds");
    let cut = values.is_on("target_health_state.unhealthy.connection_termination.enabled");
    if cut && !matches!(interval, "" | "0") {
        return Err(AttributeRefusal::DrainingNeedsOpenConnections {}.into());
    }
    Ok(())
}

fn gateway(values: &Values<'_>) -> Result<(), Refusal> {
    let failover = values.of("target_failover.on_unhealthy");
    if values.of("target_failover.on_deregistration") != failover {
        return Err(AttributeRefusal::FailoverDiffers {}.into());
    }
    let plain = !values.is_on("stickiness.enabled") && failover == "no_rebalance";
    for event in ["on_unhealthy", "on_deregistration"] {
        let key = format!("send_tcp_reset.{event}.enabled");
        if values.is_on(&key) && !plain {
            return Err(AttributeRefusal::ResetNeedsFiveTuple { key }.into());
        }
    }
    Ok(())
}
