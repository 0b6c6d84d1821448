//! `DescribeAccountLimits`: the quotas in force.
//!
//! Invariant: a limit that the catalog enforces is told as it is configured; the others are
//! AWS's defaults for what this version does not serve yet.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes

use weir_core::limits as core_limits;
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits;
use super::page::Wanted;

/// `DescribeAccountLimits`.
pub fn limits(
    call: &Call,
    input: api::DescribeAccountLimitsInput,
) -> Result<api::DescribeAccountLimitsOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_MAX);
    let mut all = all(call);
    all.sort_unstable();
    let (page, next_marker) = wanted.of(all, |(name, _)| (*name).to_owned());
    let shape = |(name, max): (&str, usize)| api::Limit {
        name: Some(name.to_owned()),
        max: Some(max.to_string()),
    };
    let limits = Some(page.into_iter().map(shape).collect());
    Ok(api::DescribeAccountLimitsOutput { limits, next_marker })
}

fn all(call: &Call) -> Vec<(&'static str, usize)> {
    let quotas = &call.authority().settings().catalog.quotas;
    vec![
        ("application-load-balancers", quotas.load_balancers),
        ("target-groups", quotas.target_groups),
        ("targets-per-application-load-balancer", quotas.targets_per_load_balancer),
        ("listeners-per-application-load-balancer", quotas.listeners_per_load_balancer),
        ("rules-per-application-load-balancer", quotas.rules_per_load_balancer),
        ("target-groups-per-application-load-balancer", quotas.target_groups_per_load_balancer),
        ("targets-per-target-group", quotas.targets_per_target_group),
        ("target-id-registrations-per-application-load-balancer", quotas.registrations_per_target),
        (
            "target-groups-per-action-on-application-load-balancer",
            core_limits::GROUPS_PER_FORWARD_MAX,
        ),
        ("condition-values-per-alb-rule", core_limits::CONDITION_VALUES_PER_RULE_MAX),
        ("condition-wildcards-per-alb-rule", core_limits::CONDITION_WILDCARDS_PER_RULE_MAX),
        // AWS's defaults, for what comes later.
        ("certificates-per-application-load-balancer", 25),
        ("network-load-balancers", 50),
        ("targets-per-network-load-balancer", 3_000),
        ("targets-per-availability-zone-per-network-load-balancer", 500),
        ("listeners-per-network-load-balancer", 50),
        ("target-groups-per-action-on-network-load-balancer", 1),
        ("certificates-per-network-load-balancer", 25),
        ("network-load-balancer-enis-per-vpc", 1_200),
        ("gateway-load-balancers", 100),
        ("gateway-load-balancers-per-vpc", 100),
        ("geneve-target-groups", 100),
        ("targets-per-availability-zone-per-gateway-load-balancer", 300),
    ]
}
