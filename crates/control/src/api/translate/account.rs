//! `DescribeAccountLimits`: the quotas in force.
//!
//! Invariant: a limit that the catalog enforces is told as it is configured.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes

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
    let all = call.authority().settings().catalog.quotas.account_limits();
    let page = wanted.page_of_fixed(all, |(name, _)| (*name).to_owned());
    let (page, next_marker) = page.map_err(|refusal| call.refuse(&refusal))?;
    let shape = |(name, max): (&str, usize)| api::Limit {
        name: Some(name.to_owned()),
        max: Some(max.to_string()),
    };
    let limits = Some(page.into_iter().map(shape).collect());
    Ok(api::DescribeAccountLimitsOutput { limits, next_marker })
}
